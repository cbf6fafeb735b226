"""An HTTP/1 service that is exact about bytes.

By default it answers 200 and says in its body what it read, one JSON object. A request's X-Answer, hexadecimal, is written back
as it is instead; X-Then says what comes next: `keep` (the connection, the default), `close`, or `reset`. X-When: head answers before the
body was read; X-Fill makes it an answer with so large a field.

POST /raw sends the request's body to the name in X-To, as it is, and answers with all that comes back until that end closes; with
X-End: yes it ends its own side first, with X-Hear: yes it says nothing until it has heard a line.
"""

import json
import os
import selectors
import socket
import socketserver
import struct

DEADLINE = 20  # in case that an answer never ends
SELF = os.urandom(8).hex()  # tells instances apart
seen = []  # the X-Id of every request that had one


class Connection(socketserver.BaseRequestHandler):
    def setup(self):
        self.received = b""
        self.request.settimeout(120)

    def handle(self):
        try:
            while self.serve():
                pass
        except (EOFError, OSError):
            pass

    def more(self):
        data = self.request.recv(65536)
        if not data:
            raise EOFError
        self.received += data

    def until(self, mark):
        while mark not in self.received:
            self.more()
        found, self.received = self.received.split(mark, 1)
        return found

    def take(self, size):
        while len(self.received) < size:
            self.more()
        found, self.received = self.received[:size], self.received[size:]
        return found

    def body(self, fields):
        if fields.get("transfer-encoding") != "chunked":
            return self.take(int(fields.get("content-length", 0))), []
        body = b""
        while size := int(self.until(b"\r\n"), 16):
            body += self.take(size)
            self.take(2)
        trailers = []
        while line := self.until(b"\r\n"):
            trailers.append(line.decode("latin-1"))
        return body, trailers

    def serve(self):
        first, *lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            fields.setdefault(name.lower(), value.strip())
        method, target, _ = first.split(" ")
        if "x-id" in fields:
            seen.append(fields["x-id"])
        if "x-answer" in fields and fields.get("x-when") == "head":
            return self.write_raw(fields)
        body, trailers = self.body(fields)
        if "x-answer" in fields:
            return self.write_raw(fields)
        if method == "POST" and target == "/raw":
            answer = send_raw(fields["x-to"], body, "x-end" in fields, "x-hear" in fields)
        else:
            answer = json.dumps({"first": first, "lines": lines, "body": body.decode("latin-1"), "trailers": trailers, "seen": seen, "self": SELF}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\nX-Method: {method}\r\nX-Target: {target[:100]}\r\n\r\n"
        self.request.sendall(head.encode("latin-1") + (b"" if method == "HEAD" else answer))
        return True

    def write_raw(self, fields):
        answer = bytes.fromhex(fields["x-answer"])
        if "x-fill" in fields:
            answer = b"HTTP/1.1 200 OK\r\nX: " + b"y" * int(fields["x-fill"]) + b"\r\nContent-Length: 0\r\n\r\n"
        self.request.sendall(answer)
        then = fields.get("x-then", "keep")
        if then == "reset":
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if then != "keep":
            self.request.close()
        return then == "keep"


def send_raw(to, data, end, hear=False):
    with socket.create_connection((to, 8080), timeout=DEADLINE) as far:
        heard = b""
        while hear and not heard.endswith(b"\n"):
            piece = far.recv(1)
            if not piece:
                break
            heard += piece
        return heard + exchange(far, data, end)


def exchange(far, data, end):
    """Sends `data` while it reads; gives what came until the far end closed, however it did."""
    answer = b""
    far.setblocking(False)
    with selectors.DefaultSelector() as selector:
        selector.register(far, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while True:
            events = selector.select(DEADLINE)
            if not events:
                raise TimeoutError(f"the connection stayed open after {answer!r}")
            mask = events[0][1]
            try:
                if mask & selectors.EVENT_WRITE:
                    data = data[far.send(data):] if data else data
                    if not data:
                        selector.modify(far, selectors.EVENT_READ)
                        if end:
                            far.shutdown(socket.SHUT_WR)
                if mask & selectors.EVENT_READ:
                    piece = far.recv(65536)
                    if not piece:
                        return answer
                    answer += piece
            except (BrokenPipeError, ConnectionResetError):
                return answer


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    Server(("", int(os.environ["PORT"])), Connection).serve_forever()
