"""Reads to the end of the input, then answers with its SHA-256: an answer exists only if a half-closed connection stays open."""

import hashlib
import os
import socketserver


class Digest(socketserver.StreamRequestHandler):
    def handle(self):
        digest = hashlib.sha256()
        while chunk := self.rfile.read(65536):
            digest.update(chunk)
        self.wfile.write(digest.hexdigest().encode())


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("", int(os.environ["PORT"])), Digest).serve_forever()
