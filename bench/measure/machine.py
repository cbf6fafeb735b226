"""The machine: who runs on which processor, and what that cost."""

import contextlib
import dataclasses
import os
import pathlib
import resource
import socket
import subprocess
import time

ELSEWHERE, PROXY = 0, 1  # the processors: everything but the proxy, and the proxy
BOTH = (ELSEWHERE, PROXY)
TICK = os.sysconf("SC_CLK_TCK")
IDLERS = []  # processes that only keep the proxy's processor awake: their time is idle time


def cpus(kind):
    """Where the proxies of a set run: two workers need a processor each, and share one of them with everything else."""
    return BOTH if kind == "workers" else (PROXY,)


def pin(pid, to):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), to)


def family(pid):
    """A process and all that came of it."""
    children = [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return [pid, *(each for child in children for each in family(child))]


def wait_until_traced(pids, seconds=5):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all("TracerPid:\t0\n" not in pathlib.Path(f"/proc/{pid}/status").read_text() for pid in pids):
            return
        time.sleep(0.02)
    raise RuntimeError("strace could not attach")


def pss(pid):
    """KiB."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


@dataclasses.dataclass
class Cpu:
    """Seconds since some moment; the difference of two is what was used between them."""

    wall: float
    idle: float  # of the proxy's processor. What is not idle is busy: interrupts, stolen time and others are in it
    stolen: float
    processes: float  # of the proxy's processes, kernel time on their behalf included

    def __sub__(self, other):
        return Cpu(self.wall - other.wall, self.idle - other.idle, self.stolen - other.stolen, self.processes - other.processes)

    @property
    def busy(self):
        return max(0.0, self.wall - self.idle)


def runtime(pid):
    total = 0
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        total += int(path.read_text().split()[0])
    return total / 1e9


def sample(pids):
    with open("/proc/stat") as file:
        line = next(line for line in file if line.startswith(f"cpu{PROXY} "))
    wall = time.monotonic()
    fields = [int(field) / TICK for field in line.split()[1:]]
    idle = fields[3] + fields[4] + sum(runtime(pid) for pid in IDLERS)
    return Cpu(wall, idle, fields[7], sum(runtime(pid) for pid in pids))


def idle_load(seconds=1.0):
    """How busy the proxy's processor is, of 1, while nothing is asked of it."""
    before = sample([])
    time.sleep(seconds)
    used = sample([]) - before
    return used.busy / used.wall


def files():
    """Descriptors that a process may have from now on: the most that can be had. Beyond the hard limit only some may go."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (max(hard, 60000), hard):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return limit
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def free_ports(count):
    """Ports below those that the kernel hands out by itself, where nobody listens."""
    found, held = [], []
    for port in range(15000 + (os.getpid() * 37) % 9000, 32000):
        with_port = socket.socket()
        try:
            with_port.bind(("127.0.0.1", port))
        except OSError:
            with_port.close()
            continue
        held.append(with_port)
        found.append(port)
        if len(found) == count:
            break
    for each in held:
        each.close()
    return found


def wait_for_port(port, process, log, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}\n{pathlib.Path(log.name).read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{process.args} does not listen at {port}")


def start(words, to, log):
    """Ends with whoever started it, even if that is killed. In a session of its own, as ours are: where others compete for the
    processor, the kernel shares it by session."""
    command = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", ",".join(map(str, to)), *map(str, words)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def processor_groups():
    """Where control groups that share the processors are, of either version; the second: what /proc/PID/cgroup calls that hierarchy."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        place, (kind, _, options) = line.split()[4], line.split(" - ")[1].split()
        if kind == "cgroup" and "cpu" in options.split(","):
            return pathlib.Path(place), "cpu"
        if kind == "cgroup2" and "cpu" in (pathlib.Path(place) / "cgroup.subtree_control").read_text().split():
            return pathlib.Path(place), ""
    raise RuntimeError("no control groups share the processors here")


@contextlib.contextmanager
def lowest():
    """A group that runs only where nobody else would, for stand_back(); None where none can be made, as only root may."""
    try:
        place = processor_groups()[0] / f"bulkhead-bench-{os.getpid()}"
        place.mkdir()
        (place / "cpu.idle").write_text("1")
    except (OSError, RuntimeError):
        yield None
        return
    try:
        yield place / "cgroup.procs"
    finally:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                place.rmdir()
                break
            time.sleep(0.05)


def stand_back(group):
    """Whoever calls it runs only where nobody else would. Without a group it is ranked within its session alone, as the kernel shares
    processors by session first."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    if group is not None:
        group.write_text(str(os.getpid()))


def make_idle(pid):
    """The whole group of a process, as a compartment's program has, runs only where nobody else would; where only root may say so, as root."""
    with contextlib.suppress(OSError, RuntimeError):
        place, name = processor_groups()
        for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if name in controllers.split(","):
                (place / path.lstrip("/") / "cpu.idle").write_text("1")


@contextlib.contextmanager
def awake():
    """Neither processor halts meanwhile: where a host gives away a virtual one that does, whoever is woken there waits for milliseconds that
    are nobody's here. What keeps them awake runs only where nobody else would."""
    words = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c"]
    with lowest() as group:
        spinning = [subprocess.Popen([*words, str(cpu), "sh", "-c", "while :; do :; done"], stdin=subprocess.DEVNULL,
                                     preexec_fn=lambda: stand_back(group)) for cpu in BOTH]
        IDLERS[:] = [process.pid for process, cpu in zip(spinning, BOTH) if cpu == PROXY]
        try:
            yield group
        finally:
            IDLERS.clear()
            for process in spinning:
                process.kill()
                process.wait()


def stop(process):
    process.terminate()
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def make_certificates(directory):
    """A CA, a server named localhost and a client, all P-256 as ours are."""
    directory.mkdir()
    openssl("req", "-x509", *NEW_KEY, "-days", "2", "-subj", "/CN=bench", "-keyout", directory / "ca.key", "-out", directory / "ca.crt")
    for name in ("server", "client"):
        files = {end: directory / f"{name}.{end}" for end in ("key", "crt", "ext", "csr")}
        files["ext"].write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("req", "-new", *NEW_KEY, "-subj", "/CN=localhost", "-keyout", files["key"], "-out", files["csr"])
        openssl("x509", "-req", "-in", files["csr"], "-CA", directory / "ca.crt", "-CAkey", directory / "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", files["ext"], "-out", files["crt"])
        (directory / f"{name}.pem").write_text(files["crt"].read_text() + files["key"].read_text())
