"""bench/versions: which version a failure belongs to, and what it calls wrong."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from releases import verdict  # noqa: E402

WHY = "checkout-2: 2 of 21 answers failed, more than 2%"


def bad(**more):
    found = verdict.Deployment("7", "fails")
    found.code, found.why, found.pinned, found.requests = verdict.WENT_BACK, WHY, f"went back to 6: {WHY}", 100
    for key, value in more.items():
        setattr(found, key, value)
    return found


def good(**more):
    found = verdict.Deployment("7")
    for key, value in more.items():
        setattr(found, key, value)
    return found


def failure(began):
    return {"order": "o-1", "began": began * 1000}


class Verdict(unittest.TestCase):
    CASES = [
        ("a good one that stayed", good(), ""),
        ("a good one that went back", good(code=4, why=WHY), "it is good, but up gave 4"),
        ("a good one that status says went back", good(pinned=WHY), "it is good, but up gave 0"),
        ("a good one under which something failed", good(failed=[failure(1)]), "it is good, but there failed"),
        ("a bad one that went back", bad(), ""),
        ("a bad one that harmed its share", bad(failed=[failure(1)] * 10), ""),
        ("a bad one that harmed more", bad(failed=[failure(1)] * 11), "11 of 100 requests failed, more than its share of 10%"),
        ("a bad one that stayed", bad(code=0), "it is bad, but up gave 0"),
        ("a bad one that went back by chance", bad(why="checkout-2: its p99 is 3 ms"), "it went back for another reason"),
        ("a bad one of which status says nothing", bad(pinned=""), "status does not say why"),
        ("a bad one of which history says nothing", bad(spoil="fails", why=WHY + "!", pinned=WHY + "!"), "history does not say why"),
        ("one that was left out", verdict.Deployment("7", "leaks", "no limits here"), ""),
    ]

    def test_what_is_wrong(self):
        for name, deployment, expected in self.CASES:
            with self.subTest(name):
                wrong = deployment.wrong(0.1, f"8  root  up  given up: {WHY}\n")
                self.assertEqual(len(wrong), 1 if expected else 0, wrong)
                self.assertIn(expected, "".join(wrong))

    def test_a_failure_belongs_to_the_version_that_was_deployed_last_when_it_began(self):
        one, skipped, two = good(began=10.0), verdict.Deployment("2", "leaks", "no limits here"), good(began=20.0)
        strays = verdict.attribute([one, skipped, two], [failure(5), failure(10), failure(19), failure(20), failure(100)])
        self.assertEqual([each["began"] for each in strays], [5000])
        self.assertEqual([each["began"] for each in one.failed], [10_000, 19_000])
        self.assertEqual([each["began"] for each in two.failed], [20_000, 100_000])

    def test_books(self):
        right = {"checks": [{"name": "stock adds up", "faults": []}], "outcomes": {"confirmed": 5, "lost": 0, "unexpected": 0}}
        self.assertEqual(list(verdict.wrong_books(right)), [])
        for key, value in (("checks", []), ("checks", [{"name": "stock adds up", "faults": ["rope: sold 3"]}]), ("outcomes", {"lost": 1}),
                           ("outcomes", {"unexpected": 1})):
            self.assertEqual(len(list(verdict.wrong_books({**right, key: value}))), 1, value)


if __name__ == "__main__":
    unittest.main(verbosity=2)
