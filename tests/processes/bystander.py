"""Somebody who behaves well, while others do not: requests at a pace, each with its latency, on a kept connection and on new ones.

    with bystander.Bystander(app, "/others/x") as one:
        ...
    one.failures, one.quantile(0.99)
"""

import threading
import time

PACE = 0.004  # seconds between two requests
NEW = 25  # every so many a new connection


class Bystander:
    def __init__(self, app, path):
        self.app, self.path = app, path
        self.latencies, self.failures = [], []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.go_on)

    def go_on(self):
        connection = self.app.connection()
        while not self.ended.wait(PACE):
            begin = time.monotonic()
            try:
                if len(self.latencies) % NEW == 0:
                    connection.close()
                connection.request("GET", self.path)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200:
                    self.failures.append((answer.status, body[:200]))
            except OSError as error:
                self.failures.append(repr(error))
                connection.close()
            self.latencies.append(time.monotonic() - begin)
        connection.close()

    def quantile(self, share):
        """In milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[int(share * (len(ordered) - 1))] * 1000

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def memory(pid):
    """KiB of a process's own and its share of what it shares; of a sealed process only root may read it."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
