"""Every row of requests.txt at a real gateway, and at the sidecar of a program that calls another."""

import json
import pathlib
import re
import socket

import harness
import origin

HERE = pathlib.Path(__file__).resolve().parent
MANIFEST = """
app: wire
services:
  caller:
    dir: %(here)s
    command: [/usr/bin/python3, origin.py]
    port: 8080
    calls:
      origin: ["* /*"]
  origin:
    dir: %(here)s
    command: [/usr/bin/python3, origin.py]
    port: 8080
gateway:
  listen: 127.0.0.1:@PORT@
  tls: off
  routes:
    - {match: {path: /raw, host: caller}, to: caller}
    - {to: origin}
""" % {"here": HERE}
LAST = b"GET /last-of-all HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}


def unescape(text):
    text = re.sub(r"\{(.*?)\*(\d+)\}", lambda found: found[1] * int(found[2]), text)
    parts = re.split(r"(\^|\\x..|\\.)", text)
    data = b""
    for part in parts:
        if part == "^":
            data += b"\r\n"
        elif part.startswith("\\x"):
            data += bytes.fromhex(part[2:])
        elif part.startswith("\\"):
            data += ESCAPES[part[1]]
        else:
            data += part.encode("latin-1")
    return data


def rows():
    for line in (HERE / "requests.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, statuses, fate, _, data = line.split(" | ", 4)
            yield name, [] if statuses == "none" else [int(s) for s in statuses.split(",")], fate, unescape(data)


class Malformed(Exception):
    pass


def answers(data):
    """(status, fields, body) of each answer."""
    found = []
    while data:
        head, mark, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        if not mark or not re.fullmatch(r"HTTP/1\.1 [1-5]\d\d [ -~]*", first):
            raise Malformed(head)
        fields = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            if not colon or name.lower() in fields:
                raise Malformed(line)
            fields[name.lower()] = value
        status = int(first.split(" ")[1])
        body = b""
        if fields.get("transfer-encoding") == "chunked":
            while True:
                size, _, data = data.partition(b"\r\n")
                body += data[:int(size, 16)]
                data = data[int(size, 16):]
                if int(size, 16) == 0:
                    break
                data = data[2:]
            trailers, _, data = (b"\r\n" + data).partition(b"\r\n\r\n")
        elif status >= 200 and status not in (204, 304) and fields.get("x-method") != "HEAD":
            body, data = data[:int(fields["content-length"])], data[int(fields["content-length"]):]
        found.append((status, fields, body))
    return found


class Requests(harness.Case):
    def check(self, send):
        counted = 0
        for name, statuses, fate, data in rows():
            with self.subTest(name):
                counted += 1
                ends_inside = not statuses
                got = answers(send(data if ends_inside else data + LAST, ends_inside))
                went_on = bool(got) and got[-1][1].get("x-target") == "/last-of-all"
                if went_on:
                    got.pop()
                self.assertEqual([status for status, _, _ in got], statuses, got)
                self.assertEqual("keep" if went_on else "close", fate, got)
                for status, fields, body in got:
                    if status == 200 and fields.get("x-method") != "HEAD":
                        self.assertNotIn("GPOST", json.loads(body)["first"])
        self.assertGreater(counted, 215)

    def test_the_gateway_and_a_sidecar_answer_each_row_as_it_says(self):
        app = self.application(MANIFEST)
        app.up()

        def at_the_gateway(data, end):
            with socket.create_connection(("127.0.0.1", app.port)) as far:
                return origin.exchange(far, data, end)

        def at_a_sidecar(data, end):
            head = f"POST /raw HTTP/1.1\r\nHost: caller\r\nX-To: origin\r\nContent-Length: {len(data)}\r\nConnection: close\r\n"
            answer = answers(at_the_gateway((head + ("X-End: yes\r\n" if end else "") + "\r\n").encode() + data, False))
            self.assertEqual([status for status, _, _ in answer], [200])
            return answer[0][2]

        with self.subTest("gateway"):
            self.check(at_the_gateway)
        with self.subTest("sidecar"):
            self.check(at_a_sidecar)


if __name__ == "__main__":
    harness.main()
