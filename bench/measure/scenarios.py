"""What is measured. Each case is one row group of the table; cases of one set share their contenders."""

import dataclasses

from . import contenders


@dataclasses.dataclass(frozen=True)
class Case:
    scenario: int
    title: str
    kind: str  # which set of contenders: gateway, gateway-tls, mesh
    words: dict  # for the client
    goals: dict  # the ratio of CPU a request to reach, by peer; "best" is the cheapest peer of the run
    without: tuple = ()  # peers that have no such thing


def bytes_of(size):
    return {"path": f"/bytes/{size}", "body": size}


def sizes(size):
    return "128 B" if size == 128 else f"{size // 1024} KiB"


CASES = [
    *(Case(1, f"gateway, HTTP/1.1, {sizes(size)}", "gateway", {**bytes_of(size), "connections": 64}, {"best": 0.80})
      for size in (128, 16384)),
    *(Case(2, f"gateway, TLS 1.3, HTTP/1.1, {sizes(size)}", "gateway-tls", {**bytes_of(size), "connections": 64, "tls": 1},
           {"best": 0.85}, ("floor",))
      for size in (128, 16384)),
    *(Case(3, f"gateway, TLS 1.3, HTTP/2 to HTTP/1.1, {sizes(size)}", "gateway-tls",
           {**bytes_of(size), "connections": 8, "streams": 8, "tls": 1, "protocol": "http2"}, {"haproxy": 0.80}, ("floor",))
      for size in (128, 16384)),
    *(Case(4, f"mesh, HTTP/1.1, both sidecars, {sizes(size)}", "mesh", {**bytes_of(size), "connections": 64},
           {"haproxy": 0.80, "envoy": 0.35})
      for size in (128, 16384)),
]


def start_ours(kind, place):
    return contenders.OurMesh(place) if kind == "mesh" else contenders.OurGateway(place, kind == "gateway-tls")


def start_peer(name, kind, place):
    return contenders.peer(name, place, kind == "mesh")
