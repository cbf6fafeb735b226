"""Holds secrets: says what it sees of them, and what it was told.

Prints each signal that it gets; a line of its standard input is printed as it is, in two writes.
"""

import http.server
import json
import os
import pathlib
import signal
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path("/run/secrets")
told = []


def hear(number, _):
    told.append(signal.Signals(number).name)


def attempt(deed):
    try:
        deed()
    except OSError as error:
        return error.strerror
    return "done"


def look():
    named = [path for path in sorted(HERE.iterdir()) if not path.name.startswith("..")]
    files = [file for path in named for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return {
        "files": {str(path.relative_to(HERE)): path.read_text() for path in files},
        "modes": {str(path.relative_to(HERE)): oct(path.stat().st_mode & 0o7777) for path in files},
        "owners": sorted({path.stat().st_uid for path in files}),
        "environment": {name: value for name, value in os.environ.items() if name.startswith("GIVEN")},
        "told": told,
        "pid": os.getpid(),
    }


def attack():
    first = HERE / "db_password"
    return {
        "write": attempt(lambda: first.write_text("mine")),
        "chmod": attempt(lambda: first.chmod(0o600)),
        "make": attempt(lambda: (HERE / "more").write_text("mine")),
        "remove": attempt(first.unlink),
        "rename": attempt(lambda: HERE.rename("/run/other")),
        "unmount": attempt(lambda: os.chroot("/run")),
        "mounts": [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if "/run/secrets" in line],
        "init": attempt(lambda: os.listdir("/proc/1/fd")),
    }


def field(number, octets):
    """Of a protobuf message, with less than 128 octets."""
    return bytes([number << 3 | 2, len(octets)]) + octets


def leak():
    """Puts secrets where programs put them by mistake, and says what was answered: into paths, log records, attributes."""
    password, token = (HERE / "db_password").read_text().strip(), (HERE / "api_token").read_text()
    quoted = urllib.parse.quote(token + "/" + password, safe="")
    calls = [urllib.request.Request(f"http://other:8080/{text}") for text in (f"hooks/{password}/x", f"hooks/{quoted}", f"undeclared/{password}")]
    text = {"stringValue": f"connecting with {password}"}
    log = {"timeUnixNano": str(time.time_ns()), "body": text, "attributes": [{"key": "token", "value": {"stringValue": token}}]}
    span = {"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "name": f"login {token}", "startTimeUnixNano": str(time.time_ns()),
            "endTimeUnixNano": str(time.time_ns()), "attributes": [{"key": "dsn", "value": text}]}
    point = {"asDouble": 1, "timeUnixNano": str(time.time_ns()), "attributes": [{"key": "password", "value": {"stringValue": password}}]}
    messages = {
        "/v1/logs": {"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]},
        "/v1/traces": {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]},
        "/v1/metrics": {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "logins", "gauge": {"dataPoints": [point]}}]}]}]},
    }
    place = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
    calls += [urllib.request.Request(place + path, json.dumps(message).encode(), {"content-type": "application/json"}) for path, message in messages.items()]
    when = b"\x09" + time.time_ns().to_bytes(8, "little")
    binary = field(1, field(2, field(2, when + field(5, field(1, f"in protobuf {password}".encode())))))
    calls.append(urllib.request.Request(place + "/v1/logs", binary, {"content-type": "application/x-protobuf"}))
    answered = []
    for call in calls:
        try:
            answered.append(urllib.request.urlopen(call, timeout=20).status)
        except urllib.error.HTTPError as error:
            answered.append(error.code)
    return answered


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"/attack": attack, "/leak": leak}.get(self.path, look)()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        """Prints what it got, in two writes, to both streams."""
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        for stream in (sys.stdout, sys.stderr):
            stream.write(text[: len(text) // 2])
            stream.flush()
            stream.write(text[len(text) // 2 :] + "\n")
            stream.flush()
        self.do_GET()

    def log_message(self, *_):
        pass


for each in (signal.SIGHUP, signal.SIGUSR1):
    signal.signal(each, hear)
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
