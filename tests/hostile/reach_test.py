"""A probe inside every compartment tries everything; what happened must equal `bulkhead reach`, as root and as a user."""

import json
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import unittest

import harness

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("BULKHEAD_BUILD", "build/release")).resolve()
USER = "bulkhead-reach"

# The names are services; an arrow is a declared call.
MANIFEST = """
app: walls
services:
  alpha:
    dir: ./code
    command: [/usr/bin/python3, prober.py]
    port: 8080
    mounts: ["./probe:/opt/probe"]
    environment: @ENVIRONMENT@
    calls:
      beta: [GET /open/*, POST /orders]
      gamma: {at: "localhost:4001"}
      store: {}
  beta:
    dir: ./code
    command: [/usr/bin/python3, prober.py]
    port: 8080
    mounts: ["./probe:/opt/probe"]
    environment: @ENVIRONMENT@
    calls:
      gamma: ["GET /open/*"]
  gamma:
    dir: ./code
    command: [/usr/bin/python3, prober.py]
    port: 80
    mounts: ["./probe:/opt/probe"]
    environment: @ENVIRONMENT@
    calls:
      store: {}
  island:
    dir: ./code
    command: [/usr/bin/python3, prober.py]
    port: 8080
    mounts: ["./probe:/opt/probe"]
    environment: @ENVIRONMENT@
  store:
    dir: ./code
    command: [/usr/bin/python3, tcp_echo.py]
    port: 5432
    protocol: tcp
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /alpha/*}, to: alpha, rewrite: /}
    - {match: {path: /beta/*}, to: beta, rewrite: /}
    - {match: {path: /gamma/*}, to: gamma, rewrite: /}
    - {match: {path: /island/*}, to: island, rewrite: /}
"""

PROBERS = ["alpha", "beta", "gamma", "island"]
PORTS = {"alpha": 8080, "beta": 8080, "gamma": 80, "island": 8080, "store": 5432}
REQUESTS = [("GET", "/open/x"), ("POST", "/orders"), ("GET", "/admin"), ("DELETE", "/open/x")]

# What a compartment leaves to its service; everything else that the probe tries is denied.
PROBE_ALLOWED = {
    "dns 198.18.0.53:53", "listen on 80", "listen on the peer's port 8080", "route netlink socket", "own socket pair", "create /data/x", "create /tmp/x",
    "create /run/x", "create /dev/shm/x",
    "see other processes",  # the prober that started it: of its own compartment
}


def what_is_declared(app, caller, callee):
    """`reach` for the pair, and for each request of REQUESTS whether one of its lines covers it."""
    answer = json.loads(app.run("reach", caller, callee, "--json", check=False).stdout)
    if answer["verdict"] != "allowed":
        return answer["verdict"], set()
    lines = answer["path"][0]["what"]
    covered = {r for r in REQUESTS if any(line == "everything" or covers(line, *r) for line in lines)}
    return "allowed", covered


def covers(line, method, path):
    wanted, pattern = line.split(" ")
    below = pattern.endswith("/*")  # at the end anything below, elsewhere one segment
    expression = re.escape(pattern.removesuffix("*")).replace(r"\*", "[^/]+") + (".*" if below else "")
    return wanted in ("*", method) and re.fullmatch(expression, path) is not None


class Host:
    """Things on the host that a service without walls could reach."""

    def __init__(self):
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.abstract = socket.socket(socket.AF_UNIX)
        self.name = f"bulkhead-reach-{os.getpid()}"
        self.abstract.bind("\0" + self.name)
        self.abstract.listen()

    def close(self):
        self.tcp.close()
        self.abstract.close()


class Reach(harness.Case):
    def start(self, user=None):
        host = Host()
        self.addCleanup(host.close)
        environment = {"HOST_PORT": str(host.port), "HOST_ADDRESS": "127.0.0.1", "HOST_ABSTRACT": host.name, "HOST_PID": str(os.getpid()), "HOST_HOME": "/root",
                       "HOST_SOCKET": "@DIR@/b/run/walls/sidecars.sock", "CONTROLLER_SOCKET": "@DIR@/b/run/walls/control.sock"}
        files = {f"code/{name}": (HERE / name).read_text() for name in ("prober.py", "tcp_echo.py")}
        app = self.application(MANIFEST, files={**files, "probe/here": ""}, user=user)
        environment = {k: v.replace("@DIR@", str(app.directory)) for k, v in environment.items()}
        app.manifest.write_text(app.manifest.read_text().replace("@ENVIRONMENT@", json.dumps(environment)))
        shutil.copy(BUILD / "tests/hostile/hostile_probe", app.directory / "probe")
        for path in app.directory.rglob("*"):
            if path.is_dir():
                path.chmod(0o755)
        if user:
            subprocess.run(["chown", "-R", user, str(app.directory)], check=True)
        app.up()
        return app

    def matrix(self, app):
        rows, wrong = [], []
        for caller in PROBERS:
            attempts, expected = [], []
            for callee, port in PORTS.items():
                if callee == caller:
                    continue
                verdict, covered = what_is_declared(app, caller, callee)
                hosts = [callee, f"198.18.1.{list(PORTS).index(callee) + 1}"]
                for target in hosts:
                    if callee == "store":
                        attempts.append({"host": target, "port": port, "kind": "tcp"})
                        expected.append((callee, f"{target}:{port}", verdict == "allowed"))
                        continue
                    for method, path in REQUESTS:
                        attempts.append({"host": target, "port": port, "method": method, "path": path, "kind": "http"})
                        expected.append((callee, f"{method} {target}:{port}{path}", verdict == "allowed" and (method, path) in covered))
                if caller == "alpha" and callee == "gamma":
                    attempts.append({"host": "localhost", "port": 4001, "method": "GET", "path": "/open/x", "kind": "http"})
                    expected.append((callee, "GET localhost:4001/open/x", True))
                else:
                    attempts.append({"host": "127.0.0.1", "port": 4001, "method": "GET", "path": "/open/x", "kind": "http"})
                    expected.append((callee, "GET 127.0.0.1:4001/open/x", caller == "alpha"))
            outcomes = app.request("POST", f"/{caller}/try", body=json.dumps(attempts)).json
            for (callee, what, should), outcome in zip(expected, outcomes, strict=True):
                rows.append(f"{caller:8} {what:40} {outcome:24} reach: {'allowed' if should else 'denied'}")
                if (outcome == "allowed") != should:
                    wrong.append(rows[-1])
        return rows, wrong

    def probes(self, app, one_uid=False):
        wrong, rows = [], []
        for caller in PROBERS:
            lines = app.get(f"/{caller}/probe", timeout=120).json
            self.assertGreater(len(lines), 100, f"the probe in {caller} said {lines}")
            for line in (each for each in lines if "|" in each):
                what, outcome = line.rsplit("|", 1)
                allowed = set(PROBE_ALLOWED)
                if caller == "alpha":
                    allowed |= {"declared tcp 127.0.0.1:4001", "declared tcp 0.0.0.0:4001", "declared tcp ::1:4001"}
                if what.startswith("listen on") and outcome.endswith("EADDRINUSE"):
                    continue  # the service itself listens there
                if what == "declared tcp 198.18.1.1:8080":
                    continue  # alpha's address: nobody calls alpha, so it is denied below unless it is alpha's own
                if one_uid:
                    allowed.add("kill init")
                rows.append(f"{caller:8} {what:44} {outcome}")
                if (outcome == "allowed") != (what in allowed):
                    wrong.append(rows[-1])
        return rows, wrong

    def operators(self, app):
        """What `exec` and `run` start meets the same walls as the service's own programs."""
        probe = "/opt/probe/hostile_probe"
        for caller in ("alpha", "island"):
            own = app.get(f"/{caller}/probe", timeout=120).json
            for way in (["exec", caller], ["run", "--beside", caller]):
                done = app.run(*way, "--", probe, check=False)
                self.assertGreater(done.stdout.count("|"), 100, done.stdout + done.stderr)
                told = [dict(line.rsplit("|", 1) for line in lines if "|" in line) for lines in (own, done.stdout.splitlines())]
                differ = {what: (told[0].get(what), told[1].get(what)) for what in told[0] | told[1] if told[0].get(what) != told[1].get(what)}
                if way[0] == "run":  # the service is not there: its port is free, and there is nobody to see
                    differ = {what: each for what, each in differ.items() if not what.startswith("listen on") and what != "see other processes"}
                self.assertEqual(differ, {}, way)

    def check(self, app):
        rows, wrong = self.matrix(app)
        probe_rows, probe_wrong = self.probes(app)
        self.operators(app)
        print("\n" + "\n".join(rows + probe_rows))
        print(f"{len(rows)} calls and {len(probe_rows)} other attempts tried; {len(wrong) + len(probe_wrong)} differ from what is declared")
        self.assertEqual(wrong + probe_wrong, [])
        denied = {d["caller"] for d in app.status()["denied"]}
        self.assertEqual(denied, set(PROBERS), "every refused attempt left a record of who tried")
        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)

    def test_as_whoever_runs_the_tests(self):
        self.check(self.start())

    def test_as_an_ordinary_user_with_subordinate_ids(self):
        if os.geteuid() != 0:
            self.skipTest("making a user needs root; the other test ran as an ordinary one")
        try:
            pwd.getpwnam(USER)
        except KeyError:
            subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", USER], check=True, capture_output=True)
            self.addCleanup(subprocess.run, ["userdel", "--remove", USER], capture_output=True)
        self.check(self.start(user=USER))


# Paths that somebody might try at a service of the shop; those that no line names among them.
SHOP_CALLS = [("GET", "/customers/ada"), ("GET", "/items"), ("GET", "/items/1"), ("POST", "/items"), ("GET", "/books/x"), ("POST", "/charges"),
              ("POST", "/charges/1/refund"), ("DELETE", "/charges/1"), ("POST", "/orders"), ("GET", "/search"), ("GET", "/healthz"), ("GET", "/")]
SHOP_METHODS = ["shop.inventory.v1.Inventory/Reserve", "shop.inventory.v1.Inventory/Cancel", "shop.inventory.v1.Books/Stock", "grpc.health.v1.Health/Check"]


class Shop(harness.Case):
    """The shop as it runs, untouched: from within each compartment's namespaces, every other service by name and by address."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("entering the namespaces of a running service needs root")
        if not (BUILD / "examples/shop/inventory/inventory").exists():
            self.skipTest("examples/shop is not built here")

    def try_from(self, pid, attempts):
        """For each curl command line, what became of it: allowed, denied, or why there was not even an answer."""
        script = "".join(f"curl --silent --output /dev/null --max-time 10 --write-out '%{{http_code}} %header{{grpc-status}} %header{{proxy-status}}\\n' {words} || true\n" for words in attempts)
        done = subprocess.run(["nsenter", "-t", str(pid), "-U", "-m", "-n", "-p", "-i", "-u", "--", "/bin/sh"], input=script, capture_output=True, text=True, check=True)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), len(attempts), done.stdout + done.stderr)
        return lines

    def test_what_each_compartment_of_the_shop_reaches_is_what_reach_says(self):
        top = HERE.parents[1] / "examples/shop"
        manifest = (top / "bulkhead.yaml").read_text().replace("127.0.0.1:8443", "127.0.0.1:@PORT@")
        app = self.application(manifest.replace("dir: ./", f"dir: {top}/").replace("from: ./", f"from: {top}/").replace("contract: ./", f"contract: {top}/"), environment={"SHOP_BIN": str(BUILD / "examples/shop")})
        app.up()
        services = {s["name"]: s["instances"][0]["service_pid"] for s in app.status()["services"] if not s["gateway"]}
        rows, wrong = [], []
        numbered = re.findall(r"^  ([a-z]+):$", manifest, re.MULTILINE)  # addresses are given in the manifest's order
        numbers = {name: number for number, name in enumerate([name for name in numbered if name in services], 1)}
        for caller, pid in services.items():
            tried = []
            for callee, number in numbers.items():
                if callee == caller:
                    continue
                answer = json.loads(app.run("reach", caller, callee, "--json", check=False).stdout)
                lines = answer["path"][0]["what"] if answer["verdict"] == "allowed" and len(answer["path"]) == 1 else []
                conditional = [line.split(" when ")[0] for line in lines if " when " in line]
                lines = [line for line in lines if " when " not in line]
                for host in (callee, f"198.18.1.{number}"):
                    if callee == "inventory":
                        for method in SHOP_METHODS:
                            should = any(line in (method, method.split("/")[0] + "/*") for line in lines)
                            tried.append((f"--http2-prior-knowledge --request POST --header content-type:application/grpc --header te:trailers http://{host}:50051/{method}", should))
                    else:
                        tried += [(f"--request {method} http://{host}:8080{path}", any(covers(line, method, path) for line in lines)) for method, path in SHOP_CALLS
                                  if not any(covers(line, method, path) for line in conditional)]  # `reach` does not know for whom
            for (words, should), line in zip(tried, self.try_from(pid, [words for words, _ in tried]), strict=True):
                code, grpc, proxy = (line.split(" ", 2) + ["", ""])[:3]
                outcome = "unreachable" if code == "000" else "denied" if "http_request_denied" in proxy else f"allowed ({code}{' ' + grpc if grpc else ''})"
                rows.append(f"{caller:9} {words.split(' ', 1)[1]:90} {outcome:16} reach: {'allowed' if should else 'denied'}")
                if outcome.startswith("allowed") != should:
                    wrong.append(rows[-1])
        print("\n" + "\n".join(rows))
        print(f"{len(rows)} calls tried in the shop: {sum('reach: allowed' in row for row in rows)} allowed; {len(wrong)} differ from reach")
        self.assertEqual(wrong, [])
        self.assertGreaterEqual(sum("reach: allowed" in row for row in rows), 10)


if __name__ == "__main__":
    harness.main()
