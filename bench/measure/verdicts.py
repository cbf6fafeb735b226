"""What the figures come to beside the goals. Ratios and differences are taken round by round."""

import statistics

from .scenarios import MANY

OURS, FLOOR, DIRECT = "bulkhead", "floor", "direct"
IDLE_MIB, CONNECTION_KIB, GROWTH = 8, 8, 1.1  # of a sidecar; of an idle TLS connection; after a burst, of what it was
ADDED_P50, ADDED_P99 = 150, 500  # µs
TELEMETRY = 0.05  # of scenario 4's CPU, where that was measured in the same run


def yes(good):
    return "yes" if good else "no"


def figure_of(case):
    return "per_second" if case["throughput"] else "cpu_us"


def ratios(case, name):
    field = figure_of(case)
    pairs = zip(case["costs"].get(OURS, []), case["costs"].get(name, []))
    return [ours[field] / theirs[field] for ours, theirs in pairs if theirs[field]]


def best_peer(case):
    field = figure_of(case)
    medians = {name: statistics.median(each[field] for each in made) for name, made in case["costs"].items() if name not in (OURS, FLOOR)}
    if not medians:
        return None
    return (max if case["throughput"] else min)(medians, key=medians.get)


def judged(case):
    """{peer: (goal, reached)} of the peers that the goals name and that were there."""
    made = {}
    for peer, goal in case["goals"].items():
        name = best_peer(case) if peer == "best" else peer
        if not ratios(case, name):
            continue
        reached = statistics.median(ratios(case, name))
        good = reached >= goal if case["throughput"] else reached <= goal
        unknown = peer == "best" and case["failed"]  # the best may be among those without a figure
        made[name] = (f"at {'least' if case['throughput'] else 'most'} {goal:.2f}", "not known" if good and unknown else yes(good))
    return made


def growths(cases):
    """[(name, [ratios of 1,000 to 10, ratios of MANY to 10], (goal, reached))]"""
    by_count = {case["connections"]: case["costs"] for case in cases if case["connections"]}
    if not {10, 1000, MANY} <= by_count.keys():
        return []

    def growth(name, count):
        return [many["cpu_us"] / few["cpu_us"] for few, many in zip(by_count[10].get(name, []), by_count[count].get(name, []))]

    made = {name: [growth(name, 1000), growth(name, MANY)] for name in by_count[10]}
    made = {name: each for name, each in made.items() if all(each)}
    verdict = ("", "")
    if OURS in made and FLOOR in made:
        ours, floor = (statistics.median(made[name][1]) for name in (OURS, FLOOR))
        verdict = (f"at most the floor's {floor:.2f}", yes(ours <= floor))
    return [(name, each, verdict if name == OURS else ("", "")) for name, each in made.items()]


def added(latencies):
    """[(name, added to p50, added to p99, (goal, reached))], of the rounds in which both held the rate."""
    direct = latencies.get(DIRECT, [])
    made = []
    for name, each in latencies.items():
        if name == DIRECT:
            continue
        pairs = [(through, straight) for through, straight in zip(each, direct) if through["held"] and straight["held"]]
        p50, p99 = ([through[field] - straight[field] for through, straight in pairs] for field in ("p50", "p99"))
        reached = "rate not held"
        if pairs:
            reached = yes(statistics.median(p50) < ADDED_P50 and statistics.median(p99) < ADDED_P99)
        made.append((name, p50, p99, (f"under {ADDED_P50} and {ADDED_P99}", reached) if name == OURS else ("", "")))
    return made


def telemetry(records, cases):
    """(differences in µs, the request they are a part of, its µs, the part, reached)"""
    made = [on - off for on, off in zip(records["on"], records["off"])]
    whole, what = statistics.median(records["on"]), "of the two in one loop"
    for case in cases:
        if case["scenario"] == 4 and case["words"]["body"] == 128 and case["costs"].get(OURS):
            whole, what = statistics.median(each["cpu_us"] for each in case["costs"][OURS]), "of 4, 128 B"
    part = statistics.median(made) / whole
    return made, what, whole, part, yes(part <= TELEMETRY)


def memory(of_what, name, figure):
    """(goal, reached)"""
    if name != OURS:
        return "", ""
    if of_what["burst"]:
        return "no growth", yes(figure["after_mib"] <= figure["idle_mib"] * GROWTH)
    if of_what["kind"] == "mesh":
        return f"a sidecar at most {IDLE_MIB} MiB", yes(figure["idle_mib"] / figure["processes"] <= IDLE_MIB)
    if of_what["kind"] == "gateway-tls":
        return f"at most {CONNECTION_KIB} KiB", yes(figure["connection_kib"] <= CONNECTION_KIB)
    return "", ""
