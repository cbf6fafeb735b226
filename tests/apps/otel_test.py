"""OpenTelemetry's SDK for Node, configured by nothing but the compartment's environment, tells the collector of its spans and logs."""

import json
import pathlib
import socket
import sys

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


if __name__ == "__main__":
    try:
        MODULES = installed.npm("otel")
    except installed.Missing as why:
        print(f"skipped: {why}")
        sys.exit(harness.SKIPPED)
    harness.main()
