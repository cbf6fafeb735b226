"""Why requests failed: what the records of gateway and sidecars say, and what this run did to the path itself."""

import collections
import json
import pathlib
import time

RECORDED_LATE = 2   # seconds between the end of a request and its line on the disk, and ours of reading it
LATE = 1            # second: an answer that took longer may have come too late for whoever asked
AT_ONCE = 0.5       # seconds: a request was sent as its connection ended
HEALED_LATE = 5     # seconds after everything was settled again in which a request may still end badly of it


HELD = "held back"  # of a path's harms the one that loses nothing


class Tail:
    """Every line that a folder's files get, through rotations, from its beginning."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.read = {}  # inode: bytes

    def lines(self):
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.rglob("*"), key=lambda path: path.name, reverse=True):
            try:
                with path.open("rb") as file:
                    inode = path.stat().st_ino
                    file.seek(self.read.get(inode, 0))
                    content = file.read()
            except OSError:  # rotated away, or a folder
                continue
            whole = content.rfind(b"\n") + 1
            self.read[inode] = self.read.get(inode, 0) + whole
            yield from content[:whole].splitlines()


class Evidence:
    """All spans that did not end well, or late, by their x-request-id, and what else may explain a failure."""

    def __init__(self, records):
        self.tail = Tail(records)
        self.spans = collections.defaultdict(list)  # x-request-id: spans
        self.calls = []                             # (when it was read, span) of services' calls among them
        self.lost = []                              # when lines of records were lost
        self.broken = []                            # when it was read that checkout's sidecar broke off what it was serving
        self.gateway_ends = []                      # (when, pid) of gateways that we killed
        self.full = []                              # [from, to] of the disk
        self.upgrades = []                          # [from, to]
        self.stopped = []                           # [from, to, whom] of processes
        self.read = 0

    def collect(self):
        for line in self.tail.lines():
            try:
                record = json.loads(line)
            except ValueError:  # a line that a kill tore off
                continue
            self.read += 1
            if record.get("type") == "dropped":
                self.lost.append(time.time())
            if record.get("type") == "span" and is_bad(record):
                self.take(record, time.time())

    def take(self, span, when):
        self.spans[span.get("request_id", "")].append(span)
        if span["hop"] == "outer":
            self.calls.append((when, span))
        if span["hop"] == "gateway" and span.get("callee") == "checkout" and span.get("cause") == "broken_off":
            self.broken.append(when)


def is_bad(span):
    return bool(span.get("cause")) or span["status"] == 0 or span["status"] >= 500 or span.get("grpc_status", 0) > 0 or span["us"] > LATE * 1e6


def said(span):
    """A span's own word for what went wrong."""
    if span.get("cause"):
        why = span["cause"]
    elif span["status"] == 0:
        why = "ended without an answer"
    elif span.get("grpc_status", 0) > 0:
        why = f"grpc status {span['grpc_status']}"
    else:
        why = f"status {span['status']}" if span["status"] >= 500 else "answered late"
    return f"{span.get('caller', '?')} → {span.get('callee', '?')}: {why}"


def explain(failure, evidence, harmed):
    """The cause of an attempt that failed, in words, or None. `harmed`: {the client's port: [(when, what)]} of the front path."""
    began, ended = failure["began"] / 1000, failure["ended"] / 1000
    spans = evidence.spans.get(failure["request_id"], [])
    gateway = [span for span in spans if span["hop"] == "gateway"]
    on_its_path = [what for when, what in harmed.get(failure.get("port"), []) if began - 1 <= when <= ended + 1]
    cuts = [what for what in on_its_path if what != HELD]
    if cuts:
        return f"path: {cuts[0]} between client and gateway, by this run"
    for span in gateway:
        if span.get("cause"):
            return f"record: {said(span)}"
        if span["status"] >= 500:
            return of_the_service(failure, evidence, spans)
    for when, _ in evidence.gateway_ends:
        if began - 0.1 <= when <= ended + 0.1:
            return "killed: the gateway that had accepted it, by this run"
    for when, _ in evidence.gateway_ends:
        if ended <= when <= ended + RECORDED_LATE:
            return "killed: the gateway, before it wrote its record, by this run"
        if any(begin <= ended + RECORDED_LATE and ended <= when <= end + RECORDED_LATE for begin, end in evidence.full):
            return "killed: the gateway, while a full disk kept its record in memory, by this run"
    if any(began - 1 <= when <= ended + 10 * RECORDED_LATE for when in evidence.lost):
        return "record lost: the disk was full"
    return None if gateway else of_no_gateway(failure, evidence, HELD in on_its_path)


def of_no_gateway(failure, evidence, held):
    """No gateway took it, or the one that did ended in order before it could write so."""
    began, ended = failure["began"] / 1000, failure["ended"] / 1000
    was_reset = failure.get("failure") == "ECONNRESET"
    if was_reset and held:
        return "path: held back between client and gateway, by this run, until the connection had ended"
    at_once = was_reset and ended - began < AT_ONCE
    if at_once and any(began - AT_ONCE <= when <= began for when, _ in evidence.gateway_ends):
        return "killed: the gateway, on whose connection it was sent a moment later"
    for begin, end in evidence.upgrades:
        if at_once and begin <= ended and began <= end:
            return "upgrade: the old gateway ended the idle connection as the request was sent"
        if any(full <= ended + RECORDED_LATE and ended <= empty and begin <= empty and ended <= end for full, empty in evidence.full):
            return "upgrade: of the gateway, while a full disk kept its record in memory, by this run"
    return None


def of_the_service(failure, evidence, spans):
    """checkout answered 5xx: one of its own calls failed, for this order or for all (prices), or for one that a start took up."""
    first = f"{failure['order']}."
    began, ended = failure["began"] / 1000, failure["ended"] / 1000
    own = [span for span in spans if span["hop"] == "outer"] or \
        [span for key, others in evidence.spans.items() if key.startswith(first) for span in others if span["hop"] == "outer"] or \
        [span for when, span in evidence.calls if span["caller"] == "checkout" and began <= when and when - span["us"] / 1e6 - RECORDED_LATE <= ended]
    if own:
        return f"answer: checkout is not ready with it, for {said(own[-1])}"
    if any(whom == "checkout-1 sidecar" and begin <= ended and began <= end for begin, end, whom in evidence.stopped):
        return "answer: checkout is not ready with it, as its sidecar was stopped, by this run"
    for full, empty in evidence.full:
        if full <= ended + RECORDED_LATE and began <= empty and any(ended <= when <= empty + 2 * RECORDED_LATE for when in evidence.broken):
            return "answer: checkout is not ready with it, and its sidecar ended while a full disk kept its records in memory"
    return None


def faults_at(failure, faults, begun):
    """Those that were on, or not healed, while the attempt was under way."""
    began, ended = failure["began"] / 1000 - begun, failure["ended"] / 1000 - begun
    return [fault for fault in faults if fault.begin <= ended and began <= (fault.healed or float("inf")) + HEALED_LATE]
