"""bench/chaos: what it draws, what it counts as explained, how it finds that memory grows."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from disorder import evidence, memory, schedule  # noqa: E402

SPAN = {"type": "span", "request_id": "o-1.0", "hop": "gateway", "caller": "_gateway", "callee": "checkout", "status": 200, "us": 5000}
FAILURE = {"order": "o-1", "request_id": "o-1.0", "began": 10_000, "ended": 12_000, "port": 4711}


def evidence_of(*spans, lost=(), gateway_ends=(), full=(), upgrades=(), stopped=(), read=11):
    found = evidence.Evidence("/nowhere")
    for span in spans:
        if evidence.is_bad(span):
            found.take(span, read)
    found.lost, found.gateway_ends, found.full = list(lost), list(gateway_ends), list(full)
    found.upgrades, found.stopped = list(upgrades), list(stopped)
    return found


class Schedule(unittest.TestCase):
    def test_one_seed_is_one_schedule_and_another_is_another(self):
        kinds = list(schedule.KINDS)
        self.assertEqual(schedule.schedule(7, 600, kinds), schedule.schedule(7, 600, kinds))
        self.assertNotEqual(schedule.schedule(7, 600, kinds), schedule.schedule(8, 600, kinds))

    def test_every_kind_comes_up_and_nothing_breaks_at_the_end(self):
        faults = schedule.schedule(1, 1200, list(schedule.KINDS))
        self.assertEqual({fault.kind for fault in faults}, set(schedule.KINDS))
        self.assertLess(max(fault.end for fault in faults), 1200 - schedule.QUIET_END + 2)

    def test_a_clock_is_not_stepped_twice_at_a_time(self):
        steps = [fault for fault in schedule.schedule(3, 3600, list(schedule.KINDS)) if fault.kind == "clock"]
        self.assertGreater(len(steps), 5)
        for one, next_one in zip(steps, steps[1:]):
            self.assertLessEqual(one.end, next_one.begin)


class Explain(unittest.TestCase):
    CASES = [
        ("the gateway's record has the cause", evidence_of({**SPAN, "status": 502, "cause": "broken_off"}), {}, "record: _gateway → checkout: broken_off"),
        ("a record of another request has not", evidence_of({**SPAN, "request_id": "o-1.1", "status": 502, "cause": "broken_off"}), {}, None),
        ("a record that says all was well explains nothing", evidence_of(SPAN), {}, None),
        ("nothing at all", evidence_of(), {}, None),
        ("an answer of checkout's own, by a call that failed",
         evidence_of({**SPAN, "status": 503}, {**SPAN, "hop": "outer", "caller": "checkout", "callee": "payments", "status": 503, "cause": "unreachable"}), {},
         "answer: checkout is not ready with it, for checkout → payments: unreachable"),
        ("an answer of checkout's own, by a call that took long",
         evidence_of({**SPAN, "status": 503}, {**SPAN, "hop": "outer", "caller": "checkout", "callee": "accounts", "us": 5_100_000}), {},
         "answer: checkout is not ready with it, for checkout → accounts: answered late"),
        ("an answer of checkout's own, by a call for all orders that went on beyond it",
         evidence_of({**SPAN, "status": 503}, {**SPAN, "request_id": "x", "hop": "outer", "caller": "checkout", "callee": "catalog", "us": 7_000_000}, read=18), {},
         "answer: checkout is not ready with it, for checkout → catalog: answered late"),
        ("an answer of checkout's own, and a call for all orders of another time",
         evidence_of({**SPAN, "status": 503}, {**SPAN, "request_id": "x", "hop": "outer", "caller": "checkout", "callee": "catalog", "us": 2_000_000}, read=18), {}, None),
        ("an answer of checkout's own that no call explains", evidence_of({**SPAN, "status": 503}), {}, None),
        ("the path was harmed", evidence_of(), {4711: [(11, "cut")]}, "path: cut between client and gateway, by this run"),
        ("another connection was harmed", evidence_of(), {4712: [(11, "cut")]}, None),
        ("the connection was harmed at another time", evidence_of(), {4711: [(20, "cut")]}, None),
        ("the gateway was killed", evidence_of(gateway_ends=[(11, 5)]), {}, "killed: the gateway that had accepted it, by this run"),
        ("the gateway was killed a moment later", evidence_of(gateway_ends=[(12.5, 5)]), {}, "killed: the gateway, before it wrote its record, by this run"),
        ("the gateway was killed later", evidence_of(gateway_ends=[(16, 5)]), {}, None),
        ("the gateway was killed later, and the disk was full", evidence_of(gateway_ends=[(16, 5)], full=[[11, 17]]), {},
         "killed: the gateway, while a full disk kept its record in memory, by this run"),
        ("the gateway was killed before", evidence_of(gateway_ends=[(9, 5)]), {}, None),
        ("an answer of checkout's own, whose sidecar stood still", evidence_of({**SPAN, "status": 503}, stopped=[[8, 11, "checkout-1 sidecar"]]), {},
         "answer: checkout is not ready with it, as its sidecar was stopped, by this run"),
        ("an answer of checkout's own, whose sidecar stood still before", evidence_of({**SPAN, "status": 503}, stopped=[[8, 9, "checkout-1 sidecar"]]), {}, None),
        ("an answer of checkout's own, and another one stood still", evidence_of({**SPAN, "status": 503}, stopped=[[8, 11, "checkout-1 service"]]), {}, None),
        ("an answer of checkout's own, whose sidecar ended while the disk was full",
         evidence_of({**SPAN, "status": 503}, {**SPAN, "request_id": "x", "status": 502, "cause": "broken_off"}, full=[[11, 14]], read=15), {},
         "answer: checkout is not ready with it, and its sidecar ended while a full disk kept its records in memory"),
        ("an answer of checkout's own, whose sidecar ended long after the disk was full",
         evidence_of({**SPAN, "status": 503}, {**SPAN, "request_id": "x", "status": 502, "cause": "broken_off"}, full=[[11, 14]], read=19), {}, None),
        ("an answer of checkout's own while the disk was full, and its sidecar went on", evidence_of({**SPAN, "status": 503}, full=[[11, 14]]), {}, None),
        ("the path held it back, and it was answered in the end", evidence_of(), {4711: [(11, evidence.HELD)]}, None),
        ("the path held it back, and the gateway has a record", evidence_of({**SPAN, "status": 502, "cause": "broken_off"}), {4711: [(11, evidence.HELD)]},
         "record: _gateway → checkout: broken_off"),
        ("an upgrade while the disk was full", evidence_of(upgrades=[[13, 15]], full=[[11, 14]]), {},
         "upgrade: of the gateway, while a full disk kept its record in memory, by this run"),
        ("an upgrade when the disk was empty again", evidence_of(upgrades=[[14.5, 15]], full=[[11, 14]]), {}, None),
        ("an upgrade alone, of a request that took long", evidence_of(upgrades=[[9, 15]]), {}, None),
    ]

    def test_only_what_was_recorded_or_done_explains(self):
        for name, found, harmed, expected in self.CASES:
            with self.subTest(name):
                self.assertEqual(evidence.explain(FAILURE, found, harmed), expected)

    def test_a_request_may_meet_the_end_of_an_idle_connection(self):
        reset = {**FAILURE, "failure": "ECONNRESET", "ended": 10_010}
        expected = "upgrade: the old gateway ended the idle connection as the request was sent"
        self.assertEqual(evidence.explain(reset, evidence_of(upgrades=[[9, 15]]), {}), expected)
        self.assertIsNone(evidence.explain(reset, evidence_of(upgrades=[[9, 9.5]]), {}))
        self.assertIsNone(evidence.explain(reset, evidence_of({**SPAN, "us": 1_500_000}, upgrades=[[9, 15]]), {}), "the gateway has it")
        self.assertIsNone(evidence.explain({**reset, "failure": "HTTP 502"}, evidence_of(upgrades=[[9, 15]]), {}))
        killed = "killed: the gateway, on whose connection it was sent a moment later"
        self.assertEqual(evidence.explain(reset, evidence_of(gateway_ends=[(9.8, 5)]), {}), killed)
        self.assertIsNone(evidence.explain(reset, evidence_of(gateway_ends=[(9.3, 5)]), {}))
        self.assertIsNone(evidence.explain({**reset, "failure": "HTTP 503"}, evidence_of(gateway_ends=[(9.8, 5)]), {}))

    def test_a_path_may_hold_a_request_back_until_its_connection_has_ended(self):
        reset, held = {**FAILURE, "failure": "ECONNRESET"}, {4711: [(11, evidence.HELD)]}
        self.assertEqual(evidence.explain(reset, evidence_of(), held),
                         "path: held back between client and gateway, by this run, until the connection had ended")
        self.assertIsNone(evidence.explain({**reset, "failure": "HTTP 502"}, evidence_of(), held))

    def test_a_failure_belongs_to_faults_that_were_not_healed_before_it_began(self):
        faults = [schedule.Fault(1, "kill", "a", 1, 0, 0, healed=4), schedule.Fault(2, "kill", "b", 9, 0, 0, healed=20), schedule.Fault(3, "kill", "c", 13, 0, 0)]
        self.assertEqual([fault.target for fault in evidence.faults_at(FAILURE, faults, 0)], ["b"])


class Tail(unittest.TestCase):
    def test_lines_are_read_once_through_rotations_and_torn_lines_when_they_are_whole(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "a"
            tail = evidence.Tail(folder)
            path.write_bytes(b"1\n2\nto")
            self.assertEqual(list(tail.lines()), [b"1", b"2"])
            with path.open("ab") as file:
                file.write(b"rn\n3\n")
            path.rename(pathlib.Path(folder) / "a.1")
            path.write_bytes(b"4\n")
            self.assertEqual(list(tail.lines()), [b"torn", b"3", b"4"])
            self.assertEqual(list(tail.lines()), [])


class Memory(unittest.TestCase):
    def test_growth_is_found_and_the_difference_of_two_processes_is_none(self):
        flat = [("one", second, 1000) for second in range(60)] + [("two", second, 5000) for second in range(60, 120)]
        grows = [("one", second, 1000 + second) for second in range(60)] + [("two", second, 5000 + second) for second in range(60, 120)]
        self.assertAlmostEqual(memory.slope(flat), 0)
        self.assertAlmostEqual(memory.slope(grows), 60)
        self.assertIsNone(memory.slope([]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
