"""Both services of h2specd_test.py: `spec` runs h2specd, which has one port for each case, and `caller` calls those ports.

    GET /run            runs every case and answers with what h2specd says
    GET /ask?port=PORT  one gRPC call to that port of spec
"""

import http.server
import os
import subprocess
import sys
import urllib.parse
import urllib.request

CALL = ["curl", "--silent", "--show-error", "--http2-prior-knowledge", "--max-time", "2.2", "--header", "content-type: application/grpc",
        "--header", "te: trailers", "--data", ""]


def run():
    ask = f"{sys.executable} {os.path.abspath(__file__)}"  # with the URL of a case behind it
    done = subprocess.run(["/opt/h2specd", "--strict", "--host", "127.0.0.1", "--from-port", os.environ["FIRST"], "--timeout", "2", "--exec", ask], capture_output=True)
    # Listeners that h2specd closes at its end say so, thousands of times.
    return b"\n".join(line for line in (done.stdout + done.stderr).splitlines() if b"use of closed network connection" not in line)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        body = b"ready"
        if url.path == "/run":
            body = run()
        elif url.path == "/ask":
            port = urllib.parse.parse_qs(url.query)["port"][0]
            done = subprocess.run([*CALL, f"http://spec:{port}/case.Case/Ask"], capture_output=True)
            body = done.stdout + done.stderr
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        port = urllib.parse.urlsplit(sys.argv[1]).port
        urllib.request.urlopen(f"http://caller/ask?port={port}", timeout=2.5).read()
    else:
        http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
