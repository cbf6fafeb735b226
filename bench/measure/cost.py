"""What a request costs the proxy: its processor's time, and its system calls."""

import dataclasses
import functools
import shutil
import signal
import subprocess

from . import machine
from .rounds import Client

SHARED = 0.15  # others with more of the processor than this spoil a round


@dataclasses.dataclass
class Cost:
    """Of one contender in one round."""

    requests: int
    per_second: float
    cpu_us: float  # a request: the processor's busy time less what it has when idle; where shared, process_us
    process_us: float  # a request: what the kernel charges to the proxy's processes, softirqs on their way included
    others: float  # part of the busy time that was not the proxy's
    shared: bool  # with others, who made the processor's busy time worthless as a figure
    stolen: float  # part of the round's time that the machine's host took

    def __str__(self):
        return f"{self.cpu_us:8.2f} µs each, {self.per_second:9.0f}/s"


def cpu(contender, words, seconds, idle, alone):
    """`alone`: the proxy has a processor to itself. Two workers each have not, and their processes are counted."""
    client = Client(contender, words, seconds)
    client.wait_until(0)
    before = machine.sample(contender.pids)
    client.wait_until(seconds)
    used = machine.sample(contender.pids) - before
    report = client.report()
    busy = used.busy - idle * used.wall
    done = report["done"] * used.wall / seconds
    process_us = used.processes / done * 1e6
    others = max(0.0, 1 - used.processes / used.busy) if used.busy else 0.0
    shared = alone and (idle > SHARED or others > SHARED)
    return Cost(requests=report["done"], per_second=report["done"] / seconds, process_us=process_us, others=others, shared=shared,
                cpu_us=busy / done * 1e6 if alone and not shared else process_us, stolen=used.stolen / used.wall)


@dataclasses.dataclass
class Calls:
    each: float
    by: str  # perf counts in the kernel and does not slow the proxy, strace does

    def __str__(self):
        return f"{self.each:8.2f} system calls each ({self.by})"


def system_calls(contender, words, seconds):
    return (with_perf if perf_counts() else with_strace)(contender, words, seconds)


@functools.cache
def perf_counts():
    if not shutil.which("perf"):
        return False
    done = subprocess.run(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "true"], capture_output=True, text=True)
    return done.returncode == 0 and done.stderr.split(",")[0].isdigit()


def with_perf(contender, words, seconds):
    client = Client(contender, words, seconds)
    client.wait_until(0)
    pids, window = ",".join(map(str, contender.pids)), seconds * 0.8
    command = ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", pids, "--", "sleep", str(window)]
    calls = int(subprocess.run(command, check=True, capture_output=True, text=True).stderr.split(",")[0])
    return Calls(calls / window / (client.report()["done"] / seconds), "perf")


def with_strace(contender, words, seconds):
    """Attached from before the client's first connection to after its last answer, as it slows down whatever it looks at."""
    command = ["strace", "-c", "-f", *(word for pid in contender.pids for word in ("-p", str(pid)))]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        machine.wait_until_traced(contender.pids)
        report = Client(contender, words, seconds).report()
    finally:
        process.send_signal(signal.SIGINT)
        rows = [line.split() for line in process.communicate()[1].splitlines()]
    calls = sum(int(row[3]) for row in rows if len(row) > 4 and row[3].isdigit() and row[-1] != "total")
    return Calls(calls / report["answered"], "strace")
