"""Does to the shop what the schedule says, and undoes it."""

import os
import signal
import subprocess
import time

from . import processes

LOSS = "table inet chaos {{ chain out {{ type filter hook output priority 0; oif lo numgen random mod 1000 < {permille} drop; }}; }}"


class Injector:
    def __init__(self, shop, census, paths, wall, evidence):
        self.shop, self.census, self.paths, self.wall, self.evidence = shop, census, paths, wall, evidence
        self.undo = {}  # the fault's number: how
        self.upgrades = []  # (exit status, what it said) of each that was waited for

    def begin(self, fault):
        try:
            fault.detail = getattr(self, fault.kind)(fault) or ""
        except (KeyError, FileNotFoundError, ProcessLookupError):
            fault.detail = "was not there"

    def end(self, fault):
        undo = self.undo.pop(fault.number, None)
        if undo:
            undo()

    def end_all(self):
        for number in list(self.undo):
            self.undo.pop(number)()
        self.paths.calm_all()

    def kill(self, fault):
        pid, start = self.census.now[fault.target]
        processes.send(pid, start, signal.SIGKILL)
        if fault.target.startswith("_gateway"):
            self.evidence.gateway_ends.append((time.time(), pid))
        return f"pid {pid}"

    def stop(self, fault):
        pid, start = self.census.now[fault.target]
        processes.send(pid, start, signal.SIGSTOP)
        stopped = [time.time(), float("inf"), fault.target]
        self.evidence.stopped.append(stopped)

        def go_on():
            stopped[1] = time.time()
            try:
                processes.send(pid, start, signal.SIGCONT)
            except ProcessLookupError:  # killed meanwhile
                pass
        self.undo[fault.number] = go_on
        return f"pid {pid}"

    def path(self, target):
        return self.paths.front if target == "client" else self.paths.door(self.shop.door(target))

    def harm(self, fault, **how):
        path = self.path(fault.target)
        self.paths.do(lambda: path.__dict__.update(how))
        self.undo[fault.number] = lambda: self.paths.do(path.calm)

    def delay(self, fault):
        self.harm(fault, delay=fault.amount)

    def stall(self, fault):
        self.harm(fault, stalled=True)

    def drop(self, fault):
        self.harm(fault, dropped=fault.amount)

    def corrupt(self, fault):
        self.harm(fault, corrupted=fault.amount)

    def cut(self, fault):
        path = self.path(fault.target)
        return f"{self.paths.do(lambda: path.cut(fault.amount))} connections"

    def loss(self, fault):
        """In the network of a compartment, which only it and its sidecar use. Never in ours."""
        pid, start = self.census.now[f"{fault.target} init"]
        if os.stat(f"/proc/{pid}/ns/net").st_ino == processes.SELF["net"] or processes.started(pid) != start:
            raise KeyError(fault.target)
        inside = ["nsenter", "-t", str(pid), "-n", "nft"]
        subprocess.run([*inside, LOSS.format(permille=round(fault.amount * 10))], check=True)
        # Where the compartment has gone meanwhile, so has its network.
        self.undo[fault.number] = lambda: subprocess.run([*inside, "delete table inet chaos"], stderr=subprocess.DEVNULL) \
            if processes.lives(pid, start) else None

    def disk(self, fault):
        self.shop.fill_disk()
        full = [time.time(), float("inf")]
        self.evidence.full.append(full)

        def empty():
            self.shop.empty_disk()
            full[1] = time.time()
        self.undo[fault.number] = empty

    def upgrade(self, fault):
        self.shop.programs.reverse()
        self.shop.program = str(self.shop.programs[0])
        lasts = [time.time(), float("inf")]
        self.evidence.upgrades.append(lasts)
        moving = subprocess.Popen([self.shop.program, "upgrade", "--app", "shop"], env=self.shop.environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

        def wait():
            try:
                said, _ = moving.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                moving.kill()
                said, _ = moving.communicate()
            lasts[1] = time.time()
            self.upgrades.append((moving.returncode, said))
        self.undo[fault.number] = wait

    def clock(self, fault):
        self.wall.set(fault.amount)
        self.undo[fault.number] = lambda: self.wall.set(0)
