"""Memory of the proxies: when idle, of each idle connection, and what is left after a burst. PSS: shared pages are counted in part."""

import dataclasses
import time

from . import machine
from .rounds import Client
from .scenarios import MANY, STEADY

IDLE = 2000  # connections, of which each has been answered once
BURST = {"connections": MANY, "rate": STEADY}
SETTLE = 8.0  # seconds in which memory may go back


def pss(contender):
    return sum(machine.pss(pid) for pid in contender.pids)


@dataclasses.dataclass
class Memory:
    idle_mib: float  # of all its processes
    processes: int
    connection_kib: float
    after_mib: float = 0.0  # with all connections gone

    def __str__(self):
        return f"idle {self.idle_mib:.1f} MiB, {self.connection_kib:.1f} KiB a connection, {self.after_mib:.1f} MiB after"


def of_connections(contender, words):
    """`words`: of a client without a number of connections."""
    idle = pss(contender)
    client = Client(contender, {**words, "connections": 2}, 0.5)
    client.report()  # its first request makes what every proxy makes once
    before = pss(contender)
    client = Client(contender, {**words, "connections": IDLE, "rate": 10}, 2)
    client.wait_until(1)
    with_them = pss(contender)
    client.report()
    return Memory(idle / 1024, len(contender.pids), (with_them - before) / IDLE, settled(contender, before))


def of_burst(contender, words):
    """Before and after MANY connections, all of them used."""
    before = pss(contender)
    Client(contender, {**words, **BURST}, 3).report()
    return Memory(before / 1024, len(contender.pids), 0.0, settled(contender, before))


def settled(contender, before):
    """MiB, once it is near what it was, or has had its time."""
    end = time.monotonic() + SETTLE
    while pss(contender) > before * 1.1 and time.monotonic() < end:
        time.sleep(0.5)
    return pss(contender) / 1024
