"""What became of each version, and what of it is wrong: data in, sentences out."""

import re

# How a bad version goes back, in the words of `up`.
REASONS = {
    "unready": r"is not ready after \d+ s",
    "fails": r"answers failed, more than",
    "leaks": r"ended while it was watched: killed for want of memory",
    "slow": r"its p99 is \d+ ms|have no answer after",
    "hangs": r"have no answer after",
}
STAYED, WENT_BACK = 0, 4

HEAD = f"  {'version':14} {'took':>8} {'requests':>8}   failed: {'orders':>7} {'streams':>8}   end"


class Deployment:
    def __init__(self, version, spoil="", skipped=""):
        self.version, self.spoil, self.skipped = version, spoil, skipped
        self.began = self.seconds = 0.0
        self.code = STAYED   # of `up`
        self.why = ""        # that it said of a version that went back
        self.pinned = ""     # what status says of that
        self.requests = 0    # that checkout answered until the next deployment, of all versions
        self.failed = []     # attempts at orders, and streams, that began before the next deployment

    @property
    def name(self):
        return f"{self.version}{f', {self.spoil}' if self.spoil else ''}"

    def row(self):
        if self.skipped:
            return f"  {self.name:14} left out: {self.skipped}"
        streams = sum("stream" in each for each in self.failed)
        end = self.why or ("stayed" if self.code == STAYED else f"up gave {self.code}")
        return f"  {self.name:14} {self.seconds:6.1f} s {self.requests:8} {len(self.failed) - streams:17} {streams:8}   {end}"

    def wrong(self, share, history):
        """`share`: of the requests that a bad version may harm; `history`: what `bulkhead history` shows."""
        if self.skipped:
            return []
        return [f"version {self.name}: {each}" for each in (self.wrong_of_bad(share, history) if self.spoil else self.wrong_of_good())]

    def wrong_of_good(self):
        if self.code != STAYED or self.pinned:
            yield f"it is good, but up gave {self.code}: {self.why or self.pinned}"
        for failure in self.failed:
            yield f"it is good, but there failed {failure}"

    def wrong_of_bad(self, share, history):
        if self.code != WENT_BACK:
            yield f"it is bad, but up gave {self.code}"
        elif not re.search(REASONS[self.spoil], self.why):
            yield f"it went back for another reason: {self.why}"
        elif self.why not in self.pinned:
            yield f"status does not say why it went back: {self.pinned}"
        elif f"given up: {self.why}" not in history:
            yield "history does not say why it went back"
        if len(self.failed) > share * self.requests:
            yield f"{len(self.failed)} of {self.requests} requests failed, more than its share of {share:.0%}"


def attribute(deployments, failures):
    """Each failure belongs to the version that was deployed last when it began. Returns those of none."""
    there = [each for each in deployments if not each.skipped]
    strays = []
    for each in there:
        each.failed = []
    for failure in failures:
        owner = next((each for each in reversed(there) if each.began <= failure["began"] / 1000), None)
        (owner.failed if owner else strays).append(failure)
    return strays


def wrong_books(said):
    """`said`: the driver's report."""
    outcomes = said.get("outcomes", {})
    if not said["checks"]:
        yield "the books were not checked"
    for check in said["checks"]:
        for fault in check["faults"][:5]:
            yield f"{check['name']}: {fault}"
    for what in ("lost", "unexpected"):
        if outcomes.get(what):
            yield f"{outcomes[what]} orders are {what}"


def summary(deployments, said):
    watchers = said["watchers"]
    good = [each for each in deployments if not each.spoil]
    outcomes = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in said["outcomes"].items() if count)
    return [
        f"{len(good)} good versions: {sum(each.requests for each in good)} requests meanwhile, {sum(len(each.failed) for each in good)} failed",
        f"{said['orders']} orders: {outcomes}; {sum(said['repeated'].values())} attempts failed and were made again",
        f"{watchers['opened']} streams and WebSockets, told {watchers['told']} things: {watchers['ended']['time']} ended when their time was over, "
        f"{watchers['ended']['closing']} when checkout said that it closes, {sum(watchers['cut'].values())} were refused or cut",
        *[f"{'WRONG' if check['faults'] else 'right'}  {check['name']} ({check['looked']})" for check in said["checks"]],
    ]
