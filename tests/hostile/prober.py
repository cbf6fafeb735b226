"""An HTTP service that tries what it is asked to: a stand-in for a service that was taken over.

POST /try with [{"host", "port", "method", "path", "kind": "http" | "tcp"}]: what became of each, "allowed" or why not.
GET /probe: runs the hostile probe beside it and answers with its lines.
Everything else: 200, so that it is seen when a call goes through.
"""

import http.client
import http.server
import json
import os
import socket
import subprocess


def attempt(what):
    try:
        if what["kind"] == "tcp":
            with socket.create_connection((what["host"], what["port"]), timeout=5) as connection:
                connection.sendall(b"ping\n")
                return "allowed" if connection.recv(5) == b"ping\n" else "closed"
        connection = http.client.HTTPConnection(what["host"], what["port"], timeout=5)
        connection.request(what["method"], what["path"])
        status = connection.getresponse().status
        return "allowed" if status == 200 else str(status)
    except OSError as error:
        return error.__class__.__name__
    except http.client.HTTPException as error:
        return error.__class__.__name__


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        value = "here"
        if self.path == "/try":
            value = [attempt(what) for what in json.loads(body)]
        if self.path == "/probe":
            value = subprocess.run(["/opt/probe/hostile_probe"], capture_output=True, text=True).stdout.splitlines()
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("", int(os.environ["PORT"])), Handler).serve_forever()
