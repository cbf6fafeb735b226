"""What the shop's Python services share: JSON over HTTP/1.1 with the standard library, and an orderly end."""

import json
import os
import signal
import socket
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

LONGEST_BODY = 1 << 20


def data(name):
    """The path of a file of the service's own: in $HOME, which outlives the process."""
    return os.path.join(os.environ.get("HOME", "/data"), name)


class Request:
    """What a handler function sees: method, path, query and body."""

    def __init__(self, handler, body):
        url = urlsplit(handler.path)
        self.method, self.path, self.headers, self.body = handler.command, unquote(url.path), handler.headers, body
        self.query = {name: values[-1] for name, values in parse_qs(url.query).items()}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered: an answer is one write
    server_version, sys_version = "shop", ""

    def handle_request(self):
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > LONGEST_BODY:
            self.close_connection = True
            return self.answer(411, {"error": f"a Content-Length of at most {LONGEST_BODY}"})
        return self.answer(*self.server.respond(Request(self, self.rfile.read(int(length)))))

    def answer(self, status, content=None, headers=None):
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if content is not None:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        if self.server.stopping or self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = handle_request

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """A thread for each connection. server_close() lets every request that arrived be answered."""

    daemon_threads = False
    request_queue_size = 256
    server_bind = socketserver.TCPServer.server_bind  # HTTPServer's asks DNS for a name that nobody needs

    def __init__(self, address, respond):
        self.respond, self.stopping, self.connections = respond, False, set()
        super().__init__(address, Handler)

    def process_request(self, request, client_address):
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def server_close(self):
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RD)  # an idle one ends, a busy one reads its end after its answer
            except OSError:
                pass
        super().server_close()


def serve(name, respond):
    """Answers on $PORT until SIGTERM. `respond(request)` returns (status, content) or (status, content, headers), where
    no content means that the status has none (304); it runs on the connection's thread."""
    server = Server((os.environ.get("LISTEN", "0.0.0.0"), int(os.environ.get("PORT", "8080"))), respond)

    def stop(*_):
        server.stopping = True
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"{name} listens on port {server.server_address[1]}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
