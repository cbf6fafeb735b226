"""Calls http://web/ without pause over connections that it keeps, and says at GET / how that went: {"well": N, "badly": [...]}."""

import http.client
import http.server
import json
import os
import threading

well, badly = [0], []


def call():
    connection = http.client.HTTPConnection("web", timeout=20)
    while True:
        try:
            connection.request("POST", "/", body=b"x")
            response = connection.getresponse()
            response.read()
            if response.status == 200:
                well[0] += 1
            else:
                badly.append(response.status)
        except Exception as error:
            badly.append(repr(error))
            connection.close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"well": well[0], "badly": badly}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


for _ in range(2):
    threading.Thread(target=call, daemon=True).start()
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
