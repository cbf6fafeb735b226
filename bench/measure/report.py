"""Results in markdown: one table with what was reached, all figures behind it, and what has no request in tables of its own."""

import os
import statistics

from . import verdicts
from .scenarios import MANY
from .verdicts import OURS

HEAD = ["#", "scenario", "who", "CPU µs each", "each CPU second", "answered/s", "bulkhead to it", "p50 µs", "p99 µs", "p99.9 µs",
        "system calls each"]


def machine_name():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    return f"{model}, {os.cpu_count()} processors, Linux {os.uname().release}, load {os.getloadavg()[0]:.1f}"


def spread(values, digits=1):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} … {max(values):.{digits}f})" if values else ""


def markdown(head, rows):
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *rows])


def cell(case, name):
    """`17.3 (1.38)`: the figure, and ours to it."""
    made = case["costs"].get(name)
    if not made:
        return "failed" if name in case["failed"] else ""
    value = f"{statistics.median(each[verdicts.figure_of(case)] for each in made):,.1f}"
    ratios = verdicts.ratios(case, name)
    return value if name == OURS or not ratios else f"{value} ({statistics.median(ratios):.2f})"


def summary(results):
    names = list(dict.fromkeys(name for case in results["cases"] for name in [*case["costs"], *case["failed"]]))
    rows = []
    for case in results["cases"]:
        goals = [(f"{goal} of {name}", good) for name, (goal, good) in verdicts.judged(case).items()]
        unit = "MiB/s" if case["throughput"] else f"µs a {case['unit']}"
        rows.append([case["scenario"], f"{case['title']}, {unit}", *(cell(case, name) for name in names),
                     "; ".join(goal for goal, _ in goals), "; ".join(good for _, good in goals)])
    return markdown(["#", "scenario", *names, "goal", "reached"], rows) if rows else ""


def latency_of(made, field):
    if not made:
        return ""
    values = [each[field] for each in made]
    return f"{spread(values, 0)}{'' if all(each['held'] for each in made) else ', rate not held'}"


def rows_of(case):
    for name, made in case["costs"].items():
        cpu = [each["cpu_us"] for each in made]
        latencies = case["latencies"].get(name, [])
        calls = case["calls"].get(name)
        yield [case["scenario"], f"{case['title']}, a {case['unit']}", name, spread(cpu), f"{1e6 / max(statistics.median(cpu), 1e-9):,.0f}",
               f"{statistics.median(each['per_second'] for each in made):,.0f}",
               spread(verdicts.ratios(case, name), 2) if name != OURS else "",
               *(latency_of(latencies, field) for field in ("p50", "p99", "p999")), f"{calls['each']:.2f}" if calls else ""]


def remarks(cases):
    lines = []
    for case in cases:
        title = f"{case['scenario']} {case['title']}"
        lines += [f"{title}: {name} has no figure: {why}" for name, why in case["failed"].items()]
        lines += [f"{title}: {name}: {note}" for name, note in case["notes"].items() if name in case["costs"]]
        if case["latencies"]:
            lines.append(f"{title}: latencies at {case['rate']:,.0f}/s, half of what bulkhead reached")
        shared = sum(each["shared"] for made in case["costs"].values() for each in made)
        if shared:
            lines.append(f"{title}: {shared} of {sum(map(len, case['costs'].values()))} rounds shared the proxy's processor with others: "
                         "there the proxy's processes are counted instead")
    return "\n".join(f"- {line}" for line in lines)


def growth(results):
    rows = [[name, *(spread(values, 2) for values in made), *verdict] for name, made, verdict in verdicts.growths(results["cases"])]
    return markdown(["who", "1,000 connections to 10", f"{MANY:,} to 10", "goal", "reached"], rows) if rows else ""


def added(results):
    rows = [[name, spread(p50, 0), spread(p99, 0), *verdict] for name, p50, p99, verdict in verdicts.added(results["added"])]
    return markdown(["who", "added to p50, µs", "added to p99, µs", "goal", "reached"], rows) if rows else ""


def telemetry(results):
    records = results["telemetry"]
    if not records:
        return ""
    made, what, whole, part, reached = verdicts.telemetry(records, results["cases"])
    row = [spread(records["on"], 2), spread(records["off"], 2), spread(made, 2), f"{part:.1%} {what} ({whole:.1f})", f"at most {verdicts.TELEMETRY:.0%}", reached]
    return markdown(["with, µs a request", "without", "difference", "is", "goal", "reached"], [row])


def memory(results):
    rows = []
    for each in results["memory"]:
        for name, figure in each["figures"].items():
            rows.append([each["title"], name, f"{figure['idle_mib']:.1f} ({figure['processes']})",
                         "" if each["burst"] else f"{figure['connection_kib']:.1f}", f"{figure['after_mib']:.1f}",
                         *verdicts.memory(each, name, figure)])
    return markdown(["of", "who", "MiB before (processes)", "KiB an idle connection", "MiB after", "goal", "reached"], rows) if rows else ""


def everything(results):
    rows = [row for case in results["cases"] for row in rows_of(case)]
    return markdown(HEAD, rows) if rows else ""


def text(results):
    sections = [
        ("CPU, or throughput where it says so; medians, in brackets ours to it, round by round", summary(results)),
        ("Everything; median (min … max)", everything(results)),
        ("CPU of a request with the number of connections (8)", growth(results)),
        ("What a proxy adds to a direct connection at 2,000 requests/s (10)", added(results)),
        ("Telemetry, on against off: spans, access records and counts of two sidecars in one loop (12)", telemetry(results)),
        ("Memory, PSS (9)", memory(results)),
        ("Remarks", remarks(results["cases"]))]
    head = f"{results['machine']}; {results['rounds']} rounds of {results['seconds']:g} s"
    return "\n\n".join([head, *(f"{title}\n\n{body}" for title, body in sections if body)]) + "\n"
