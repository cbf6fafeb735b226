"""Interleaved rounds: every contender once, then all again in another order."""

import dataclasses
import threading
import time

from . import machine

WARM_UP = 1.5  # seconds in which connections are opened and pools fill
SHARED = 0.15  # others with more of the processor than this spoil a round


@dataclasses.dataclass
class Figure:
    """Of one contender in one round."""

    requests: int
    per_second: float
    cpu_us: float  # a request: the processor's busy time less what it has when idle; where shared, process_us
    process_us: float  # a request: what the kernel charges to the proxy's processes, softirqs on their way included
    others: float  # part of the busy time that was not the proxy's
    shared: bool  # with others, who made the processor's busy time worthless as a figure
    stolen: float  # part of the round's time that the machine's host took


class Failed(Exception):
    pass


def measure(contender, words, seconds, idle):
    begin = time.monotonic() + WARM_UP
    report = {}

    def run():
        try:
            report.update(contender.load({**words, "begin": f"{begin:.6f}", "seconds": seconds}))
        except Exception as error:
            report["failed"] = str(error)

    client = threading.Thread(target=run)
    client.start()
    time.sleep(max(0, begin - time.monotonic()))
    before = machine.sample(contender.pids)
    time.sleep(max(0, begin + seconds - time.monotonic()))
    used = machine.sample(contender.pids) - before
    client.join()
    if "failed" in report or report["errors"] or not report["done"]:
        raise Failed(f"{contender.name}: {report.get('failed') or report}")
    busy = used.busy - idle * used.wall
    done = report["done"] * used.wall / seconds
    process_us = used.processes / done * 1e6
    others = 1 - used.processes / used.busy
    shared = idle > SHARED or others > SHARED
    return Figure(requests=report["done"], per_second=report["done"] / seconds, process_us=process_us, others=others, shared=shared,
                  cpu_us=process_us if shared else busy / done * 1e6, stolen=used.stolen / used.wall)


def rounds(contenders, words, count, seconds, say):
    """`contenders` are up already. Gives name -> one figure a round, and name -> why it has none."""
    figures = {contender.name: [] for contender in contenders}
    failed = {}
    idle = machine.idle_load()
    for number in range(count):
        turn = number % len(contenders)
        for contender in contenders[turn:] + contenders[:turn]:
            if contender.name in failed:
                continue
            try:
                figure = measure(contender, words, seconds, idle)
            except Failed as error:
                failed[contender.name] = str(error)
                say(f"  {error}")
                continue
            figures[contender.name].append(figure)
            say(f"  round {number + 1}: {contender.name:9} {figure.cpu_us:7.2f} µs a request, {figure.per_second:8.0f} requests/s")
    return {name: made for name, made in figures.items() if name not in failed}, failed
