"""What runs for the shop: who is who, how large, and what of it is left in the end."""

import os
import pathlib
import signal

SELF = {kind: os.stat(f"/proc/self/ns/{kind}").st_ino for kind in ("user", "net", "mnt", "pid", "ipc", "uts")}


def started(pid):
    """Of a process that lives: when it started, which tells it from a later one of the same number."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return None if fields[0] == "Z" else int(fields[19])


def send(pid, start, number):
    """Only to the very process that was seen."""
    handle = os.pidfd_open(pid)
    try:
        if started(pid) == start:
            signal.pidfd_send_signal(handle, number)
    finally:
        os.close(handle)


def namespaces(pid):
    """Those of a process that are not ours: {(kind, inode)}."""
    found = {(kind, os.stat(f"/proc/{pid}/ns/{kind}").st_ino) for kind in SELF}
    return {each for each in found if each[1] != SELF[each[0]]}


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident(pid):
    """KiB of its own, not of files."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))


class Census:
    """By name ("checkout-1 sidecar", "controller"): (pid, start). Remembers everybody who was ever there."""

    def __init__(self):
        self.now = {}
        self.seen = {}        # (pid, start): name
        self.namespaces = {}  # (kind, inode): whose

    def take(self, status, warden):
        named = {"controller": status["controller"]["pid"], "warden": warden}
        for service in status["services"]:
            for instance in service["instances"]:
                role = "gateway" if service["gateway"] else "sidecar"
                for name, key in (("keeper", "keeper_pid"), (role, "sidecar_pid"), ("service", "service_pid")):
                    named[f"{instance['id']} {name}"] = instance.get(key, -1)
        for name, pid in list(named.items()):
            if name.endswith(" keeper"):
                named[name.replace(" keeper", " init")] = self.init_of(pid)
        self.now = {}
        for name, pid in named.items():
            self.add(name, pid)

    @staticmethod
    def init_of(keeper):
        try:
            return next((child for child in children(keeper) if any(kind == "pid" for kind, _ in namespaces(child))), -1)
        except OSError:
            return -1

    def add(self, name, pid):
        try:
            start = started(pid) if pid > 0 else None
            if start is None:
                return
            self.now[name] = pid, start
            self.seen[pid, start] = name
            if name.endswith((" init", " service")):
                self.namespaces.update(dict.fromkeys(namespaces(pid), name))
        except OSError:  # it ended meanwhile
            pass

    def left(self):
        """Processes that still live, and namespaces of compartments that one of this run still holds. The run has a mount namespace of
        its own, which tells its processes from those of anybody else."""
        found = [f"process {pid}, {name}" for (pid, start), name in self.seen.items() if lives(pid, start)]
        known = {pid for pid, _ in self.seen} | {os.getpid()}
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.stat(entry / "ns/mnt").st_ino != SELF["mnt"] or SELF["mnt"] == os.stat("/proc/1/ns/mnt").st_ino:
                    continue
                if int(entry.name) not in known:
                    found.append(f"process {entry.name}: {(entry / 'cmdline').read_bytes()!r}")
                for held in {namespace(link) for link in [*(entry / "ns").iterdir(), *(entry / "fd").iterdir()]} & self.namespaces.keys():
                    found.append(f"namespace {held} of {self.namespaces[held]}, by process {entry.name}")
            except OSError:  # it ended meanwhile
                continue
        return found


def lives(pid, start):
    try:
        return started(pid) == start
    except OSError:
        return False


def namespace(link):
    """("net", 4026531840) for a link to "net:[4026531840]"."""
    kind, _, inode = os.readlink(link).partition(":[")
    return (kind, int(inode.rstrip("]"))) if kind in SELF and inode else None
