"""ffuf, a fuzzer of the web that knows nothing of contracts, with dirb's words at each place of a request, at a gateway with the shop's contracts
behind it. What got an answer of success is sent again and judged as hostile/strangers_test.py does.

    ffuf_test.py [--words N]    how many words, drawn with one seed; 0: all of them
"""

import json
import pathlib
import random
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "processes"), str(HERE.parent / "hostile")]

import harness
import strangers_test
from strangers_test import CONTRACTS, MANIFEST, Contract

LISTS = pathlib.Path("/usr/share/dirb/wordlists")
WORDS = 200 if harness.is_sanitized() else 1000
ORDER = '{"customer": "c0001", "lines": [{"sku": "FUZZ", "quantity": 1}]}'
HEADERS = [("Content-Type", "application/json"), ("Idempotency-Key", "k1")]
# Where the words go: path with its query, and a body.
PLACES = {"path": ("/FUZZ", None), "path behind": ("/items/FUZZ", None), "parameter": ("/items?FUZZ=1", None), "value": ("/items?prefix=FUZZ", None),
          "body": ("/orders", ORDER)}


def words():
    found = {line.rstrip("\n") for path in (LISTS / "common.txt", LISTS / "big.txt", *sorted((LISTS / "vulns").glob("*.txt")))
             for line in path.read_text(errors="replace").splitlines()}
    every = sorted(word for word in found if word and not word.startswith("#"))
    return every if WORDS == 0 else random.Random(1).sample(every, min(WORDS, len(every)))


class Ffuf(strangers_test.Strangers):
    test_nothing_passes_that_the_contract_does_not_describe = None  # of the class that it borrows from

    def fuzz(self, name, place, found):
        path, body = PLACES[place]
        command = ["ffuf", "-k", "-s", "-w", self.app.directory / "words", "-mc", "200-399", "-of", "json", "-o", found, "-t", "20", "-u",
                   f"https://127.0.0.1:{self.app.port}/{name}{path}"]
        if body:
            command += ["-X", "POST", "-d", body, *(word for header in HEADERS for word in ("-H", ": ".join(header)))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(found.read_text())["results"]

    def again(self, name, place, hit):
        """What the program behind the contract sees of it; None where it is refused this time."""
        target = hit["url"].split(f":{self.app.port}/{name}", 1)[1]
        body = PLACES[place][1]
        request = ["POST", target, [], HEADERS, body.replace("FUZZ", hit["input"]["FUZZ"]).encode()] if body else ["GET", target, [], [], None]
        return self.send(self.app, name, request)[1]

    def test_a_fuzzer_of_the_web_finds_nothing_else(self):
        self.app = self.application(MANIFEST)
        self.app.up()
        self.app.wait_settled()
        every = words()
        (self.app.directory / "words").write_text("".join(word + "\n" for word in every))
        self.connect()
        passed = 0
        for name in CONTRACTS:
            contract = Contract(name)
            for place in PLACES:
                for hit in self.fuzz(name, place, self.app.directory / "found.json"):
                    seen = self.again(name, place, hit)
                    with self.subTest(name=name, place=place, word=hit["input"]["FUZZ"]):
                        self.assertIsNotNone(seen, "it passed once only")
                        self.assertIsNone(contract.objection(seen), seen)
                    passed += 1
        print(f"{len(every) * len(PLACES) * len(CONTRACTS)} requests, {passed} passed, and each is one that its contract describes", flush=True)
        self.assertGreater(passed, 0, "some words are good names of things")
        self.wire.close()
        self.app.down()


if __name__ == "__main__":
    if not shutil.which("ffuf") or not LISTS.is_dir():
        print("skipped: ffuf or dirb's words are not installed (scripts/packages-test.txt)")
        sys.exit(harness.SKIPPED)
    if "--words" in sys.argv:
        at = sys.argv.index("--words")
        WORDS = int(sys.argv[at + 1])
        del sys.argv[at:at + 2]
    harness.main()
