"""What is printed in the end."""

import collections

from . import evidence


def causes(failures, found, harmed, faults, begun):
    """Lines of a table, and what nothing explains."""
    counts = collections.Counter()
    during = collections.defaultdict(collections.Counter)
    unexplained = []
    for failure in failures:
        cause = evidence.explain(failure, found, harmed)
        on = evidence.faults_at(failure, faults, begun)
        if cause is None or not on:
            why = "no record has its cause" if cause is None else f"{cause}; but nothing was broken then"
            unexplained.append(f"{failure['request_id']} at {failure['began'] / 1000 - begun:.2f}–{failure['ended'] / 1000 - begun:.2f} s, "
                               f"{failure['failure']}: {why}")
            continue
        counts[cause] += 1
        during[cause].update({f"{fault.kind} {fault.target}" for fault in on})
    lines = [f"{count:7}  {cause}\n         while: {', '.join(f'{name} {times}' for name, times in during[cause].most_common(4))}"
             for cause, count in counts.most_common()]
    return lines, unexplained


def memory(rows):
    lines = ["  process     how many   median KiB   largest KiB   KiB/min, second half"]
    for name, many, median, largest, slope, looked in rows:
        grown = f"{slope:+.2f} of {looked} samples" if slope is not None else "none lived long enough"
        lines.append(f"  {name:10} {many:9} {median:12} {largest:13}   {grown}")
    return lines


def books(said):
    lines = [f"  {said['orders']} orders, {sum(said['repeated'].values())} attempts failed and were repeated"]
    for outcome, count in said.get("outcomes", {}).items():
        if count:
            lines.append(f"  {count:7}  {outcome}")
    for check in said["checks"]:
        lines.append(f"  {'WRONG' if check['faults'] else 'right'}  {check['name']} ({check['looked']})")
        lines += [f"         {fault}" for fault in check["faults"][:5]]
    return lines
