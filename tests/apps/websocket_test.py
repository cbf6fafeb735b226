"""WebSockets under load through gateway and mesh, while HTTP goes on beside them and instances come and go.

    websocket_test.py [--seconds N]    20 unless given
"""

import argparse
import asyncio
import contextlib
import pathlib
import random
import socket
import ssl
import struct
import sys
import time

import harness

HERE = pathlib.Path(__file__).resolve().parent
try:
    import websockets
except ImportError:
    websockets = None

MANIFEST = """
app: sockets
services:
  socket:
    dir: @HERE@/site
    command: [/usr/bin/python3, echo.py]
    port: 8765
    healthcheck: {type: tcp}
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
gateway:
  listen: 127.0.0.1:@PORT@
  tls: off
  routes:
    - {match: {path: /socket/*}, to: socket}
    - {to: web}
""".replace("@HERE@", str(HERE))
CONNECTIONS = 12
BROWSERS = 4
# The lengths at which a frame's head changes, and such that need many reads.
SIZES = (0, 1, 125, 126, 1000, 65535, 65536, 300_000)
TEXT, CLOSE, FIN = 1, 8, 0x80


class Load:
    """What the clients did, and whether they go on."""

    def __init__(self, app, seconds):
        self.app = app
        self.end = time.monotonic() + seconds
        self.messages = self.fragmented = self.pings = self.closes = self.requests = self.changes = 0

    def goes_on(self):
        return time.monotonic() < self.end


def frame(opcode, data):
    """A client's frame; a mask of zeros is one."""
    return struct.pack("!BB4x", FIN | opcode, 0x80 | len(data)) + data


async def talk(load, url, context, number):
    """One connection for the whole time, and its end: of this side or of the other."""
    chance = random.Random(number)
    async with websockets.connect(url, ssl=context, max_size=4 << 20, open_timeout=30, ping_interval=None) as connection:
        while load.goes_on():
            message = chance.randbytes(chance.choice(SIZES))
            pieces = chance.choice((1, 1, 2, 7))
            if pieces == 1:
                await connection.send(message)
            else:
                step = len(message) // pieces + 1
                await connection.send([message[at:at + step] for at in range(0, len(message), step)] or [b""])
                load.fragmented += 1
            assert await asyncio.wait_for(connection.recv(), 60) == message
            load.messages += 1
            if chance.random() < 0.1:
                await asyncio.wait_for(await connection.ping(chance.randbytes(8)), 60)
                load.pings += 1
        code = 3000 + number
        if number % 2:
            await connection.close(code, "enough")
        else:
            await connection.send(f"close {code}")
            await asyncio.wait_for(connection.wait_closed(), 60)
        assert connection.close_code == code, connection.close_code
        load.closes += 1


def browse(load):
    """Requests on one kept connection."""
    connection = load.app.connection()
    with contextlib.closing(connection):
        connection.connect()
        kept = connection.sock
        while load.goes_on():
            connection.request("POST", "/x", body=b"y" * 2000)
            answer = harness.Answer(connection.getresponse())
            assert (answer.status, len(answer.json["body"])) == (200, 2000), answer.body
            assert connection.sock is kept, "the connection was not kept"
            load.requests += 1


def change(load):
    """Snapshots for everybody, as instances of another service come and go."""
    while load.goes_on():
        load.app.run("scale", "web", str(1 + (load.changes + 1) % 2))
        load.app.wait_settled(60)
        load.changes += 1


async def all_at_once(load, url, context):
    await asyncio.gather(
        *(talk(load, url, context, number) for number in range(CONNECTIONS)), *(asyncio.to_thread(browse, load) for _ in range(BROWSERS)),
        asyncio.to_thread(change, load))


class WebSockets(harness.Case):
    def test_every_message_comes_back_while_http_goes_on_and_instances_come_and_go(self):
        app = self.application(MANIFEST.replace("  tls: off\n", ""))
        app.up()
        app.wait_settled()
        context = ssl.create_default_context(cafile=str(app.directory / "b/state/sockets/gateway/certificate.pem"))
        load = Load(app, SECONDS)
        asyncio.run(all_at_once(load, f"wss://127.0.0.1:{app.port}/socket/a", context))
        print(f"{load.messages} messages, {load.fragmented} of them in fragments, {load.pings} pings, {load.requests} requests, {load.changes} changes", flush=True)
        self.assertEqual(load.closes, CONNECTIONS)
        self.assertTrue(load.messages and load.fragmented and load.pings and load.requests and load.changes)

    def test_the_closing_handshake_goes_through_when_the_client_has_ended_its_side(self):
        app = self.application(MANIFEST)
        app.up()
        head = ("GET /socket/a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()
        messages = frame(TEXT, b"one") + frame(TEXT, b"two")
        for early in (True, False):  # whether the first messages wait for the 101
            with self.subTest(early=early), socket.create_connection(("127.0.0.1", app.port), timeout=60) as far:
                far.sendall(head + messages if early else head)
                answer, data = self.until(far, b"", b"\r\n\r\n")
                self.assertTrue(answer.startswith(b"HTTP/1.1 101 "), answer)
                if not early:
                    far.sendall(messages)
                echoed, rest = self.until(far, data, b"two")
                self.assertEqual((echoed, rest), (b"\x81\x03one\x81\x03two", b""))
                far.sendall(frame(CLOSE, struct.pack("!H", 1000)))
                far.shutdown(socket.SHUT_WR)
                closed = b""
                while piece := far.recv(65536):
                    closed += piece
                self.assertEqual(closed, b"\x88\x02\x03\xe8")

    def until(self, far, received, mark):
        """Reads until the mark has come. Gives what came with it, and what came behind."""
        while mark not in received:
            piece = far.recv(65536)
            self.assertTrue(piece, received)
            received += piece
        end = received.index(mark) + len(mark)
        return received[:end], received[end:]


if __name__ == "__main__":
    if websockets is None:
        print("skipped: python3-websockets is not installed (scripts/packages-test.txt)")
        sys.exit(harness.SKIPPED)
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    options, sys.argv[1:] = parser.parse_known_args()
    SECONDS = options.seconds
    harness.main()
