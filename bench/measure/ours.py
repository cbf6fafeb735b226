"""Ours, with everything that users get: authorization, spans, metrics, access records."""

import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess

from . import machine
from .contenders import BENCH, Contender, run_load


class Ours(Contender):
    """An application of apps/. `counted`: the instances whose sidecars are the proxy."""

    def __init__(self, kind, place, manifest, counted, note="", name="bulkhead"):
        super().__init__(name, note)
        self.place = place
        self.port, = machine.free_ports(1)
        self.directory = place.directory / f"ours-{kind}"
        self.directory.mkdir()
        self.manifest = BENCH / "apps" / f"{manifest}.yaml"
        if made := self.made_of(self.manifest.read_text()):
            self.manifest = self.directory / "bulkhead.yaml"
            self.manifest.write_text(made)
        self.environment = {
            **os.environ, "NO_COLOR": "1", "BULKHEAD_DIR": str(self.directory), "BENCH_PROGRAMS": str(place.programs),
            "BENCH_PORT": str(self.port), "BENCH_TLS": "off" if kind in ("gateway", "mesh", "workers", "grpc", "tcp", "door") else "generated"}
        try:
            self.command("up", "--detach")
            status = json.loads(self.command("status", "--json"))
            instances = {each["id"]: each for service in status["services"] for each in service["instances"]}
            self.pids = [instances[each]["sidecar_pid"] for each in counted]
            for pid in self.pids:
                machine.pin(pid, machine.cpus(kind))
        except BaseException:
            self.close()
            raise

    def made_of(self, manifest):
        """Another manifest, where it is not to be that of apps/ itself."""

    def command(self, *words):
        done = subprocess.run([self.place.bulkhead, *words, "-f", self.manifest], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"bulkhead {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def close(self):
        subprocess.run([self.place.bulkhead, "down", "--volumes", "-f", self.manifest], env=self.environment, capture_output=True)


class Gateway(Ours):
    def __init__(self, kind, place):
        super().__init__(kind, place, "gateway", ["_gateway-1"], "its upstream is mTLS to the service's sidecar, a peer's is plain")

    def load(self, words):
        return run_load(self.place, {**words, "host": "localhost", "port": self.port})


class Locked(Ours):
    """The gateway over TLS, with some of what may be asked of each request: `locks` of LOCKS. In a set that counts `both`, the gateway and
    the service's sidecar, which holds the contract."""

    LOCKS = {"limit": "limit: 1000000/s per address", "condition": """when: 'request.method == "GET" && request.path.startsWith("/bytes/")'""", "user": "auth: people", "contract": "", "deny": ""}
    DENY = """deny:
  - {name: admin, to: back, requests: ["* /admin/*", "DELETE /bytes/*"]}
  - {name: hours, to: back, when: '"x-out-of-hours" in request.headers'}
"""
    OPENAPI = """openapi: 3.1.0
info: {title: back, version: "1"}
paths:
  /bytes/{size}:
    get:
      parameters: [{name: size, in: path, required: true, schema: {type: integer, minimum: 0, maximum: 1048576}}]
      responses: {"200": {description: so many, content: {application/octet-stream: {}}}}
"""

    def __init__(self, kind, place, name, locks):
        self.locks = locks
        self.bearer = {}
        both = kind == "locks-both"
        super().__init__(f"{kind}-{name}", place, "gateway", ["_gateway-1"] + ["back-1"] * both, name=name)

    def made_of(self, manifest):
        if "user" in self.locks:
            self.bearer = {"bearer": self.log_in()}
        if "contract" in self.locks:
            (self.directory / "openapi.yaml").write_text(self.OPENAPI)
            manifest = manifest.replace("    port: 8080\n", "    port: 8080\n    contract: openapi.yaml\n")
        if "user" in self.locks:
            manifest = manifest.replace("services:", "auth: {people: {issuer: bench, audience: bench, jwks: keys/jwks.json, claims: [role]}}\nservices:")
        if "deny" in self.locks:
            manifest = manifest.replace("gateway:\n", f"{self.DENY}gateway:\n")
        more = "".join(f", {self.LOCKS[each]}" for each in self.locks if self.LOCKS[each])
        return manifest.replace("to: back}", f"to: back{more}}}")

    def log_in(self):
        """A token of keys of its own, by what the shop's login uses."""
        login = BENCH.parent / "examples/shop/login"
        keys = self.directory / "keys"
        subprocess.run(["/usr/bin/node", login / "keys.js", keys], check=True)
        script = ("const fs = require('fs'); const { Signer } = require(process.argv[1]);"
                  "const now = Math.floor(Date.now() / 1000);"
                  "console.log(new Signer(fs.readFileSync(process.argv[2], 'utf8')).sign({ iss: 'bench', aud: 'bench', sub: 'c0001', role: 'customer', iat: now, exp: now + 86400 }))")
        return subprocess.run(["/usr/bin/node", "-e", script, login / "tokens.js", keys / "key.pem"], check=True, capture_output=True, text=True).stdout.strip()

    def load(self, words):
        return run_load(self.place, {**words, **self.bearer, "host": "localhost", "port": self.port})


class Mesh(Ours):
    """The client is a service as well, and is told through the gateway what to do."""

    CALLEES = {"grpc": ("rpc", 8080), "tcp": ("stream", 8080)}

    def __init__(self, kind, place):
        self.callee, self.callee_port = self.CALLEES.get(kind, ("back", 80))
        note = "one loop in each sidecar, whatever the workers" if kind == "workers" else ""
        super().__init__(kind, place, "mesh", ["load-1", f"{self.callee}-1"], note)

    def load(self, words):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            words = {**words, "host": self.callee, "port": self.callee_port}
            connection.request("GET", "/run?" + "&".join(f"{name}={value}" for name, value in words.items()))
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"the client's service answered {answer.status}: {text[:300]}")
            return json.loads(text)
        finally:
            connection.close()


class Door(Ours):
    """The way into a sidecar, met with the certificate of a caller that the application's own authority has signed."""

    def __init__(self, kind, place):
        super().__init__(kind, place, "mesh", ["back-1"], "a Unix socket, a chain of two certificates each way, and SPIFFE IDs judged")
        try:
            self.certificate = self.directory / "caller.pem"
            self.make_certificate("spiffe://bench-mesh.bulkhead/bench-mesh/load")
            self.path = self.door_of("spiffe://bench-mesh.bulkhead/bench-mesh/back")
        except BaseException:
            self.close()
            raise

    def make_certificate(self, identity):
        authority = self.directory / "state/bench-mesh/ca"
        made = {name: self.directory / f"caller.{name}" for name in ("key", "csr", "ext", "crt")}
        made["ext"].write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                               f"extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=critical,URI:{identity}\n")
        machine.openssl("req", "-new", *machine.NEW_KEY, "-subj", "/", "-keyout", made["key"], "-out", made["csr"])
        machine.openssl("x509", "-req", "-in", made["csr"], "-CA", authority / "intermediate.pem", "-CAkey",
                        authority / "intermediate.key", "-CAcreateserial", "-CAserial", self.directory / "serial", "-days", "1",
                        "-extfile", made["ext"], "-out", made["crt"])
        self.certificate.write_text("".join(path.read_text() for path in (made["crt"], authority / "intermediate.pem", made["key"])))

    def door_of(self, identity):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the name is looked at below
        context.load_cert_chain(self.certificate)
        context.set_alpn_protocols(["h2"])
        for path in (self.directory / "run/bench-mesh/d").iterdir():
            if path.name in ("collector", "otlp"):  # beside the sidecars' doors
                continue
            with socket.socket(socket.AF_UNIX) as plain:
                plain.connect(str(path))
                with context.wrap_socket(plain) as secure:
                    if identity.encode() in secure.getpeercert(binary_form=True):
                        return pathlib.Path(path)
        raise RuntimeError(f"{identity} has no door")

    def load(self, words):
        return run_load(self.place, {**words, "host": self.path, "certificate": self.certificate})


def start(kind, place):
    """All that is ours in a set; the first one is `bulkhead`."""
    if kind in ("locks", "locks-both"):
        every = [each for each in Locked.LOCKS if each != "deny"]
        for name, locks in (("bulkhead", every), ("none", []), *((each, [each]) for each in Locked.LOCKS)):
            yield Locked(kind, place, name, locks)
    elif kind == "door":
        yield Door(kind, place)
    else:
        yield (Gateway if kind.startswith("gateway") else Mesh)(kind, place)
