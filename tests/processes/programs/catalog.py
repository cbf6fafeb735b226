"""A catalog that keeps what it is given, and tells more of it than its contract says."""

import http.server
import json
import os

ITEMS = {"1": {"name": "ship", "price": 7, "cost": 3},
         "2": {"name": "boat", "price": 2, "profile": {"eyes": "hush-eyes", "hush-member": 1}, "notes": {"hush-note": 0}, "cost": 3}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, kind="application/json"):
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        name = self.path.rsplit("/", 1)[1].split("?")[0]
        if name == "broken":
            return self.answer(200, '{"name": "ship", "cost"')
        if name == "html":
            return self.answer(200, "<p>cost: 3", "text/html")
        if name in ITEMS:
            return self.answer(200, json.dumps(ITEMS[name]))
        self.answer(404, json.dumps({"detail": "no such item", "trace": "line 7"}))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)) if self.headers["Content-Length"] else self.chunked()
        self.answer(201, json.dumps({"seen": json.loads(body)}))

    def chunked(self):
        body = b""
        while True:
            size = int(self.rfile.readline(), 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body

    def log_request(self, code="-", size="-"):
        """Without the query, which may have in it what nobody should read."""
        print(self.command, self.path.partition("?")[0], int(code), flush=True)

    def log_message(self, form, *values):
        print(form % values, flush=True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


Server(("", int(os.environ["PORT"])), Handler).serve_forever()
