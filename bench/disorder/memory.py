"""Memory of the platform's processes, each second, and how it grows."""

import collections

WARM = 30  # seconds in which a process may reach its size


def slope(points):
    """KiB a minute by least squares over [(process, seconds, KiB)], each process about its own mean; None without enough."""
    of = collections.defaultdict(list)
    for process, seconds, size in points:
        of[process].append((seconds, size))
    above = below = 0
    for samples in of.values():
        mean_time = sum(time for time, _ in samples) / len(samples)
        mean_size = sum(size for _, size in samples) / len(samples)
        above += sum((time - mean_time) * (size - mean_size) for time, size in samples)
        below += sum((time - mean_time) ** 2 for time, _ in samples)
    return above / below * 60 if below else None


class Memory:
    def __init__(self):
        self.samples = collections.defaultdict(list)  # class: [(process, seconds, KiB)]
        self.first = {}

    def add(self, name, process, seconds, size):
        self.first.setdefault(process, seconds)
        self.samples[name.rsplit(" ", 1)[-1]].append((process, seconds, size))

    def table(self):
        """[(class, processes, median KiB, largest, KiB a minute, seconds looked at)] over the second half of what was sampled."""
        end = max((seconds for points in self.samples.values() for _, seconds, _ in points), default=0)
        rows = []
        for name, points in sorted(self.samples.items()):
            sizes = sorted(size for _, _, size in points)
            late = [each for each in points if each[1] >= end / 2 and each[1] - self.first[each[0]] >= WARM]
            rows.append((name, len({process for process, _, _ in points}), sizes[len(sizes) // 2], sizes[-1], slope(late), len(late)))
        return rows
