"""Both ends scripted: what a service writes, byte by byte, and what a client of the gateway sees of it.

The gateway and the service's sidecar are between them, so each answer is read by one HTTP/1 client of ours, carried over HTTP/2 and
written by one HTTP/1 server of ours.
"""

import json
import socket

import harness
import origin
from requests_test import MANIFEST, answers

CLOSE = "close"
RESET = "reset"
KEEP = "keep"

# name, the request's first line, what the service writes, what it does then, statuses that the client sees, the last body
ANSWERS = [
    ("sized", "GET /", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", KEEP, [200], b"abc"),
    ("sized, then the end", "GET /", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", CLOSE, [200], b"abc"),
    ("chunked", "GET /", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x\r\nbc\r\n0\r\nX-Sum: 1\r\n\r\n", KEEP, [200], b"abc"),
    ("until the end", "GET /", b"HTTP/1.1 200 OK\r\n\r\nabc", CLOSE, [200], b"abc"),
    ("HTTP/1.0 until the end", "GET /", b"HTTP/1.0 200 OK\r\n\r\nabc", CLOSE, [200], b"abc"),
    ("HTTP/1.0 sized", "GET /", b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", CLOSE, [200], b"abc"),
    ("no reason", "GET /", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", KEEP, [200], b""),
    ("an empty reason", "GET /", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", KEEP, [200], b""),
    ("an unknown status", "GET /", b"HTTP/1.1 299 Odd\r\nContent-Length: 1\r\n\r\na", KEEP, [299], b"a"),
    ("204", "GET /", b"HTTP/1.1 204 No Content\r\n\r\n", KEEP, [204], b""),
    ("304 with a length", "GET /", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", KEEP, [304], b""),
    ("304 with a coding", "GET /", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", KEEP, [304], b""),
    ("HEAD with a length", "HEAD /", b"HTTP/1.1 200 OK\r\nX-Method: HEAD\r\nContent-Length: 3\r\n\r\n", KEEP, [200], b""),
    ("HEAD with a coding", "HEAD /", b"HTTP/1.1 200 OK\r\nX-Method: HEAD\r\nTransfer-Encoding: chunked\r\n\r\n", KEEP, [200], b""),
    ("103 before", "GET /", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", KEEP, [103, 200], b"a"),
    ("many 1xx before", "GET /", b"HTTP/1.1 102 P\r\n\r\n" * 3 + b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", KEEP, [102, 102, 102, 200], b"a"),
    ("100 that nobody asked for", "GET /", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", KEEP, [100, 200], b"a"),
    ("connection fields", "GET /", b"HTTP/1.1 200 OK\r\nConnection: X-Private\r\nX-Private: 1\r\nKeep-Alive: 5\r\nContent-Length: 1\r\n\r\na", KEEP, [200], b"a"),
    ("a second answer behind it", "GET /", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", KEEP, [200], b"a"),
    ("bytes behind a 204", "GET /", b"HTTP/1.1 204 No Content\r\n\r\nwrong", KEEP, [204], b""),
    ("101 that nobody asked for", "GET /", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", KEEP, [502], None),
    ("two lengths", "GET /", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", KEEP, [502], None),
    ("two equal lengths", "GET /", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", KEEP, [502], None),
    ("a length and a coding", "GET /", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", KEEP, [502], None),
    ("a length that is none", "GET /", b"HTTP/1.1 200 OK\r\nContent-Length: one\r\n\r\na", KEEP, [502], None),
    ("a negative length", "GET /", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na", KEEP, [502], None),
    ("an unknown coding", "GET /", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\na", CLOSE, [502], None),
    ("chunked in HTTP/1.0", "GET /", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", CLOSE, [502], None),
    ("204 with a body", "GET /", b"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\na", KEEP, [502], None),
    ("1xx with a body", "GET /", b"HTTP/1.1 103 E\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", KEEP, [502], None),
    ("a folded field", "GET /", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", KEEP, [502], None),
    ("a space before the colon", "GET /", b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n", KEEP, [502], None),
    ("NUL in a field", "GET /", b"HTTP/1.1 200 OK\r\nX: a\0\r\nContent-Length: 0\r\n\r\n", KEEP, [502], None),
    ("bare LF", "GET /", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", KEEP, [502], None),
    ("HTTP/2", "GET /", b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n", KEEP, [502], None),
    ("HTTP/0.9", "GET /", b"<html></html>\r\n", CLOSE, [502], None),
    ("status of two digits", "GET /", b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", KEEP, [502], None),
    ("status 999", "GET /", b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", KEEP, [502], None),
    ("status 000", "GET /", b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n", KEEP, [502], None),
    ("too large a head", "GET /", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\nContent-Length: 0\r\n\r\n", KEEP, [502], None),
    ("no answer", "POST /", b"", CLOSE, [502], None),
    ("half a head", "POST /", b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE, [502], None),
    ("a reset instead of an answer", "POST /", b"", RESET, [502], None),
    ("only a 1xx", "POST /", b"HTTP/1.1 103 Early Hints\r\n\r\n", CLOSE, [103, 502], None),
]
# What the service writes after which an answer that has begun can only break off.
BROKEN = [
    ("shorter than its length", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", CLOSE),
    ("reset within its length", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", RESET),
    ("no last chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", CLOSE),
    ("a bad chunk size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx\r\n\r\n", KEEP),
    ("a chunk that is too long", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n", KEEP),
    ("a chunk with bare LF", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n", KEEP),
    ("a bad trailer", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX\r\n\r\n", KEEP),
]
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def request(line, answer, then, more=""):
    return f"{line} HTTP/1.1\r\nHost: a\r\nX-Answer: {answer.hex()}\r\nX-Then: {then}\r\n{more}\r\n".encode()


class Answers(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.app = harness.Application(MANIFEST)
        cls.addClassCleanup(cls.app.close)
        cls.app.up()

    def send(self, data, end=False):
        with socket.create_connection(("127.0.0.1", self.app.port)) as far:
            return origin.exchange(far, data, end)

    def test_an_answer_is_what_the_service_said_or_502(self):
        for name, line, answer, then, statuses, body in ANSWERS:
            with self.subTest(name):
                large = len(answer) > 30000  # more than a field may hold: it is asked for by its name
                data = request(line, b"" if large else answer, then, f"X-Fill: {len(answer)}\r\n" if large else "")
                got = answers(self.send(data + LAST))
                self.assertEqual([status for status, _, _ in got], [*statuses, 200])
                self.assertEqual(got[-1][1]["x-target"], "/last")
                if body is not None:
                    self.assertEqual(got[-2][2], body)
                for _, fields, _ in got:
                    self.assertFalse({"x-private", "keep-alive", "x-bulkhead-not-switched"} & fields.keys(), fields)

    def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(self):
        for name, answer, then in BROKEN:
            with self.subTest(name):
                got = self.send(request("GET /", answer, then) + LAST)
                head, _, rest = got.partition(b"\r\n\r\n")
                if head.startswith(b"HTTP/1.1 502 "):  # nothing of it had been sent on
                    self.assertEqual([status for status, _, _ in answers(got)], [502, 200])
                    continue
                self.assertTrue(head.startswith(b"HTTP/1.1 200 ") or not got, got)
                self.assertNotIn(b"/last", rest)
                self.assertFalse(rest.endswith(b"0\r\n\r\n"), got)
                self.assertLess(len(rest), 9)

    def test_a_request_that_may_have_been_sent_is_not_sent_again(self):
        for name, answer, then in (("nothing", b"", CLOSE), ("reset", b"", RESET), ("half", b"HTTP/1.1 200 O", CLOSE)):
            with self.subTest(name):
                self.send(request("POST /", answer, then, f"X-Id: post-{name}\r\nConnection: close\r\n"))
                seen = json.loads(answers(self.send(LAST))[0][2])["seen"]
                self.assertEqual(seen.count(f"post-{name}"), 1)

    def test_an_answer_before_the_request_is_whole_ends_the_connection(self):
        early = request("POST /", b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", CLOSE, "X-When: head\r\nContent-Length: 900000\r\n")
        got = answers(self.send(early + b"x" * 1000))
        self.assertEqual([(status, body) for status, _, body in got], [(413, b"no")])

    def test_an_upgrade_that_the_service_ignores_is_an_ordinary_answer(self):
        upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        for status in (200, 204, 299, 301, 400, 426, 502):
            with self.subTest(status):
                length = b"" if status == 204 else b"Content-Length: 0\r\n"
                answer = b"HTTP/1.1 %d X\r\n%s\r\n" % (status, length)
                got = answers(self.send(request("GET /", answer, KEEP, upgrade) + LAST))
                self.assertEqual([each for each, _, _ in got], [status, 200])

    def test_an_upgrade_with_the_wrong_proof_is_no_tunnel(self):
        upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        answer = b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        got = answers(self.send(request("GET /", answer, KEEP, upgrade) + LAST))
        self.assertEqual([each for each, _, _ in got], [502, 200])

    def test_a_client_that_ended_its_side_gets_its_answers(self):
        get = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
        post = b"POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        got = answers(self.send(get % 1 + get % 2 + post, True))
        self.assertEqual([fields["x-target"] for _, fields, _ in got], ["/1", "/2", "/3"])

    def test_trailers_go_both_ways(self):
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\nX-Sum: 8\r\n\r\n"
        got = self.send(request("GET /", answer, KEEP, "TE: trailers\r\nConnection: close, te\r\n"))
        self.assertRegex(got, rb"(?i)\r\n0\r\nx-sum: 7\r\nx-sum: 8\r\n\r\n$")
        chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n"
        seen = json.loads(answers(self.send(chunked))[0][2])
        self.assertEqual((seen["body"], [each.lower() for each in seen["trailers"]]), ("a", ["x-sum: 7"]))

    def test_a_field_says_nothing_twice_behind_the_gateway(self):
        got = answers(self.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 127.0.0.1\r\nX-Bulkhead-Caller: admin\r\nConnection: close\r\n\r\n"))
        self.assertNotIn(b"admin", got[0][2])
        self.assertEqual(got[0][2].count(b"x-forwarded-for"), 1)


if __name__ == "__main__":
    harness.main()
