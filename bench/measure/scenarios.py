"""What is measured. Each case is one row group of the table; cases of one set of contenders (`kind`) run after each other."""

import dataclasses

from . import machine

# A forwarder has two descriptors for each connection, and not every machine lets us have 20,000 and a few.
MANY = min(10000, machine.files() // 2 - 20)
STEADY = 4000  # requests/s over all of them: so many at once would be shed by ours, as it should


@dataclasses.dataclass(frozen=True)
class Case:
    scenario: int
    title: str
    kind: str  # which set: gateway, gateway-tls, mesh, workers, grpc, tcp, door
    words: dict  # for the client
    goals: dict  # by peer; "best" is the best peer of the run: at most this ratio of CPU, or with `throughput` at least of it
    unit: str = "request"
    throughput: bool = False
    latency: bool = False  # and system calls: they are looked at once for each path
    connections: int = 0  # where growth with their number is the point


def bytes_of(size):
    return {"path": f"/bytes/{size}", "body": size}


def sizes(size):
    return "128 B" if size == 128 else f"{size // 1024} KiB"


def gateway(scenario, title, kind, more, goals):
    return [Case(scenario, f"gateway, {title}, {sizes(size)}", kind, {**bytes_of(size), **more}, goals, latency=size == 128)
            for size in (128, 16384)]


MESH = {"haproxy": 0.80, "envoy": 0.35}
GRPC = {"protocol": "grpc", "body": 128, "connections": 1}
SHAKE = {"protocol": "handshake", "tls": 1, "connections": 16}

CASES = [
    *gateway(1, "HTTP/1.1", "gateway", {"connections": 64}, {"best": 0.80}),
    *gateway(2, "TLS 1.3, HTTP/1.1", "gateway-tls", {"connections": 64, "tls": 1}, {"best": 0.85}),
    *gateway(3, "TLS 1.3, HTTP/2 to HTTP/1.1", "gateway-tls", {"connections": 8, "streams": 8, "tls": 1, "protocol": "http2"},
             {"haproxy": 0.80}),
    *(Case(4, f"mesh, HTTP/1.1, {sizes(size)}", "mesh", {**bytes_of(size), "connections": 64}, MESH, latency=size == 128)
      for size in (128, 16384)),
    *(Case(8, f"mesh, HTTP/1.1, 128 B, {count:,} connections", "mesh", {**bytes_of(128), "connections": count, "rate": STEADY}, {}, connections=count)
      for count in (10, 1000, MANY)),
    Case(8, "mesh, HTTP/1.1, 128 B, two workers each", "workers", {**bytes_of(128), "connections": 64}, MESH),
    *(Case(5, f"mesh, gRPC {name}, {count} in flight", "grpc", {**GRPC, "protocol": protocol, "streams": count}, {"best": 0.80},
           unit=unit, latency=count == 64)
      for name, protocol, unit in (("unary", "grpc", "request"), ("streaming", "grpc-stream", "message"))
      for count in (1, 64)),
    *(Case(6, f"mesh, raw TCP, {count} stream{'s' * (count > 1)}", "tcp", {"protocol": "tcp", "connections": count}, {"best": 1.00},
           unit="MiB", throughput=True)
      for count in (1, 64)),
    *(Case(7, f"mTLS handshake, {name}", "door", {**SHAKE, "resume": resume}, {"best": 1.00}, unit="handshake")
      for resume, name in enumerate(("full", "resumed"))),
    *(Case(11, f"2, with a user, a contract, a condition and a limit{title}", kind, {**bytes_of(128), "connections": 64, "tls": 1, **more}, goals)
      for kind, title, more, goals in (
          ("locks", "", {}, {"nginx": 1.00}), ("locks", f", at {STEADY:,} requests/s", {"rate": STEADY}, {"nginx": 1.00}),
          ("locks-both", ", the service's sidecar as well", {}, {}))),
]
SCENARIOS = {*(case.scenario for case in CASES), 9, 10, 12}  # 9: memory; 10: the latency that the mesh adds; 12: what telemetry costs


def wanted(case, scenarios):
    """Whether its set of contenders is needed: 9 looks at their memory, 10 at the mesh."""
    return case.scenario in scenarios or (9 in scenarios and case.kind in ("gateway", "gateway-tls", "mesh")) or (
        10 in scenarios and case.kind == "mesh")
