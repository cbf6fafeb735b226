"""With two instances of each callee, so that there is another to send a thing to by mistake."""

import json
import pathlib
import socket

import harness
import origin
from harness import until
from requests_test import MANIFEST, answers

TWO = MANIFEST.replace("""  origin:
""", """  greeter:
    dir: %s
    command: [/usr/bin/python3, greeter.py]
    port: 8080
    protocol: tcp
    scale: 2
  origin:
    scale: 2
""" % pathlib.Path(__file__).resolve().parent).replace("""      origin: ["* /*"]
""", """      origin: ["* /*"]
      greeter:
""")
# The first bytes by which a sniffer would choose a protocol, and such that fit none.
OPENINGS = {
    "nothing": b"",
    "HTTP/1": b"GET / HTTP/1.1\r\nHost: origin\r\n\r\n",
    "broken HTTP/1": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "a ClientHello": bytes.fromhex("160301003a0100003603034242") + bytes(50),
    "PROXY": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "PROXY 2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
    "one byte": b"G",
    "zeros": bytes(100_000),
}
BROKEN = (("closed", b"", "close"), ("reset", b"", "reset"), ("half a head", b"HTTP/1.1 200 O", "close"), ("only a 1xx", b"HTTP/1.1 103 E\r\n\r\n", "close"))


class Instances(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.app = harness.Application(TWO)
        cls.addClassCleanup(cls.app.close)
        cls.app.up()
        cls.app.wait_settled()

    def send(self, head, body=b""):
        data = (head + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode() + body
        with socket.create_connection(("127.0.0.1", self.app.port)) as far:
            return answers(origin.exchange(far, data, False))

    def seen_by_both(self):
        """What each instance has seen, by what tells it apart."""
        found = {}

        def both():
            said = json.loads(self.send("GET / HTTP/1.1\r\nHost: a\r\n")[-1][2])
            found[said["self"]] = said["seen"]
            return len(found) == 2

        until(both, 60, "an answer of each instance")
        return found

    def test_a_post_that_may_have_been_sent_goes_to_no_other_instance(self):
        for name, answer, then in BROKEN:
            for number in range(10):  # whoever is chosen, the other is there
                got = self.send(f"POST / HTTP/1.1\r\nHost: a\r\nX-Id: {name} {number}\r\nX-Answer: {answer.hex()}\r\nX-Then: {then}\r\n", b"pay")
                self.assertEqual(got[-1][0], 502, got)
        seen = self.seen_by_both()
        every = [each for of_one in seen.values() for each in of_one]
        self.assertEqual(sorted(every), sorted(f"{name} {number}" for name, _, _ in BROKEN for number in range(10)))
        self.assertTrue(all(seen.values()), "one instance got all: this shows nothing")

    def test_raw_bytes_arrive_as_they_are_and_the_service_may_speak_first(self):
        greeters = set()
        for name, data in OPENINGS.items():
            with self.subTest(name):
                for _ in range(4):
                    got = self.send("POST /raw HTTP/1.1\r\nHost: caller\r\nX-To: greeter\r\nX-End: yes\r\nX-Hear: yes\r\n", data)
                    self.assertEqual(got[0][0], 200)
                    greeter, _, echoed = got[0][2].partition(b"\n")
                    self.assertEqual(echoed, data)
                    greeters.add(greeter)
        self.assertEqual(len(greeters), 2, "one instance got all: this shows nothing")


if __name__ == "__main__":
    harness.main()
