"""A small HTTP service that tells what it received, and calls another one with as much of it as it is told to hand on.

GET /...                                   what arrived, as JSON
GET /ask?url=URL&hand=NAME,NAME&say=N:V    calls URL with those fields of its own request, and with fields of its own
"""

import http.server
import json
import os
import urllib.error
import urllib.parse
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def ask(self, query):
        request = urllib.request.Request(query["url"])
        for name in filter(None, query.get("hand", "").split(",")):
            if self.headers[name]:
                request.add_header(name, self.headers[name])
        for field in filter(None, query.get("say", "").split(",")):
            request.add_header(*field.split(":", 1))
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return {"status": response.status, "body": json.loads(response.read())}
        except urllib.error.HTTPError as error:
            return {"status": error.code, "body": json.loads(error.read())}

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        seen = {"path": url.path, "headers": [[name.lower(), value] for name, value in self.headers.items()]}
        answer = self.ask(dict(urllib.parse.parse_qsl(url.query))) if url.path == "/ask" else seen
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Txn-Token", "said by the service")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *values):
        print(form % values, flush=True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


Server(("", int(os.environ["PORT"])), Handler).serve_forever()
