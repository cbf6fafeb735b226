"""Who is compared: each forwards from a client to the backend, as a gateway or as two sidecars with mutual TLS between them."""

import json
import pathlib
import subprocess

from . import machine

BENCH = pathlib.Path(__file__).resolve().parent.parent


class Place:
    """What all share: a directory, certificates, programs, and the plain backend that the peers forward to."""

    def __init__(self, directory, build):
        self.directory = directory
        self.build = build
        self.programs = build / "bench"
        self.bulkhead = build / "apps/bulkhead/bulkhead"
        self.certificates = directory / "certificates"
        machine.make_certificates(self.certificates)
        self.log = open(directory / "peers.log", "ab")
        self.http, self.grpc, self.stream = machine.free_ports(3)
        words = [f"http={self.http}", f"grpc={self.grpc}", f"stream={self.stream}"]
        self.backend = machine.start([self.programs / "backend", *words], (machine.ELSEWHERE,), self.log)
        try:
            for port in (self.http, self.grpc, self.stream):
                machine.wait_for_port(port, self.backend, self.log)
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


class Direct(Contender):
    """No proxy at all: what a path costs by itself."""

    def __init__(self, place):
        super().__init__("direct")
        self.place = place

    def load(self, words):
        return run_load(self.place, {**words, "host": "localhost", "port": self.place.http})


def run_load(place, words):
    command = [place.programs / "load", *(f"{name}={value}" for name, value in words.items())]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)
