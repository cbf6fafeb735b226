"""What records (spans, access records, counts) cost two sidecars: the program hops has both in one loop, with and without them."""

import os
import subprocess


def cost(program, records, requests=40000, connections=64, body=128):
    """CPU of both, µs a request."""
    command = [str(program), f"requests={requests}", f"connections={connections}", f"body={body}", f"records={records}"]
    environment = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.tcache_count=32"}  # as src/control/launch.cpp gives it to sidecars
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)


def rounds(count, measure):
    """(with, without), in turns, each first as often as the other."""
    on, off = [], []
    for turn in range(count):
        for records in (1, 0) if turn % 2 else (0, 1):
            (on if records else off).append(measure(records))
    return on, off
