"""OpenTelemetry's SDK for Node, configured by nothing but the compartment's environment, tells the collector of its spans and logs."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request

import harness
import installed

HERE = pathlib.Path(__file__).resolve().parent
MODULES = None  # where npm put them

MANIFEST = """
app: otel
services:
  service:
    dir: @HERE@/otel
    command: [/usr/bin/node, service.js]
    mounts: [{from: @MODULES@, to: /node_modules}]
    port: 8080
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{match: {path: /*}, to: service}]
"""

EXPORTED = MANIFEST.replace("app: otel\n", """app: otel
secrets:
  otlp_token: {file: ./token}
telemetry:
  export: {@EXPORT@}
""")


class Otel(harness.Case):
    def trace_of(self, app, path):
        found = json.loads(app.run("traces", "--route", path, "--json").stdout)["traces"]
        if not found:
            return None
        trace = json.loads(app.run("trace", found[0]["id"], "--json").stdout)["trace"]
        # Two of the sidecars', and two of the program, which may be told before those have ended.
        return trace if len(trace["spans"]) == 4 and trace["logs"] else None

    def test_spans_and_logs_of_every_exporter_join_the_sidecars(self):
        app = self.application(MANIFEST.replace("@HERE@", str(HERE)).replace("@MODULES@", str(MODULES / "node_modules")))
        app.up()
        app.wait_settled()
        for exporter in ("json", "proto", "grpc"):
            with self.subTest(exporter):
                self.assertEqual(app.get(f"/{exporter}/x").text, "told\n")
                trace = harness.until(lambda: self.trace_of(app, f"/{exporter}"), what="what the program told")
                spans = {span.get("hop", span.get("name")): span for span in trace["spans"]}
                self.assertEqual(spans[f"handle {exporter}"]["parent"], spans["inner"]["id"])
                inner = spans["look it up"]
                self.assertEqual(inner["parent"], spans[f"handle {exporter}"]["id"])
                self.assertEqual((inner["service"], inner["span_kind"], inner["error"], inner["message"]), ("service", "client", True, "deadlock"))
                self.assertEqual(inner["attributes"], {"db.system": "postgresql", "rows": 7, "tags": ["a", "b"]})
                self.assertEqual((inner["events"][0]["name"], inner["events"][0]["attributes"]), ("found", {"cached": False}))
                line = trace["logs"][0]
                self.assertEqual((line["severity"], line["text"], line["span"]), ("warn", f'few are left {{"item":"{exporter}"}}', inner["id"]))
        self.assertIn("look it up, which failed", app.run("why", trace["id"]).stdout)
        # What it measures is there for Prometheus.
        address = json.loads(app.run("console", "--json").stdout)["address"]
        token = app.run("console", "--token", "1").stdout.strip()
        asked = urllib.request.Request(address + "/metrics", headers={"authorization": f"Bearer {token}"})
        with urllib.request.urlopen(asked, timeout=20) as answer:
            text = answer.read().decode()
        for exporter in ("json", "proto", "grpc"):
            with self.subTest(exporter):
                self.assertIn(f'orders_{exporter}_total{{service="service",id="service-1",shop_kind="books"}} 2.0\n', text)
                self.assertIn(f'took_{exporter}_milliseconds_bucket{{service="service",id="service-1",le="100.0"}} 1\n', text)
                self.assertIn(f'took_{exporter}_milliseconds_sum{{service="service",id="service-1"}} 42.5\n', text)
                self.assertIn(f'left_{exporter}{{service="service",id="service-1"}} -3.0\n', text)
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertNotIn("error", checked.stderr, text)


class Export(harness.Case):
    """A backend that decodes what it is sent by OpenTelemetry's own definitions."""

    def backend(self, port, *tls):
        script = HERE / "otel/backend.js"
        file = tempfile.NamedTemporaryFile("w+")
        self.addCleanup(file.close)
        seen = pathlib.Path(file.name)
        process = subprocess.Popen(["/usr/bin/node", str(script), str(port), *tls], stdin=subprocess.PIPE, stdout=file, stderr=sys.stderr,
                                   env={"NODE_PATH": str(MODULES / "node_modules"), "PATH": os.environ["PATH"]})

        def end():
            process.kill()
            process.wait()
            process.stdin.close()
        self.addCleanup(end)
        harness.until(seen.read_text, what="the backend")  # from then on its port is nobody else's
        return process, seen

    def requests(self, seen, place):
        return [each for each in map(json.loads, seen.read_text().split("\n")[1:-1]) if each["place"] == place]

    def spans(self, seen):
        """Each span that was taken, with the attributes of its resource."""
        found = []
        for request in self.requests(seen, "/v1/traces"):
            if request["status"] == 200:
                for resource in request["message"]["resourceSpans"]:
                    whose = values(resource["resource"]["attributes"])
                    for scope in resource["scopeSpans"]:
                        found += [dict(span, whose=whose, attributes=values(span["attributes"])) for span in scope["spans"]]
        return found

    def application_with(self, export, **more):
        app = self.application(EXPORTED.replace("@HERE@", str(HERE)).replace("@MODULES@", str(MODULES / "node_modules")).replace("@EXPORT@", export), **more)
        token = app.directory / "token"
        token.write_text("Bearer b4c1f0e2-very-secret\n")
        token.chmod(0o600)
        return app

    def exported(self, app):
        return app.ask_collector("/api/v1/export")

    def test_what_was_seen_arrives_whatever_happens_to_the_backend_and_the_collector(self):
        port, = harness.free_ports(1)
        process, seen = self.backend(port)
        app = self.application_with(f"url: http://localhost:{port}/base/, headers: {{Authorization: otlp_token}}")
        app.up()
        app.wait_settled()
        self.assertEqual(app.get("/json/x?secret=1").text, "told\n")
        spans = harness.until(lambda: found if len(found := [span for span in self.spans(seen) if "x" in str(span)]) >= 4 else None, what="four spans")
        by_hop = {span["attributes"].get("bulkhead.hop", span["name"]): span for span in spans}
        gateway, inner, told = by_hop["gateway"], by_hop["inner"], by_hop["handle json"]
        self.assertEqual({gateway["traceId"]}, {span["traceId"] for span in by_hop.values()})
        self.assertEqual(inner["parentSpanId"], gateway["spanId"])
        self.assertEqual(told["parentSpanId"], inner["spanId"])
        self.assertEqual((inner["name"], inner["kind"]), ("GET /json/x", "SPAN_KIND_SERVER"))
        self.assertEqual(inner["whose"], {"service.name": "service", "service.namespace": "otel", "service.instance.id": "service-1"})
        self.assertEqual({key: inner["attributes"][key] for key in ("http.request.method", "url.path", "http.response.status_code", "bulkhead.caller")},
                         {"http.request.method": "GET", "url.path": "/json/x", "http.response.status_code": 200, "bulkhead.caller": "gateway"})
        self.assertLess(int(inner["startTimeUnixNano"]), int(inner["endTimeUnixNano"]))
        # What the program told, as it told it.
        looked = by_hop["look it up"]
        self.assertEqual((looked["kind"], looked["status"]), ("SPAN_KIND_CLIENT", {"message": "deadlock", "code": "STATUS_CODE_ERROR"}))
        self.assertEqual((looked["attributes"]["db.system"], looked["attributes"]["rows"], looked["attributes"]["tags"]), ("postgresql", 7, ["a", "b"]))
        self.assertEqual((looked["events"][0]["name"], values(looked["events"][0]["attributes"])), ("found", {"cached": False}))
        request = self.requests(seen, "/v1/traces")[0]
        self.assertEqual((request["headers"]["authorization"], request["headers"]["content-type"]), ("Bearer b4c1f0e2-very-secret", "application/x-protobuf"))
        logs = harness.until(lambda: [line for request in self.requests(seen, "/v1/logs") for resource in request["message"]["resourceLogs"]
                                      for scope in resource["scopeLogs"] for line in scope["logRecords"] if line.get("traceId") == inner["traceId"]], what="a log record")
        self.assertEqual((logs[0]["severityText"], logs[0]["severityNumber"], logs[0]["spanId"]), ("warn", "SEVERITY_NUMBER_WARN", looked["spanId"]))
        self.assertIn("few are left", logs[0]["body"]["stringValue"])

        # The backend is away, then it answers 503; requests go on, and the collector is killed meanwhile.
        process.stdin.write(b"503\n")
        process.stdin.flush()
        for i in range(20):
            self.assertEqual(app.get(f"/json/kept-{i}").text, "told\n")
        problem = harness.until(lambda: json.loads(app.run("status", "--json").stdout).get("problems"), 40, "a word of the failing export")
        self.assertRegex(str(problem), r"telemetry is not exported \(it is kept, and sent later\): http://127.0.0.1:\d+/base: /v1/(traces|logs) is answered 503")
        self.assertIn("is answered 503", str(self.exported(app)["signals"]))
        collector = json.loads(app.run("status", "--json").stdout)["collector"]["sidecar_pid"]
        os.kill(collector, signal.SIGKILL)
        process.stdin.write(b"200\n")
        process.stdin.flush()
        wanted = {f"/json/kept-{i}" for i in range(20)}
        harness.until(lambda: wanted <= {span["attributes"].get("url.path") for span in self.spans(seen) if span["attributes"].get("bulkhead.hop") == "inner"}, 90, "what was kept")
        harness.until(lambda: not json.loads(app.run("status", "--json").stdout).get("problems"), 60, "that it works again")
        # Nothing was sent twice: it was refused whole, and how far it came was written down.
        ids = [span["spanId"] for span in self.spans(seen) if "kept" in span["attributes"].get("url.path", "")]
        self.assertEqual(len(ids), len(set(ids)))

        # What it refuses for good is counted, and does not hold up what comes later.
        process.stdin.write(b"400\n")
        process.stdin.flush()
        app.get("/json/refused")
        harness.until(lambda: self.exported(app)["signals"]["traces"]["refused"] > 0, what="what was refused")
        process.stdin.write(b"200\n")
        process.stdin.flush()
        app.get("/json/later")
        harness.until(lambda: "/json/later" in {span["attributes"].get("url.path") for span in self.spans(seen)}, what="what came later")
        metrics = harness.until(lambda: {metric["name"]: metric for request in self.requests(seen, "/v1/metrics") if request["status"] == 200
                                         for metric in request["message"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
                                         if "bulkhead_requests_total" in str(request["message"])}, 40, "metrics")
        counted = metrics["bulkhead_requests_total"]["sum"]
        self.assertEqual((counted["isMonotonic"], counted["aggregationTemporality"]), (True, "AGGREGATION_TEMPORALITY_CUMULATIVE"))
        self.assertIn({"caller": "gateway", "callee": "service", "port": "8080", "side": "caller", "status": "2xx"}, [values(point["attributes"]) for point in counted["dataPoints"]])
        durations = metrics["bulkhead_request_duration_seconds"]["histogram"]["dataPoints"][0]
        self.assertEqual(sum(map(int, durations["bucketCounts"])), int(durations["count"]))
        self.assertEqual(len(durations["bucketCounts"]), len(durations["explicitBounds"]) + 1)
        # So does what the program measures, below its own resource and as it told it.
        told = harness.until(lambda: [(values(resource["resource"]["attributes"])["service.name"], metric) for request in self.requests(seen, "/v1/metrics")
                                      for resource in request["message"]["resourceMetrics"] for metric in resource["scopeMetrics"][0]["metrics"] if metric["name"] == "took.json"], 40, "the program's")
        self.assertEqual((told[-1][0], told[-1][1]["unit"], told[-1][1]["histogram"]["dataPoints"][0]["explicitBounds"]), ("service", "ms", [10, 100]))
        # The secret stands in no file and no answer.
        self.assertNotIn("very-secret", app.run("status", "--json").stdout + app.run("logs", check=False).stdout + str(self.exported(app)))
        for path in (app.directory / "b").rglob("*"):
            if path.is_file():
                self.assertNotIn(b"very-secret", path.read_bytes(), path)

    def test_https_is_verified(self):
        port, = harness.free_ports(1)
        place = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, place)
        for name in ("good", "other"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=backend",
                            "-addext", "subjectAltName=DNS:localhost", "-keyout", place / f"{name}.key", "-out", place / f"{name}.pem"], check=True, capture_output=True)
        _, seen = self.backend(port, str(place / "good.key"), str(place / "good.pem"))
        app = self.application_with(f"url: \"https://localhost:{port}\", ca: {place}/other.pem, signals: [traces]")
        app.up()
        app.wait_settled()
        app.get("/json/x")
        problem = harness.until(lambda: json.loads(app.run("status", "--json").stdout).get("problems"), 40, "a word of the failing export")
        self.assertIn("certificate", str(problem))
        self.assertEqual(self.requests(seen, "/v1/traces"), [])
        text = app.manifest.read_text().replace("other.pem", "good.pem")
        app.manifest.write_text(text)
        app.up()
        harness.until(lambda: self.spans(seen), 40, "spans")
        self.assertEqual(self.requests(seen, "/v1/logs") + self.requests(seen, "/v1/metrics"), [])


def values(attributes):
    def plain(value):
        (kind, held), = value.items()
        if kind == "arrayValue":
            return [plain(each) for each in held["values"]]
        return int(held) if kind == "intValue" else held
    return {each["key"]: plain(each["value"]) for each in attributes}


if __name__ == "__main__":
    try:
        MODULES = installed.npm("otel")
    except installed.Missing as why:
        print(f"skipped: {why}")
        sys.exit(harness.SKIPPED)
    harness.main()
