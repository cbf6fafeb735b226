"""A hostile HTTP/2 server in clear, and who calls it.

As a service it has one port for each of CASES, from FIRST on. The first connection of a port that carries a request gets what its case
writes; every other answers rightly. GET /ask?port=PORT at PORT makes one gRPC call to that port of `origin`, and answers with
what curl prints of the answer, and its exit status in the last line.
"""

import http.server
import os
import socket
import struct
import subprocess
import threading
import urllib.parse

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
FIRST = 20000
ANSWERED, REFUSED, BROKEN = "answered", "refused", "broken"
PREFACE = 24  # octets


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!I", len(payload))[1:] + bytes((kind, flags)) + struct.pack("!I", stream) + payload


def literal(name, value):
    return bytes((0, len(name))) + name + bytes((len(value),)) + value


def setting(number, value):
    return frame(SETTINGS, 0, 0, struct.pack("!HI", number, value))


def reset(stream, code):
    return frame(RST_STREAM, 0, stream, struct.pack("!I", code))


def goaway(last, code, stream=0):
    return frame(GOAWAY, 0, stream, struct.pack("!II", last, code))


STATUS = b"\x88"
HEAD = STATUS + literal(b"content-type", b"application/grpc")
TRAILERS = literal(b"grpc-status", b"0")
MESSAGE = b"\0\0\0\0\x02ok"
BEGUN = frame(HEADERS, END_HEADERS, 1, HEAD)
GOOD = BEGUN + frame(DATA, 0, 1, MESSAGE) + frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS)
CLOSE = object()  # the connection's end, where it comes before the client's

# name, what the caller gets, what is written once the request has come
CASES = [
    ("a right answer", {ANSWERED}, GOOD),
    ("an unknown frame and an unknown setting", {ANSWERED}, frame(77, 255, 1, b"x") + setting(0xFFF, 7) + GOOD),
    ("padding", {ANSWERED}, BEGUN + frame(DATA, PADDED, 1, b"\x03" + MESSAGE + b"\0\0\0") + frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS)),
    ("GOAWAY, and the answer all the same", {ANSWERED}, goaway(0x7FFFFFFF, 0) + goaway(1, 0) + GOOD),
    ("GOAWAY that leaves the request out", {ANSWERED}, goaway(0, 0)),
    ("GOAWAY that leaves it out, with an error", {ANSWERED}, goaway(0, 11)),
    ("REFUSED_STREAM", {ANSWERED}, reset(1, 7)),
    ("GOAWAY that includes it, and the end", {REFUSED}, (goaway(1, 0), CLOSE)),
    ("GOAWAY whose last stream grows", {REFUSED}, goaway(1, 0) + goaway(5, 0)),
    ("GOAWAY of a stream", {REFUSED}, goaway(1, 0, stream=1)),
    ("GOAWAY cut short", {REFUSED}, frame(GOAWAY, 0, 0, b"\0\0\0")),
    ("a reset", {REFUSED}, reset(1, 2)),
    ("a reset of a stream that nobody opened", {REFUSED}, reset(7, 8)),
    ("a flood of resets", {REFUSED}, reset(1, 2) * 20000),
    ("a reset within the answer", {BROKEN, REFUSED}, BEGUN + frame(DATA, 0, 1, MESSAGE) + reset(1, 2)),
    ("the end instead of an answer", {REFUSED}, (b"", CLOSE)),
    ("the end within the answer", {BROKEN, REFUSED}, (BEGUN + frame(DATA, 0, 1, MESSAGE), CLOSE)),
    ("the end within a frame", {BROKEN, REFUSED}, (BEGUN + frame(DATA, 0, 1, MESSAGE)[:12], CLOSE)),
    ("HTTP/1", {REFUSED}, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ("zeros", {REFUSED}, bytes(5000)),
    ("a frame of 16 MiB", {REFUSED}, b"\xff\xff\xff\0\0\0\0\0\x01"),
    ("PUSH_PROMISE", {REFUSED}, frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack("!I", 2) + STATUS)),
    ("ENABLE_PUSH of a server", {REFUSED}, setting(2, 1)),
    ("INITIAL_WINDOW_SIZE beyond all", {REFUSED}, setting(4, 0x80000000)),
    ("MAX_FRAME_SIZE below the least", {REFUSED}, setting(5, 100)),
    ("SETTINGS of five octets", {REFUSED}, frame(SETTINGS, 0, 0, b"abcde")),
    ("SETTINGS of a stream", {REFUSED}, frame(SETTINGS, 0, 1)),
    ("ACK with a payload", {REFUSED}, frame(SETTINGS, ACK, 0, b"abcdef")),
    ("PING of seven octets", {REFUSED}, frame(PING, 0, 0, b"1234567")),
    ("floods of SETTINGS and PING", {REFUSED}, (frame(SETTINGS, 0, 0) + frame(PING, 0, 0, bytes(8))) * 20000),
    ("WINDOW_UPDATE beyond all, of the connection", {REFUSED}, frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff") * 2),
    ("WINDOW_UPDATE beyond all, of the stream", {REFUSED}, frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff") * 2),
    ("WINDOW_UPDATE by nothing", {REFUSED}, frame(WINDOW_UPDATE, 0, 0, bytes(4))),
    ("DATA of stream 0", {REFUSED}, frame(DATA, 0, 0, b"x")),
    ("DATA of a stream that nobody opened", {REFUSED}, frame(DATA, 0, 9, b"x")),
    ("DATA before HEADERS", {REFUSED}, frame(DATA, 0, 1, MESSAGE)),
    ("DATA with more padding than payload", {BROKEN, REFUSED}, BEGUN + frame(DATA, PADDED, 1, b"\xffab")),
    ("DATA behind the answer", {ANSWERED}, GOOD + frame(DATA, 0, 1, b"x") * 10),
    ("HEADERS behind the answer", {ANSWERED}, GOOD + frame(HEADERS, END_HEADERS, 1, HEAD)),
    ("HEADERS of an even stream", {REFUSED}, frame(HEADERS, END_HEADERS, 2, HEAD)),
    ("CONTINUATION without HEADERS", {REFUSED}, frame(CONTINUATION, END_HEADERS, 1, STATUS)),
    ("DATA within a head", {REFUSED}, frame(HEADERS, 0, 1, HEAD) + frame(DATA, 0, 1, MESSAGE)),
    ("a flood of CONTINUATION", {REFUSED}, frame(HEADERS, 0, 1, HEAD) + frame(CONTINUATION, 0, 1, b"") * 50000),
    # Not to be sent again, yet it is: H2Session::request_sent says of a stream that its own failure closed that nothing was sent.
    ("a head without an end", {REFUSED}, frame(HEADERS, 0, 1, HEAD) + frame(CONTINUATION, 0, 1, literal(b"x", b"y" * 100) * 100) * 500),
    ("an index beyond the table", {REFUSED}, frame(HEADERS, END_HEADERS, 1, STATUS + b"\xff\x80\x80\x01")),
    ("a string that ends too early", {REFUSED}, frame(HEADERS, END_HEADERS, 1, STATUS + b"\0\x7fab")),
    ("a table larger than allowed", {REFUSED}, frame(HEADERS, END_HEADERS, 1, b"\x3f\xe1\xff\xff\x03" + STATUS)),
    ("an HPACK bomb", {REFUSED}, frame(HEADERS, END_HEADERS, 1, HEAD + b"\x40\x01y\x64" + b"x" * 100 + b"\xbe" * 12000)),
    ("no :status", {REFUSED}, frame(HEADERS, END_HEADERS, 1, literal(b"content-type", b"application/grpc"))),
    (":status twice", {REFUSED}, frame(HEADERS, END_HEADERS, 1, STATUS * 2)),
    (":status that is none", {REFUSED}, frame(HEADERS, END_HEADERS, 1, literal(b":status", b"2xx"))),
    ("101", {REFUSED}, frame(HEADERS, END_HEADERS, 1, literal(b":status", b"101"))),
    (":status behind a field", {REFUSED}, frame(HEADERS, END_HEADERS, 1, literal(b"a", b"b") + STATUS)),
    ("a name in capitals", {REFUSED}, frame(HEADERS, END_HEADERS, 1, HEAD + literal(b"Upper", b"b"))),
    ("a field of a connection", {REFUSED}, frame(HEADERS, END_HEADERS, 1, HEAD + literal(b"transfer-encoding", b"chunked"))),
    ("a line end in a field", {REFUSED}, frame(HEADERS, END_HEADERS, 1, HEAD + literal(b"a", b"b\r\nc: d"))),
    ("a length that is not kept", {BROKEN, REFUSED}, frame(HEADERS, END_HEADERS, 1, HEAD + literal(b"content-length", b"99")) + frame(DATA, END_STREAM, 1, MESSAGE)),
    ("trailers that do not end", {BROKEN, REFUSED}, BEGUN + frame(DATA, 0, 1, MESSAGE) + frame(HEADERS, END_HEADERS, 1, TRAILERS)),
    ("100 that ends the stream", {REFUSED}, frame(HEADERS, END_HEADERS | END_STREAM, 1, literal(b":status", b"100"))),
    ("more than the window", {BROKEN, REFUSED}, BEGUN + frame(DATA, 0, 1, bytes(16384)) * 200),
]


class Case(threading.Thread):
    def __init__(self, number):
        super().__init__(daemon=True)
        _, _, self.output = CASES[number]
        self.listener = socket.create_server(("", FIRST + number))
        self.fresh = threading.Lock()  # never given back: the first takes it

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as reader:
            try:
                reader.read(PREFACE)
                connection.sendall(frame(SETTINGS, 0, 0))
                self.speak(connection, reader)
            except OSError:
                pass

    def speak(self, connection, reader):
        hostile = None
        while len(head := reader.read(9)) == 9:
            kind, flags, (stream,) = head[3], head[4], struct.unpack("!I", head[5:])
            reader.read(int.from_bytes(head[:3], "big"))
            if kind == SETTINGS and not flags & ACK:
                connection.sendall(frame(SETTINGS, ACK, 0))
            if kind != HEADERS:
                continue
            if hostile is None:
                hostile = self.fresh.acquire(blocking=False)
            if not hostile or stream != 1:
                connection.sendall(right_answer(stream))
            elif isinstance(self.output, tuple):
                connection.sendall(self.output[0])
                return  # CLOSE
            else:
                connection.sendall(self.output)


def right_answer(stream):
    return frame(HEADERS, END_HEADERS, stream, HEAD) + frame(DATA, 0, stream, MESSAGE) + frame(HEADERS, END_HEADERS | END_STREAM, stream, TRAILERS)


class Caller(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    command_line = ["curl", "--silent", "--show-error", "--include", "--http2-prior-knowledge", "--max-time", "20", "--data", "",
                    "--header", "content-type: application/grpc", "--header", "te: trailers"]

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        body = b"ready"
        if url.path == "/ask":
            port = urllib.parse.parse_qs(url.query)["port"][0]
            done = subprocess.run([*self.command_line, f"http://origin:{port}/case.Case/Ask"], capture_output=True)
            body = done.stdout + done.stderr + b"\n%d" % done.returncode
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    if "CASES" in os.environ:
        for case in map(Case, range(len(CASES))):
            case.start()
    http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Caller).serve_forever()
