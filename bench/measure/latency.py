"""How long an answer takes at a fixed rate. The client times it from when the request was due, so that one that had to wait
before it could be sent counts with its wait (no coordinated omission)."""

import dataclasses

from .rounds import Client

HELD = 0.97  # of the rate: what answers less is overloaded


@dataclasses.dataclass
class Latency:
    rate: float  # asked for
    held: bool
    p50: float  # µs
    p99: float
    p999: float

    def __str__(self):
        return f"p50 {self.p50:7.0f}, p99 {self.p99:7.0f}, p99.9 {self.p999:7.0f} µs at {self.rate:.0f}/s" + ("" if self.held else ", NOT HELD")


def at(rate, contender, words, seconds):
    report = Client(contender, {**words, "rate": f"{rate:.0f}"}, seconds).report()
    held = report["done"] >= HELD * rate * seconds
    return Latency(rate, held, report["p50_us"], report["p99_us"], report["p999_us"])
