"""A small HTTP service: says what it received, and calls others when asked.

GET /...            what arrived, as JSON
GET /call?url=URL   calls URL, and answers with what came back
GET /sleep?s=N      answers after N seconds
GET /status?code=N  answers with that status
GET /fill?n=N       answers with N bytes
POST /...           the same with the body
"""

import functools
import http.server
import json
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request


@functools.lru_cache(maxsize=4)
def filling(size):
    """The same bytes for all who ask, however many they are."""
    return b"x" * size


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fill(self, size):
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(filling(size))

    def call(self, url):
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                return {"status": response.status, "headers": dict(response.headers), "body": response.read().decode()}
        except urllib.error.HTTPError as error:
            return {"status": error.code, "headers": dict(error.headers), "body": error.read().decode()}
        except OSError as error:
            return {"error": str(error)}

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/call":
            return self.answer(self.call(query["url"]))
        if url.path == "/fill":
            return self.fill(int(query["n"]))
        if url.path == "/sleep":
            time.sleep(float(query["s"]))
        if url.path == "/status":
            return self.answer({"status": query["code"]}, int(query["code"]))
        self.answer({
            "service": os.environ.get("NAME", ""), "pid": os.getpid(), "host": socket.gethostname(), "method": self.command, "path": self.path,
            "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body, "peer": self.client_address[0],
        })

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def log_message(self, form, *values):
        print(form % values, flush=True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


Server(("", int(os.environ["PORT"])), Handler).serve_forever()
