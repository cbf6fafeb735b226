"""Interleaved rounds: every contender once, then all again in another order. What one of them does in a round, `client` runs."""

import threading
import time


class Failed(Exception):
    pass


class Slow(Failed):
    """Not all connections were open in time."""


class Client:
    """A run of the client beside which something is measured, from `begin` on for `seconds`."""

    patience = 1.0  # more where the machine turns out to be slow

    def __init__(self, contender, words, seconds):
        self.contender, self.seconds = contender, seconds
        opened_a_second = 300 if words.get("tls") else 1500
        self.begin = time.monotonic() + 1.0 + Client.patience * int(words.get("connections", 1)) / opened_a_second
        self.answer = {}
        self.thread = threading.Thread(target=self.run, args=({**words, "begin": f"{self.begin:.6f}", "seconds": seconds},))
        self.thread.start()

    def run(self, words):
        try:
            self.answer = self.contender.load(words)
        except Exception as error:
            self.answer = {"failed": str(error)}

    def wait_until(self, after_begin):
        time.sleep(max(0, self.begin + after_begin - time.monotonic()))

    def report(self):
        self.thread.join()
        if self.answer.get("first_error", "").startswith("not all connections"):
            raise Slow(f"{self.contender.name}: {self.answer}")
        if "failed" in self.answer or self.answer["errors"] or not self.answer["done"]:
            raise Failed(f"{self.contender.name}: {self.answer.get('failed') or self.answer}")
        return self.answer


def patiently(measure):
    """What it gives, at the second or third try with more time for connections."""
    for _ in range(2):
        try:
            return measure()
        except Slow:
            Client.patience *= 2
    return measure()


def interleaved(contenders, count, measure, say):
    """Gives name -> what `measure` gave in each round, and name -> why it has nothing."""
    figures = {contender.name: [] for contender in contenders}
    failed = {}
    for number in range(count):
        turn = number % len(contenders)
        for contender in contenders[turn:] + contenders[:turn]:
            if contender.name in failed:
                continue
            try:
                figure = patiently(lambda: measure(contender))
            except Failed as error:
                failed[contender.name] = str(error)
                say(f"  {error}")
                continue
            figures[contender.name].append(figure)
            say(f"  round {number + 1}: {contender.name:9} {figure}")
    return {name: made for name, made in figures.items() if name not in failed}, failed
