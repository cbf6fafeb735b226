"""Takes votes and puts them into a list of Redis."""

import http.server
import json

import ballot  # a package that pip has to fetch
from redis import Redis

redis = Redis(host="redis", db=0, socket_timeout=5)


class Votes(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, b"vote\n")

    def do_POST(self):
        vote = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        redis.rpush("votes", json.dumps(ballot.checked(vote)))
        self.answer(202, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("0.0.0.0", 80), Votes).serve_forever()
