"""A raw TCP service that speaks first: a line that tells instances apart. Then it sends back whatever came, once that has ended."""

import os
import socketserver

SELF = os.urandom(8).hex()


class Greeter(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(SELF.encode() + b"\n")
        heard = b""
        while data := self.request.recv(65536):
            heard += data
        self.request.sendall(heard)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    Server(("", int(os.environ["PORT"])), Greeter).serve_forever()
