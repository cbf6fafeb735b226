"""An HTTP service that says which version it is.

VERSION      what it answers
FAIL         the share of requests that it answers with 500, as 0.25
DELAY        seconds that each answer takes
BROKEN       "exit": it ends at once; "unready": it answers 503 to its health check; "dies": the third request ends it
GET /slow    answers after two seconds, GET /slow/12 after twelve; POST is answered as GET is
GET /begun   says how many requests have begun that are slow
"""

import http.server
import itertools
import os
import sys
import time

BROKEN = os.environ.get("BROKEN", "")
FAIL = float(os.environ.get("FAIL", "0"))
DELAY = float(os.environ.get("DELAY", "0"))
numbers = itertools.count()
slow = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status = 200
        if self.path == "/health":
            status = 503 if BROKEN == "unready" else 200
        else:
            if self.path.startswith("/slow"):
                slow.append(self.path)
                time.sleep(float(self.path[6:] or 2))
            time.sleep(DELAY)
            if BROKEN == "dies" and next(numbers) == 2:
                os._exit(3)
            if FAIL and next(numbers) % round(1 / FAIL) == 0:
                status = 500
        body = str(len(slow)).encode() if self.path == "/begun" else os.environ["VERSION"].encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


if BROKEN == "exit":
    sys.exit("this version does not start")
Server(("", int(os.environ["PORT"])), Handler).serve_forever()
