"""What the collector keeps and answers: to the command line, to scripts, to a browser's session; and that nobody depends on it."""

import ctypes
import json
import os
import pathlib
import re
import signal
import socket
import struct
import time
import urllib.error
import urllib.request

import harness

MANIFEST = """
app: seen
services:
  web:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, forwarder.py]
    port: 8080
    calls:
      orders: [GET /items/*]
  orders: {dir: @PROGRAMS@, command: [/usr/bin/python3, forwarder.py], port: 8080, owner: team-orders}
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /*}, to: web}
"""


class Telemetry(harness.Case):
    def begin(self, manifest=MANIFEST, **more):
        app = self.application(manifest, **more)
        app.up()
        app.wait_settled()
        harness.until(lambda: self.ask(app, "/api/v1/graph", may_fail=True), what="the collector")
        return app

    def ask(self, app, path, **more):
        return app.ask_collector(path, **more)

    def graph(self, app, start, end):
        edges = self.ask(app, "/api/v1/graph")["edges"]
        return next((edge for edge in edges if (edge["from"], edge["to"]) == (start, end)), None)

    def collector_pid(self, app):
        return json.loads(app.run("status", "--json").stdout)["collector"]["sidecar_pid"]

    def test_requests_are_found_told_and_counted(self):
        app = self.begin()
        for item in range(7):
            self.assertEqual(app.get(f"/ask?url=http://orders/items/{item}").status, 200)
        denied = app.get("/ask?url=http://orders/secret")
        self.assertEqual(json.loads(denied.text)["status"], 403)
        harness.until(lambda: self.graph(app, "web", "orders")["requests"] == 8, what="eight calls")
        edge = self.graph(app, "web", "orders")
        self.assertEqual((edge["declared"], edge["id"], edge["errors"], edge["denied"]), (True, "web.calls.orders", 0, 1))
        harness.until(lambda: self.graph(app, "gateway", "web")["requests"] == 8, what="eight requests")

        found = json.loads(app.run("traces", "--route", "/ask", "--json").stdout)["traces"]
        self.assertEqual(len(found), 8)
        # The program hands its trace on, so one request is one trace with both hops of both calls.
        harness.until(lambda: {"gateway", "inner"} <= {span["hop"] for span in self.ask(app, f"/api/v1/traces/{found[0]['id']}")["trace"]["spans"]}, what="both ends of it")
        trace = json.loads(app.run("trace", found[0]["id"], "--json").stdout)["trace"]
        by_request = json.loads(app.run("trace", found[0]["request_id"], "--json").stdout)["trace"]
        self.assertEqual(trace["id"], by_request["id"])
        self.assertEqual({span["hop"] for span in trace["spans"]} & {"gateway", "inner"}, {"gateway", "inner"})
        text = app.run("trace", found[0]["id"]).stdout
        self.assertIn("gateway", text)

        decision = self.ask(app, "/api/v1/decisions")["decisions"][0]
        self.assertEqual((decision["subject"], decision["object"], decision["action"], decision["verdict"]), ("web", "orders", "GET /secret", "denied"))
        self.assertRegex(decision["rule_at"], r"bulkhead\.yaml:\d+:\d+$")
        self.assertIn("/secret", decision["allow"])
        self.assertEqual(len(self.ask(app, "/api/v1/traces?denied=1")["traces"]), 1)
        self.assertRegex(app.run("edges").stdout, r"web +orders +8080 +8")
        self.assertRegex(app.run("metrics", "orders").stdout, r"\d\d:\d\d:\d\d +\d")

        used = harness.until(lambda: {each["id"]: each for each in self.ask(app, "/api/v1/usage")["instances"] if "cpu" in each}, 30, "two reports of what is used")
        self.assertEqual(set(used), {"_gateway-1", "orders-1", "web-1"})
        for each in used.values():
            self.assertGreater(each["memory_bytes"], 1 << 20, each)
            self.assertGreaterEqual(each["pids"], 1)
            self.assertTrue(0 <= each["cpu"] < 3 and each["cpu_us"] >= 0, each)
        self.assertRegex(app.run("metrics", "orders").stdout, r"(?m)^orders-1 +\d\.\d\d +\d+\.\d MiB +\d+$")
        metrics = self.ask(app, "/metrics", as_text=True)
        self.assertRegex(metrics, r'bulkhead_instance_memory_bytes\{service="orders",id="orders-1"\} \d+\n')

        application = self.ask(app, "/api/v1/application")
        orders = next(service for service in application["services"] if service["name"] == "orders")
        self.assertEqual((orders["owner"], orders["instances"][0]["state"]), ("team-orders", "ready"))
        reach = self.ask(app, "/api/v1/reach?service=gateway")
        self.assertEqual({each["service"] for each in reach["reaches"]}, {"web", "orders"})

        mistake = self.ask(app, "/api/v1/traces?since=1h")
        self.assertEqual(mistake["status"], 400)
        self.assertIn("there is no parameter 'since' here; there are:", mistake["detail"])
        self.assertEqual(app.run("trace", "0" * 32, check=False).returncode, 1)

    def test_calls_that_no_header_joins_are_joined_and_a_request_is_told_in_words(self):
        app = self.begin()
        for item in range(40):
            app.get(f"/ask?url=http://orders/items/{item}")
        app.get("/ask?url=http://orders/secret")

        def joined():
            # The gateway's traces; the forwarder hands no header on, so its calls begin others.
            found = self.ask(app, "/api/v1/traces?route=/ask&limit=100")["traces"]
            whole = [self.ask(app, f"/api/v1/traces/{each['id']}")["trace"] for each in found[5:10]]
            return whole if all(len(trace["spans"]) == 4 for trace in whole) else None

        for trace in harness.until(joined, what="the calls in the traces of their requests"):
            spans = {(span["hop"], span["service"]): span for span in trace["spans"]}
            call = spans[("outer", "web")]
            self.assertEqual(call["parent"], spans[("inner", "web")]["id"])
            self.assertGreater(call["inferred"]["confidence"], 0.5)
            self.assertNotIn("inferred", spans[("inner", "orders")], "what a header says is known")
        # Asked for by the call's own trace it is the same one.
        call_trace = self.ask(app, "/api/v1/traces?route=/items&limit=1")["traces"][0]
        harness.until(lambda: {span["service"] for span in self.ask(app, f"/api/v1/traces/{call_trace['id']}")["trace"]["spans"]} == {"gateway", "web", "orders"}, what="the whole trace")

        denied = self.ask(app, "/api/v1/traces?denied=1")["traces"][0]
        why = self.ask(app, f"/api/v1/why/{denied['id']}")
        self.assertIn(why["cause"]["what"], ("denied", "undeclared_call"), why)
        self.assertRegex(why["cause"]["rule_at"], r"bulkhead\.yaml:\d+:\d+$")
        self.assertIn(why["cause"]["text"], app.run("why", denied["id"]).stdout)

    def test_logs_are_kept_with_their_trace(self):
        app = self.begin()
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        # The program writes the line of each request that it answers.
        self.assertEqual(app.get(f"/x?level=error&trace_id={trace}&no=stock").status, 200)
        lines = harness.until(lambda: self.ask(app, f"/api/v1/logs?trace={trace}")["lines"], what="the line")
        self.assertEqual((lines[0]["service"], lines[0]["severity"]), ("web", "error"))
        self.assertIn("no=stock", app.run("logs", "--trace", trace).stdout)

    def test_programs_tell_of_themselves_and_speak_for_nobody_else(self):
        app = self.begin(MANIFEST.replace("forwarder.py", "teller.py", 1))
        for encoding in ("json", "gzip"):
            answers = json.loads(app.get(f"/tell?encoding={encoding}").text)
            self.assertEqual([status for status, _ in answers], [200, 200, 404, 400], answers)
        found = harness.until(lambda: self.ask(app, "/api/v1/traces?route=/tell")["traces"][1:], what="two traces")
        trace = harness.until(lambda: self.told(app, found[0]["id"]), what="what the program told")
        spans = {span.get("hop", span["kind"]): span for span in trace["spans"]}
        told = spans["program"]
        self.assertEqual((told["service"], told["name"], told["span_kind"], told["attributes"]), ("web", "SELECT orders", "client", {"db.rows": 7}))
        self.assertEqual(told["parent"], spans["inner"]["id"], "it joins the sidecar's")
        self.assertEqual((trace["logs"][0]["text"], trace["logs"][0]["severity"], trace["logs"][0]["service"]), ("few are left", "warn", "web"))
        self.assertEqual(app.records("web-1")[-1].get("target"), None, "it is no undeclared dial")

    def test_the_manifest_is_held_against_what_was_called(self):
        audited = MANIFEST.replace("app: seen\n", "app: seen\nmode: audit\n").replace("[GET /items/*]", "[GET /items/*, DELETE /items/*]")
        app = self.begin(audited)
        for path in ("/items/1", "/secret"):
            self.assertEqual(json.loads(app.get(f"/ask?url=http://orders{path}").text)["status"], 200)
        suggestion = harness.until(lambda: self.suggestion(app), what="what was called")
        line = next(line for line in suggestion["add"] if line["service"] == "web")
        self.assertEqual((line["line"], line["verdict"], line["evidence"]["count"]), ("calls: {orders: [GET /secret]}", "audited", 1))
        self.assertEqual([(each["rule"], each["text"]) for each in suggestion["unused"] if each["rule"].startswith("web.")], [("web.calls.orders[1]", "DELETE /items/*")])
        self.assertRegex(app.run("policy", "suggest").stdout, r"(?s)Passed though no rule covers it.*GET /secret.*1 times.*Declared, and never used.*DELETE /items")

        def tried(manifest):
            path = app.directory / "changed.yaml"
            path.write_text(manifest.replace("@PORT@", str(app.port)).replace("@PROGRAMS@", str(harness.PROGRAMS)))
            done = app.run("policy", "try", str(path), "--json", check=False)
            changes = {(each["to"], each["path"]): (each["before"], each["after"]) for each in json.loads(done.stdout)["changes"]}
            return done.returncode, changes

        self.assertEqual(tried(MANIFEST.replace("[GET /items/*]", "[GET /items/*, GET /secret]")), (1, {("orders", "/secret"): ("not enforced", "allowed")}))
        self.assertEqual(tried(MANIFEST.replace("[GET /items/*]", "[GET /secret]")),
                         (1, {("orders", "/secret"): ("not enforced", "allowed"), ("orders", "/items/1"): ("allowed", "denied")}))
        self.assertEqual(tried(audited), (0, {}))

    def suggestion(self, app):
        suggestion = json.loads(app.run("policy", "suggest", "--json").stdout)
        used = not any(each["rule"] == "web.calls.orders[0]" for each in suggestion["unused"])
        return suggestion if suggestion["add"] and used and not any(each["rule"] == "web.calls.orders" for each in suggestion["unused"]) else None

    def told(self, app, id):
        trace = self.ask(app, f"/api/v1/traces/{id}")["trace"]
        # Two of the sidecars', which may end after the program has told.
        return trace if trace["logs"] and len(trace["spans"]) == 3 else None

    def slice_ns(self, thread):
        attributes = ctypes.create_string_buffer(48)  # struct sched_attr, whose sched_runtime is at 24
        self.assertEqual(ctypes.CDLL(None).syscall({"x86_64": 315, "aarch64": 275}[os.uname().machine], thread, attributes, 48, 0), 0)
        return struct.unpack_from("<Q", attributes, 24)[0]

    def test_who_serves_requests_goes_first(self):
        app = self.begin()
        status = json.loads(app.run("status", "--json").stdout)
        pid = status["collector"]["sidecar_pid"]
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, pid), 10)
        if tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups())) >= (6, 12):  # who wakes up interrupts long slices
            for thread in os.listdir(f"/proc/{pid}/task"):
                self.assertEqual(self.slice_ns(int(thread)), 100_000_000)
        shares = pathlib.Path(f"/proc/{pid}/autogroup")
        if shares.exists() and shares.read_text():  # the kernel may share processors by session
            harness.until(lambda: shares.read_text().endswith(" nice 10\n"), what="its session's value")
            session, nice = shares.read_text().split(" nice ")
            self.assertEqual(int(nice), 10)
            for service in status["services"]:
                for instance in service["instances"]:
                    self.assertNotEqual(session, pathlib.Path(f"/proc/{instance['sidecar_pid']}/autogroup").read_text().split(" nice ")[0])

    def test_nothing_is_lost_and_nobody_waits_while_the_collector_is_away(self):
        app = self.begin()
        for item in range(5):
            app.get(f"/ask?url=http://orders/items/{item}")
        harness.until(lambda: self.graph(app, "web", "orders")["requests"] == 5, what="five calls")
        pid = self.collector_pid(app)
        os.kill(pid, signal.SIGKILL)
        for item in range(9):
            self.assertEqual(app.get(f"/ask?url=http://orders/items/{item}").status, 200)
        harness.until(lambda: self.collector_pid(app) not in (pid, -1), what="another collector")
        harness.until(lambda: (self.ask(app, "/api/v1/graph", may_fail=True) or {}).get("edges"), what="its answers")
        harness.until(lambda: self.graph(app, "web", "orders")["requests"] == 14, what="fourteen calls, each once")
        self.assertEqual(len(self.ask(app, "/api/v1/traces?route=/ask&limit=100")["traces"]), 14)
        self.assertTrue(json.loads(app.run("status", "--json").stdout)["settled"])

    def test_a_clock_that_is_set_back_and_forth_loses_nothing(self):
        app = self.begin()
        with harness.Load(app, "/ask?url=http://orders/items/1", clients=2):
            now, hour = time.time_ns() // 1000, 3_600_000_000
            steps = [0, -hour, hour, 0, -3 * hour, 0]  # how far the clock of a sidecar is off, one stretch after the other
            spans, counts = [], []
            for stretch, off in enumerate(steps):
                for each in range(50):
                    at = stretch * 50 + each
                    spans.append({"type": "span", "start_us": now + off + at, "us": 500, "trace": f"{at + 1:032x}", "span": f"{at + 1:016x}", "hop": "inner",
                                  "caller": "web", "callee": "ghost", "instance": "ghost-1", "port": 8080, "protocol": "h2", "method": "GET", "path": f"/stepped/{at}", "status": 200})
                so_far = len(spans)
                counts.append({"denied": [], "edges": [{"causes": {}, "classes": [0, 0, so_far, 0, 0, 0], "errors": 0, "from": "web", "to": "ghost", "port": 8080, "side": "callee", "open": 0,
                                                        "requests": so_far, "sent": 0, "received": 0, "unanswered": 0, "histogram": f"v1;{so_far};{5315 * so_far};5315;265:{so_far},"}],
                               "learned": [], "since_us": now, "time_us": now + off + len(spans), "type": "counts"})
            records = app.directory / "b/state" / app.name / "records/ghost-1"
            with records.open("w") as file:
                for stretch, _ in enumerate(steps):
                    if stretch == 3:  # and another collector reads on in the middle
                        file.flush()
                        os.kill(self.collector_pid(app), signal.SIGKILL)
                    file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in [*spans[50 * stretch:][:50], counts[stretch]])
        whole = f"from={now // 1000 - 5 * 3_600_000}&to={now // 1000 + 2 * 3_600_000}"

        def edge():
            edges = (self.ask(app, f"/api/v1/graph?{whole}", may_fail=True) or {"edges": []})["edges"]
            return next((each for each in edges if each["to"] == "ghost"), {"requests": 0})

        harness.until(lambda: edge()["requests"] == 300, what="every call of it, each once")
        harness.until(lambda: len(self.ask(app, f"/api/v1/traces?route=/stepped&limit=500&{whole}")["traces"]) == 300, what="every span of it, each once")
        for at in (1, 75, 125, 225, 300):
            self.assertEqual(len(self.ask(app, f"/api/v1/traces/{at:032x}")["trace"]["spans"]), 1)
        recent = [each["path"] for each in self.ask(app, "/api/v1/traces?route=/stepped&limit=500")["traces"]]
        self.assertEqual(len(recent), 150, "those whose clock was right are in the last minutes")

    def test_a_flood_of_what_a_program_tells_stops_no_request_and_is_counted(self):
        app = self.begin(MANIFEST.replace("command: [/usr/bin/python3, forwarder.py], port: 8080, owner", "command: [/usr/bin/python3, flooder.py], port: 8080, owner")
                         .replace("- {match: {path: /*}, to: web}", "- {match: {path: /flood}, to: orders, timeout: 60s}\n    - {match: {path: /*}, to: web}"))
        with harness.Load(app, "/", clients=2) as load:
            flood = json.loads(app.get("/flood?seconds=4&rate=200000&refused=1").text)
            load.goes_on()
        self.assertEqual((load.failed, load.problems), (0, []))
        self.assertGreater(flood["refused"], 0, "more than a service may bring at once")
        self.assertEqual(flood["other"], {}, "it is answered, and told what was left out")
        kept = flood["told"] - flood["refused"]
        self.assertLess(kept, 50_000 + 5_000 * (flood["seconds"] + 2))

        def left_out():
            words = [each for each in self.ask(app, "/api/v1/graph")["window"]["not_seen"] if "of orders: told by its program above its limit" in each]
            return sum(int(each.split()[0]) for each in words)

        harness.until(lambda: left_out() == flood["refused"], what="each span that was left out, counted")
        # Afterwards it is heard again.
        harness.until(lambda: json.loads(app.get("/flood?seconds=0.01&rate=200000").text)["refused"] == 0, 30, "its spans to be taken again")

    @harness.needs_root
    def test_a_full_disk_stops_no_request_and_what_it_took_is_counted(self):
        app = self.begin(disk="64m")
        for item in range(5):
            app.get(f"/ask?url=http://orders/items/{item}")

        def as_the_caller_counted():
            return sum(point["requests"] for point in self.ask(app, "/api/v1/series?caller=web&callee=orders")["points"])

        # Not only by the callee's side, as the graph has it until the caller's has told: the disk may be full before.
        harness.until(lambda: as_the_caller_counted() == 5, what="five calls")
        app.fill_disk()
        for item in range(20):
            self.assertEqual(app.get(f"/ask?url=http://orders/items/{item}").status, 200)
        # Nothing of it can be written, neither by sidecars nor by the collector, which answers what it has.
        self.assertEqual(self.graph(app, "web", "orders")["requests"], 5)
        app.empty_disk()
        harness.until(lambda: self.graph(app, "web", "orders")["requests"] == 25, what="every call, each once, as counters lose nothing")
        app.get("/ask?url=http://orders/items/1")
        harness.until(lambda: self.graph(app, "web", "orders")["requests"] == 26, what="the next one")

    def test_the_console_lets_in_who_has_its_code_and_nobody_else(self):
        app = self.begin()
        url = app.run("console").stdout.split()[0]
        base = url.split("/login")[0]
        port = int(base.rsplit(":", 1)[1])

        def get(path, **headers):
            request = urllib.request.Request(base + path, headers=headers)
            opener = urllib.request.build_opener(NoRedirect)
            try:
                with opener.open(request, timeout=20) as answer:
                    return answer.status, answer.headers, answer.read()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.headers, error.read()

        self.assertEqual(get("/api/v1/graph")[0], 401)
        self.assertEqual(get("/metrics")[0], 401)
        self.assertEqual(get("/login?code=" + "0" * 32)[0], 401)
        status, headers, _ = get(url[len(base):])
        self.assertEqual(status, 303)
        cookie = headers["set-cookie"]
        for attribute in ("HttpOnly", "SameSite=Strict"):
            self.assertIn(attribute, cookie)
        self.assertEqual(get(url[len(base):])[0], 401, "a code is good once")
        session = {"cookie": cookie.split(";")[0]}
        status, headers, body = get("/api/v1/graph", **session)
        self.assertEqual(status, 200)
        self.assertIn("edges", json.loads(body))
        self.assertIn("default-src 'none'", headers["content-security-policy"])
        token = session["cookie"].split("=", 1)[1]
        self.assertEqual(get("/metrics", authorization=f"Bearer {token}")[0], 200)
        # Another site, and a name that somebody bound to this address.
        self.assertEqual(get("/api/v1/graph", origin="https://evil.example", **session)[0], 403)
        self.assertEqual(get("/api/v1/graph", **{"sec-fetch-site": "cross-site"}, **session)[0], 403)
        self.assertEqual(get("/api/v1/graph", host=f"evil.example:{port}", **session)[0], 403)
        forged = session["cookie"][:-1] + ("0" if session["cookie"][-1] != "0" else "1")
        self.assertEqual(get("/api/v1/graph", cookie=forged)[0], 401)
        self.assertEqual(get("/../../../etc/passwd", **session)[0] in (400, 404), True)

        # What happens is there within a second.
        stream = socket.create_connection(("127.0.0.1", port), timeout=20)
        with stream:
            stream.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {session['cookie']}\r\n\r\n".encode())
            stream.recv(65536)
            app.get("/ask?url=http://orders/items/1")
            seen = b""
            while b"event: tick" not in seen:
                block = stream.recv(65536)
                self.assertTrue(block, seen)
                seen += block

    def test_down_and_up_keep_what_was_seen(self):
        app = self.begin()
        app.get("/ask?url=http://orders/items/1")
        harness.until(lambda: self.graph(app, "web", "orders")["requests"] == 1, what="the call")
        app.down()
        self.assertIn("not running", app.run("traces", check=False).stderr)
        app.up()
        app.wait_settled()
        harness.until(lambda: (self.ask(app, "/api/v1/traces?route=/ask", may_fail=True) or {}).get("traces"), what="the request of before")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


if __name__ == "__main__":
    harness.main()
