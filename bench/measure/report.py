"""The table, and the same as JSON."""

import dataclasses
import os
import statistics

def spread(values, digits=1):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} … {max(values):.{digits}f})"


def ratios(figures, peer):
    """Ours to the peer's, round by round."""
    return [ours.cpu_us / theirs.cpu_us for ours, theirs in zip(figures.get("bulkhead", []), figures.get(peer, []))]


def best_peer(figures):
    peers = {name: statistics.median(f.cpu_us for f in made) for name, made in figures.items() if name not in ("bulkhead", "floor")}
    return min(peers, key=peers.get) if peers else None


def verdicts(case, figures):
    """Each goal with what was reached: [(words, reached)]."""
    made = []
    for name, goal in case.goals.items():
        peer = best_peer(figures) if name == "best" else name
        if not ratios(figures, peer):
            continue
        reached = statistics.median(ratios(figures, peer))
        made.append((f"{reached:.2f} of {peer}, goal {goal:.2f}", reached <= goal))
    return made


def table(case, figures, failed, notes):
    lines = [f"{case.scenario} {case.title}",
             f"  {'':10} {'CPU µs a request':>26} {'processes':>10} {'requests/CPU-s':>15} {'load reached':>13}   bulkhead to it"]
    for name, made in figures.items():
        cpu = [figure.cpu_us for figure in made]
        ratio = ratios(figures, name) if name != "bulkhead" else []
        lines.append(f"  {name:10} {spread(cpu):>26} {statistics.median(f.process_us for f in made):>10.1f} "
                     f"{1e6 / statistics.median(cpu):>15.0f} {statistics.median(f.per_second for f in made):>11.0f}/s"
                     + (f"   {spread(ratio, 2)}" if ratio else ""))
    lines += [f"  {name:10} {why}" for name, why in failed.items()]
    lines += [f"  {words}: {'reached' if good else 'not reached'}" for words, good in verdicts(case, figures)]
    lines += [f"  {name}: {note}" for name, note in notes.items()]
    shared = sum(figure.shared for made in figures.values() for figure in made)
    if shared:
        lines.append(f"  {shared} of {sum(map(len, figures.values()))} rounds shared the proxy's processor with others: there the "
                     "proxy's processes are counted instead")
    return "\n".join(lines)


def as_json(case, figures, failed):
    return {
        "scenario": case.scenario, "title": case.title, "words": case.words, "goals": case.goals, "failed": failed,
        "rounds": {name: [dataclasses.asdict(figure) for figure in made] for name, made in figures.items()},
        "ratios": {name: ratios(figures, name) for name in figures if name != "bulkhead"}}


def machine_name():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    return f"{model}, {os.cpu_count()} processors, Linux {os.uname().release}, load {os.getloadavg()[0]:.1f}"
