"""Large bodies, made and digested as they go. Over HTTP at PORT:

GET /down?mib=N&pace=S   N MiB; their SHA-256 is in X-Digest, of the same bytes for the same N
POST /up?pace=S          the SHA-256 of what came, read in bursts of 1 MiB with S seconds between them
GET /tcp?to=NAME&mib=N   the same up and down over raw TCP with NAME: what went wrong, or nothing

and over raw TCP at 9000: "up" is digested until its end, "down N" is answered with N MiB.
"""

import hashlib
import http.server
import os
import socket
import socketserver
import threading
import time
import urllib.parse

MIB = 1 << 20
BLOCK = hashlib.shake_256(b"volume").digest(2 * MIB)


def pieces(mib):
    """No two are the same within 4 GiB, so that one that is lost, repeated or in the wrong place shows."""
    for number in range(mib):
        yield number.to_bytes(8, "big") + BLOCK[number % MIB:number % MIB + MIB - 8]


def digest(mib):
    whole = hashlib.sha256()
    for piece in pieces(mib):
        whole.update(piece)
    return whole.hexdigest()


def digest_of(read, pace=0.0):
    whole, burst = hashlib.sha256(), 0
    while piece := read(MIB - burst if pace else MIB):
        whole.update(piece)
        burst += len(piece)
        if pace and burst == MIB:
            time.sleep(pace)
            burst = 0
    return whole.hexdigest()


def chunks(read, readline):
    """Gives a reader of a chunked body."""
    left = 0

    def some(limit):
        nonlocal left
        if left == 0:
            left = int(readline().split(b";")[0], 16)
            if left == 0:
                while readline().strip():
                    pass
                return b""
        piece = read(min(left, limit))
        left -= len(piece)
        if left == 0:
            readline()
        return piece

    return some


def sized(read, length):
    left = length

    def some(limit):
        nonlocal left
        piece = read(min(left, limit)) if left else b""
        left -= len(piece)
        return piece

    return some


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/tcp":
            return self.answer(tcp(query["to"], int(query["mib"])))
        if url.path != "/down":
            return self.answer("ready")
        mib = int(query["mib"])
        self.send_response(200)
        self.send_header("Content-Length", str(mib * MIB))
        self.send_header("X-Digest", digest(mib))
        self.end_headers()
        for piece in pieces(mib):
            self.wfile.write(piece)

    def do_POST(self):
        pace = float(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query)).get("pace", 0))
        chunked = self.headers.get("Transfer-Encoding") == "chunked"
        body = chunks(self.rfile.read, self.rfile.readline) if chunked else sized(self.rfile.read, int(self.headers["Content-Length"]))
        self.answer(digest_of(body, pace))

    do_PUT = do_POST

    def log_message(self, form, *values):
        pass


class Raw(socketserver.StreamRequestHandler):
    def handle(self):
        word, _, mib = self.rfile.readline().decode().strip().partition(" ")
        if word == "up":
            self.wfile.write(digest_of(self.rfile.read1).encode())
        else:
            for piece in pieces(int(mib)):
                self.wfile.write(piece)


def tcp(to, mib):
    wanted = digest(mib)
    with socket.create_connection((to, 9000)) as up:
        up.sendall(b"up\n")
        for piece in pieces(mib):
            up.sendall(piece)
        up.shutdown(socket.SHUT_WR)
        said = up.makefile("rb").read().decode()
    with socket.create_connection((to, 9000)) as down:
        down.sendall(f"down {mib}\n".encode())
        got = digest_of(down.recv)
    return "" if (said, got) == (wanted, wanted) else f"up {said}, down {got}, not {wanted}"


class RawServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    threading.Thread(target=RawServer(("", 9000), Raw).serve_forever, daemon=True).start()
    http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
