"""What breaks when: drawn from one seed, before anything runs. Pure."""

import dataclasses
import random

SERVICES = ["accounts-1", "catalog-1", "checkout-1", "inventory-1", "payments-1", "search-1"]
GATEWAY = "_gateway-1"
QUIET_END = 20  # seconds without a fault, in which all heals before the books are read

KILLED = [*(f"{name} {process}" for name in SERVICES for process in ("keeper", "init", "sidecar", "service")),
          f"{GATEWAY} keeper", f"{GATEWAY} gateway", f"{GATEWAY} gateway", "controller", "controller", "warden"]
STOPPED = [*(f"{name} {process}" for name in SERVICES for process in ("sidecar", "service")), f"{GATEWAY} gateway", f"{GATEWAY} gateway",
           "controller", "controller"]
PATHS = ["client", "client", "client", *SERVICES]
CLOCK_STEPS = [-7200, -1800, -90, -5, 5, 90, 1800, 7200]  # seconds; a certificate lives an hour

# kind: how often, where, how long (seconds, from and to), how much (from and to)
KINDS = {
    "kill": (8, KILLED, (0, 0), (0, 0)),
    "stop": (6, STOPPED, (0.5, 8), (0, 0)),
    "delay": (2, PATHS, (2, 8), (0.02, 0.4)),     # seconds for each piece
    "stall": (2, PATHS, (1, 8), (0, 0)),          # nothing passes, then all of it
    "cut": (2, PATHS, (0, 0), (0.2, 1)),          # of the connections
    "drop": (2, PATHS, (1, 6), (0.01, 0.1)),      # of the pieces; what follows is lost too, and the connection ends
    "corrupt": (2, PATHS, (1, 6), (0.01, 0.1)),   # of the pieces
    "loss": (3, SERVICES, (2, 8), (1, 25)),       # percent of a compartment's packets
    "disk": (1, ["disk"], (1, 6), (0, 0)),
    "clock": (1, ["clock"], (5, 25), (0, 0)),
    "upgrade": (2, ["platform"], (15, 25), (0, 0)),  # to the other of two builds, and back
}

ROOT_ONLY = ("loss", "disk", "clock")
ALONE = [("clock", "disk"), ("upgrade",)]  # of each of these, one at a time


@dataclasses.dataclass
class Fault:
    number: int
    kind: str
    target: str
    begin: float    # seconds since the run began
    seconds: float
    amount: float
    detail: str = ""            # what came of it
    healed: float | None = None  # when everything was settled again

    @property
    def end(self):
        return self.begin + self.seconds

    def __str__(self):
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        amount = f" ({self.amount:.3g})" if self.amount else ""
        return f"{self.kind} {self.target}{amount}{lasting}"


def schedule(seed, seconds, kinds):
    """The faults of a run of so many seconds, in order. `kinds`: those that can be done here."""
    dice = random.Random(seed)
    weights = [KINDS[kind][0] for kind in kinds]
    faults = []
    free = dict.fromkeys(ALONE, 0)
    now = dice.uniform(1, 3)
    while now < seconds - QUIET_END:
        kind = dice.choices(kinds, weights)[0]
        _, targets, (shortest, longest), (least, most) = KINDS[kind]
        fault = Fault(len(faults) + 1, kind, dice.choice(targets), now, dice.uniform(shortest, longest), dice.uniform(least, most))
        if kind == "clock":
            fault.amount = dice.choice(CLOCK_STEPS)
        fault.seconds = min(fault.seconds, seconds - QUIET_END - now + 1)
        if all(now >= free[kinds] for kinds in ALONE if kind in kinds):
            faults.append(fault)
            free.update({kinds: fault.end for kinds in ALONE if kind in kinds})
        now += dice.uniform(0.5, 5)
    return faults
