"""A real Prometheus scrapes the collector, with a token and the rules that are shipped, unchanged."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import harness

PACKAGING = pathlib.Path(__file__).resolve().parents[2] / "packaging"


class Prometheus(harness.Case):
    def query(self, port, text):
        url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": text})
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.loads(answer.read())["data"]["result"]
        except (urllib.error.URLError, ConnectionError):
            return []

    def test_it_scrapes_what_flows_and_takes_the_rules_that_are_shipped(self):
        rules = PACKAGING / "prometheus/alerts.yaml"
        self.assertIn("6 rules found", subprocess.run(["promtool", "check", "rules", str(rules)], check=True, capture_output=True, text=True).stdout)
        app = self.application(harness.one_service("scraped"))
        app.up()
        app.wait_settled()
        for _ in range(5):
            app.get("/hello")
        address = harness.until(lambda: json.loads(app.run("console", "--json", check=False).stdout or "{}").get("address"), what="the console")
        token = app.run("console", "--token", "1").stdout.strip()
        request = urllib.request.Request(address + "/metrics", headers={"authorization": f"Bearer {token}"})
        text = harness.until(lambda: self.metrics_with(request, "bulkhead_requests_total{"), what="counters")
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""), text)

        port, = harness.free_ports(1)
        with tempfile.TemporaryDirectory() as place:
            (pathlib.Path(place) / "token").write_text(token)
            config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(rules)],
                      "scrape_configs": [{"job_name": "shop", "authorization": {"credentials_file": f"{place}/token"},
                                          "static_configs": [{"targets": [address.removeprefix("http://")]}]}]}
            (pathlib.Path(place) / "config.yml").write_text(json.dumps(config))
            server = subprocess.Popen([shutil.which("prometheus"), f"--config.file={place}/config.yml", f"--storage.tsdb.path={place}/data",
                                       f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                up = harness.until(lambda: [each for each in self.query(port, 'up{job="shop"}') if each["value"][1] == "1"], 60, "a scrape")
                self.assertEqual(len(up), 1)
                found = harness.until(lambda: self.query(port, 'sum by (caller, callee) (bulkhead_requests_total{side="caller"})'), what="the counters")
                self.assertEqual(({(each["metric"]["caller"], each["metric"]["callee"]): each["value"][1] for each in found}), {("gateway", "echo"): "5"})
                slow = self.query(port, 'histogram_quantile(0.99, sum by (callee, le) (bulkhead_request_duration_seconds_bucket{side="caller"}))')
                self.assertGreater(float(slow[0]["value"][1]), 0)
                self.assertGreater(float(self.query(port, "bulkhead_certificate_seconds_left")[0]["value"][1]), 60)
                # Some request of a bucket leads to its trace.
                exemplar = harness.until(lambda: self.exemplars(port, 'bulkhead_request_duration_seconds_bucket{side="caller"}'), what="an exemplar")
                told = json.loads(app.run("trace", exemplar[0]["labels"]["trace_id"], "--json").stdout)
                self.assertEqual(told["trace"]["spans"][0]["callee"], "echo")
                # Each query of the dashboard is one that Prometheus understands.
                dashboard = json.loads((PACKAGING / "grafana/bulkhead.json").read_text())
                for panel in dashboard["panels"]:
                    for target in panel["targets"]:
                        text = target["expr"].replace("$__rate_interval", "1m").replace("$application", ".*").replace("$service", ".*")
                        with self.subTest(panel["title"]):
                            url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": text})
                            with urllib.request.urlopen(url, timeout=10) as answer:
                                self.assertEqual(json.loads(answer.read())["status"], "success")
            finally:
                server.kill()
                server.wait()

    def exemplars(self, port, text):
        url = f"http://127.0.0.1:{port}/api/v1/query_exemplars?" + urllib.parse.urlencode({"query": text, "start": time.time() - 600, "end": time.time() + 60})
        with urllib.request.urlopen(url, timeout=10) as answer:
            return [each for series in json.loads(answer.read())["data"] for each in series["exemplars"]]

    def metrics_with(self, request, sign):
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
        return text if sign in text else None


if __name__ == "__main__":
    harness.main()
