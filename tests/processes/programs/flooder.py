"""A program that tells far more of itself over OTLP than anybody could keep.

GET /flood?seconds=N&rate=R   tells R spans a second for so long (or as many as it can); {"told", "refused", "other"}, the latter the answers that were not 200;
                              with &refused=1 for longer, 45 s at most, where nothing was refused until then
Anything else is answered "ok".
"""

import collections
import http.client
import http.server
import json
import os
import time
import urllib.parse

SPANS = 5000


def field(number, content):
    """A length-delimited field of Protocol Buffers."""
    size, length = len(content), b""
    while size >= 0x80:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def fixed(number, value):
    return bytes([number << 3 | 1]) + value.to_bytes(8, "little")


def spans_of(now):
    return b"".join(field(2, field(1, os.urandom(16)) + field(2, os.urandom(8)) + field(5, b"flood") + fixed(7, now) + fixed(8, now + 1000)) for _ in range(SPANS))


def refused_in(body):
    """Of an ExportTracePartialSuccess: its first field, a varint, within the first field."""
    if not body:
        return 0
    value, at = 0, body.index(b"\x08", 2) + 1
    for shift in range(0, 64, 7):
        value |= (body[at + shift // 7] & 0x7F) << shift
        if body[at + shift // 7] < 0x80:
            return value


def flood(seconds, rate, most=0):
    """At least so many seconds, and up to `most` of them until something is refused."""
    body = field(1, field(2, spans_of(time.time_ns())))
    place = urllib.parse.urlsplit(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"])
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    told, refused, other = 0, 0, collections.Counter()
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < seconds or (not refused and passed < most):
        if told > rate * passed:
            time.sleep(0.005)
            continue
        connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        answer = connection.getresponse()
        content = answer.read()
        told += SPANS
        if answer.status == 200:
            refused += refused_in(content)
        else:
            other[answer.status] += 1
    connection.close()
    return {"told": told, "refused": refused, "other": other, "seconds": time.monotonic() - begin}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        most = 45 if "refused" in query else 0
        body = json.dumps(flood(float(query["seconds"]), float(query["rate"]), most)).encode() if url.path == "/flood" else b"ok"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("", int(os.environ["PORT"])), Handler).serve_forever()
