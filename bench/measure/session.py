"""A run of the benchmark: what was measured so far, as plain data for the report, the plots and JSON."""

import dataclasses
import functools
import statistics

from . import cost, latency, machine, memory, telemetry
from .rounds import Failed, interleaved, patiently
from .scenarios import MANY, bytes_of

ADDED = {**bytes_of(128), "connections": 64}  # of the client in scenario 10
ADDED_RATE = 2000
MEMORY = {  # kind -> what is held open; HTTP/1.1, for whose idle connections nobody keeps more than TLS itself
    "gateway": ("gateway, plain", bytes_of(128)), "gateway-tls": ("gateway, TLS 1.3", {**bytes_of(128), "tls": 1}),
    "mesh": ("two sidecars", bytes_of(128))}


def plain(figures):
    return {name: [dataclasses.asdict(each) for each in made] for name, made in figures.items()}


class Session:
    def __init__(self, rounds, seconds, say):
        self.rounds, self.seconds, self.say = rounds, seconds, say
        self.cases, self.memories, self.adds, self.records = [], [], {}, {}

    def results(self):
        return {"cases": self.cases, "memory": self.memories, "added": self.adds, "telemetry": self.records}

    def case(self, case, contenders):
        self.say(f"{case.scenario} {case.title}")
        alone = case.kind != "workers"
        measure = functools.partial(cost.cpu, words=case.words, seconds=self.seconds, idle=machine.idle_load(), alone=alone)
        figures, failed = interleaved(contenders, self.rounds, measure, self.say)
        result = {**dataclasses.asdict(case), "failed": failed, "notes": {each.name: each.note for each in contenders if each.note},
                  "costs": plain(figures), "rate": 0, "latencies": {}, "calls": {}}
        self.cases.append(result)
        if case.latency and "bulkhead" in figures:
            here = [each for each in contenders if each.name in figures]
            rate = statistics.median(each.per_second for each in figures["bulkhead"]) / 2
            result["rate"] = rate
            result["latencies"] = self.latencies(rate, here, case.words)
            result["calls"] = {name: made[0] for name, made in self.calls(here, case.words).items()}

    def latencies(self, rate, contenders, words):
        measure = functools.partial(latency.at, rate, words=words, seconds=self.seconds)
        return plain(interleaved(contenders, self.rounds, measure, self.say)[0])

    def calls(self, contenders, words):
        measure = functools.partial(cost.system_calls, words=words, seconds=1.5)
        return plain(interleaved(contenders, 1, measure, self.say)[0])

    def added(self, contenders):
        self.say(f"10 what two sidecars add at {ADDED_RATE}/s")
        self.adds = self.latencies(ADDED_RATE, contenders, ADDED)

    def telemetry(self, program):
        self.say("12 what telemetry costs two sidecars")
        on, off = telemetry.rounds(5 * self.rounds, functools.partial(telemetry.cost, program))
        self.records = {"on": on, "off": off}
        self.say(f"  with records {statistics.median(on):.2f} µs, without {statistics.median(off):.2f} µs each")

    def memory(self, kind, contenders):
        if kind not in MEMORY:
            return
        title, words = MEMORY[kind]
        looks = [(title, memory.of_connections)]
        if not words.get("tls"):  # to open so many takes half a minute with TLS
            looks.append((f"{title}, after {MANY:,} connections", memory.of_burst))
        for name, measure in looks:
            self.say(f"9 memory: {name}")
            figures = {}
            for each in contenders:
                try:
                    figures[each.name] = dataclasses.asdict(patiently(lambda: measure(each, words)))
                    self.say(f"  {each.name:9} {figures[each.name]}")
                except Failed as error:
                    self.say(f"  {error}")
            self.memories.append({"title": name, "kind": kind, "burst": measure is memory.of_burst, "figures": figures})
