"""Who is compared: each forwards from a client to the backend, as a gateway or as two sidecars with mutual TLS between them."""

import http.client
import json
import os
import pathlib
import shutil
import subprocess

from . import machine

BENCH = pathlib.Path(__file__).resolve().parent.parent
TOP = BENCH.parent


class Place:
    """What all share: a directory, certificates, programs, and the plain backend that the peers forward to."""

    def __init__(self, directory, build):
        self.directory = directory
        self.programs = build / "bench"
        self.bulkhead = build / "apps/bulkhead/bulkhead"
        self.certificates = directory / "certificates"
        machine.make_certificates(self.certificates)
        self.log = open(directory / "peers.log", "ab")
        self.back, = machine.free_ports(1)
        self.backend = machine.start([self.programs / "backend", f"http={self.back}"], machine.ELSEWHERE, self.log)
        try:
            machine.wait_for_port(self.back, self.backend, self.log)
        except BaseException:
            self.close()
            raise

    def close(self):
        machine.stop(self.backend)
        self.log.close()


class Contender:
    """`pids` are the proxies, alone on their processor; `load` runs the client as the words say and gives its report."""

    def __init__(self, name, note=""):
        self.name, self.note, self.pids = name, note, []

    def load(self, words):
        raise NotImplementedError

    def close(self):
        pass


class Peer(Contender):
    """Plain processes: one as a gateway, two (`mesh`) as sidecars."""

    def __init__(self, name, place, commands):
        super().__init__(name)
        self.place = place
        self.ports = dict(zip(("PLAIN", "TLS", "PEER"), machine.free_ports(3)))
        values = {**self.ports, "BACK": place.back, "CERTS": place.certificates, "DIR": place.directory}
        self.processes = []
        try:
            for role, command in commands:
                process = machine.start([self.configured(word, values) for word in command], machine.PROXY, place.log)
                self.processes.append(process)
                machine.wait_for_port(self.ports["PEER" if role == "mesh-b" else "PLAIN"], process, place.log)
        except BaseException:
            self.close()
            raise
        self.pids = [process.pid for process in self.processes]

    def close(self):
        for process in self.processes:
            machine.stop(process)

    def configured(self, word, values):
        """A word that names a file of peers/ becomes the name of a copy with what this run uses."""
        text = str(word)
        template = BENCH / "peers" / text
        if "/" not in text and template.is_file():
            copy = self.place.directory / f"{text}"
            copy.write_text(filled(template.read_text(), values))
            return copy
        return filled(text, values)

    def load(self, words):
        port = self.ports["TLS" if words.get("tls") else "PLAIN"]
        return run_load(self.place, {**words, "host": "localhost", "port": port})


def filled(text, values):
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def run_load(place, words):
    command = [place.programs / "load", *(f"{name}={value}" for name, value in words.items())]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


COMMANDS = {
    "haproxy": ("haproxy", lambda role: ["-db", "-f", f"haproxy-{role}.cfg"]),
    "nginx": ("nginx", lambda role: ["-p", "@DIR@", "-e", "stderr", "-c", f"nginx-{role}.conf"]),
    "nghttpx": ("nghttpx", lambda role: ["--conf", f"nghttpx-{role}.conf"]),
}
PEERS = ("floor", *COMMANDS)


def peer(name, place, mesh):
    """None where it is not installed."""
    if name == "floor":
        forward = place.programs / "forward"
        hops = [("mesh-b", [forward, "@PEER@", "@BACK@"]), ("mesh-a", [forward, "@PLAIN@", "@PEER@"])]
        return Peer(name, place, hops if mesh else [("gateway", [forward, "@PLAIN@", "@BACK@"])])
    program, words = COMMANDS[name]
    found = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
    if not found:
        return None
    roles = ("mesh-b", "mesh-a") if mesh else ("gateway",)
    return Peer(name, place, [(role, [found, *words(role)]) for role in roles])


class Ours(Contender):
    """An application of apps/, up with everything that users get. `counted`: the instances whose sidecars are the proxy."""

    def __init__(self, place, manifest, tls, counted, note=""):
        super().__init__("bulkhead", note)
        self.place = place
        self.port, = machine.free_ports(1)
        self.directory = place.directory / f"ours-{manifest}-{'tls' if tls else 'plain'}"
        self.directory.mkdir()
        self.manifest = BENCH / "apps" / f"{manifest}.yaml"
        self.environment = {
            **os.environ, "NO_COLOR": "1", "BULKHEAD_DIR": str(self.directory), "BENCH_PROGRAMS": str(place.programs),
            "BENCH_PORT": str(self.port), "BENCH_TLS": "generated" if tls else "off"}
        try:
            self.command("up", "--detach")
            status = json.loads(self.command("status", "--json"))
            instances = {each["id"]: each for service in status["services"] for each in service["instances"]}
            self.pids = [instances[each]["sidecar_pid"] for each in counted]
            for pid in self.pids:
                machine.pin(pid, machine.PROXY)
        except BaseException:
            self.close()
            raise

    def command(self, *words):
        done = subprocess.run([self.place.bulkhead, *words, "-f", self.manifest], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"bulkhead {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def close(self):
        subprocess.run([self.place.bulkhead, "down", "--volumes", "-f", self.manifest], env=self.environment, capture_output=True)


class OurGateway(Ours):
    def __init__(self, place, tls):
        super().__init__(place, "gateway", tls, ["_gateway-1"], "its upstream is mTLS to the service's sidecar, a peer's is plain")

    def load(self, words):
        return run_load(self.place, {**words, "host": "localhost", "port": self.port})


class OurMesh(Ours):
    def __init__(self, place):
        super().__init__(place, "mesh", False, ["load-1", "back-1"])

    def load(self, words):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            query = "&".join(f"{name}={value}" for name, value in {**words, "host": "back", "port": 80}.items())
            connection.request("GET", f"/run?{query}")
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"the client's service answered {answer.status}: {text[:300]}")
            return json.loads(text)
        finally:
            connection.close()
