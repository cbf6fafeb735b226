"""A small HTTP service that tells of itself over OTLP, as an instrumented program does: a span below the request's, and a log record.

GET /tell?encoding=json|gzip   what the collector answered, as JSON
"""

import gzip
import http.server
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request


def send(path, message, zipped):
    body = json.dumps(message).encode()
    headers = {"content-type": "application/json"}
    if zipped:
        body = gzip.compress(body)
        headers["content-encoding"] = "gzip"
    request = urllib.request.Request(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + path, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode()]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if not self.path.startswith("/tell"):
            return self.answer([])
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        _, trace, parent, _ = self.headers["traceparent"].split("-")
        now = time.time_ns()
        span = {"traceId": trace, "spanId": os.urandom(8).hex(), "parentSpanId": parent, "name": "SELECT orders", "kind": 3,
                "startTimeUnixNano": str(now - 2_000_000), "endTimeUnixNano": str(now), "attributes": [{"key": "db.rows", "value": {"intValue": "7"}}]}
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "somebody else"}}]}
        record = {"timeUnixNano": str(now), "severityNumber": 13, "body": {"stringValue": "few are left"}, "traceId": trace, "spanId": span["spanId"]}
        zipped = query.get("encoding") == "gzip"
        answers = [send("/v1/traces", {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "teller"}, "spans": [span]}]}]}, zipped),
                   send("/v1/logs", {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}, zipped),
                   send("/v1/elsewhere", {}, zipped), send("/v1/traces", [], zipped)]
        return self.answer(answers)

    def answer(self, answers):
        body = json.dumps(answers).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


Server(("", int(os.environ["PORT"])), Handler).serve_forever()
