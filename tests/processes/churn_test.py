"""Everything that can be changed without a restart is changed ten times a second under load, and nobody notices.

    churn_test.py [--seconds N]     so long; 15 by default
"""

import argparse
import asyncio
import json
import queue
import subprocess
import sys
import threading
import time

import harness
from harness import Load, until

try:
    import grpc
    import websockets
except ImportError:
    grpc = websockets = None

SECONDS = 15
EVERY = 0.1  # seconds from change to change
SLOWEST = 2 if harness.is_sanitized() else 5  # changes a second, on a machine that has other things to do
TALKS = 4    # of each kind
QUIET = 30   # changes between two requests of the connection that is idle most of the time

MANIFEST = """
app: churn
services:
  front:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    owner: team @NUMBER@
    calls: {back: [GET /x, GET /only/@NUMBER@]}
  back:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    scale: 2
  sockets:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, talk.py]
    port: 8080
    healthcheck: {type: tcp}
  streams:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, talk.py, grpc]
    port: 50051
    protocol: grpc
    healthcheck: {type: tcp}
gateway:
  listen: 127.0.0.1:@PORT@
  tls: {cert: ./@CERTIFICATE@.pem, key: ./@CERTIFICATE@.key}
  routes:
    - {match: {path: /sockets/*}, to: sockets}
    - {match: {path: /echo.Echo/Talk}, to: streams}
    - {match: {path: /front/*}, to: front, rewrite: /}
    - {match: {path: /back/*}, to: back, rewrite: /}
    - {match: {path: /mark/@NUMBER@}, to: back}
"""


def numbered(number):
    return MANIFEST.replace("@NUMBER@", str(number)).replace("@CERTIFICATE@", ("one", "two")[number % 2])


class Talks:
    """Conversations that go on until they are told to end; each message waits for its echo."""

    def __init__(self, app, trusted):
        self.app, self.trusted = app, trusted
        self.stopping = threading.Event()
        self.echoes = {}    # conversation: how many
        self.problems = []  # of those that ended by themselves
        self.threads = [threading.Thread(target=self.sockets)] + [threading.Thread(target=self.stream, args=(f"stream {n}",)) for n in range(TALKS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        until(lambda: self.problems or len(self.echoes) == 2 * TALKS and min(self.echoes.values()) > 5, what="every conversation")
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def sockets(self):
        async def talk(name):
            try:
                async with websockets.connect(f"wss://127.0.0.1:{self.app.port}/sockets/{name}", ssl=self.app.tls(), ping_interval=None) as socket:
                    while not self.stopping.is_set():
                        await socket.send(name)
                        assert await socket.recv() == name
                        self.echoes[name] = self.echoes.get(name, 0) + 1
            except Exception as error:  # whatever it is
                self.problems.append(f"{name}: {error!r}")

        async def all_of_them():
            await asyncio.gather(*(talk(f"socket-{n}") for n in range(TALKS)))
        asyncio.run(all_of_them())

    def stream(self, name):
        sent = queue.Queue()
        try:
            with grpc.secure_channel(f"127.0.0.1:{self.app.port}", grpc.ssl_channel_credentials(self.trusted),
                                     options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
                echoed = channel.stream_stream("/echo.Echo/Talk")(iter(sent.get, None))
                while not self.stopping.is_set():
                    sent.put(name.encode())
                    assert next(echoed) == name.encode()
                    self.echoes[name] = self.echoes.get(name, 0) + 1
                sent.put(None)
                assert next(echoed, None) is None
        except Exception as error:  # whatever it is
            self.problems.append(f"{name}: {error!r}")
            sent.put(None)


class Work:
    """Goes on in a thread of its own, as `work` says, as long as it is entered."""

    def __init__(self, app):
        self.app, self.problems = app, []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


class Greetings(Work):
    """A new connection for each request, so that each certificate and each route meets somebody."""

    answered = 0

    def work(self):
        while not self.stopping.is_set():
            try:
                status = self.app.get("/back/x").status
                if status != 200:
                    self.problems.append(status)
            except Exception as error:  # whatever it is
                self.problems.append(repr(error))
            self.answered += 1


class Instances(Work):
    """One more of a service comes, is ready, and goes, again and again: as often as it can start."""

    came = 0

    def __init__(self, app, service):
        super().__init__(app)
        self.service = service
        self.few = len(self.states())

    def states(self):
        services = self.app.ask("status")["services"]
        return [each["state"] for service in services if service["name"] == self.service for each in service["instances"]]

    def scale(self, count):
        answer = self.app.ask("scale", service=self.service, count=count)
        assert answer["ok"], answer
        until(lambda: self.states() == ["ready"] * count, 60, f"{count} instances of {self.service}")

    def work(self):
        try:
            while not self.stopping.is_set():
                self.scale(self.few + 1)
                self.came += 1
                self.scale(self.few)
        except Exception as error:  # whatever it is
            self.problems.append(repr(error))


@harness.unittest.skipUnless(grpc and websockets, "python3-grpcio and python3-websockets are not installed")
class Churn(harness.Case):
    def start(self):
        app = self.application(numbered(0))
        for name in ("one", "two"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{name}.key", "-out", f"{name}.pem"],
                           cwd=app.directory, check=True, capture_output=True)
        app.certificate = app.directory / "both.pem"
        app.certificate.write_text("".join((app.directory / f"{name}.pem").read_text() for name in ("one", "two")))
        app.up()
        return app

    def apply(self, app, number):
        text = numbered(number).replace("@PORT@", str(app.port)).replace("@PROGRAMS@", str(harness.PROGRAMS))
        answer = app.ask("apply", desired={**self.desired, "text": text})
        self.assertTrue(answer["ok"] and answer["changed"], answer)
        self.assertLessEqual({each["kind"] for each in answer["effects"]}, {"none", "scale"}, "nothing is replaced")

    def change(self, app, seldom):
        """One change after the other; the last one's number and how many there were a second. `seldom` is called now and then."""
        pace, begin = threading.Event(), time.monotonic()
        for number in range(1, round(SECONDS / EVERY) + 1):
            self.apply(app, number)
            if number % QUIET == 0:
                seldom()
            pace.wait(begin + number * EVERY - time.monotonic())
        return number, number / (time.monotonic() - begin)

    def test_routes_policy_endpoints_and_certificates_change_ten_times_a_second_and_nothing_fails_or_closes(self):
        app = self.start()
        self.desired = json.loads((app.directory / "b/state/churn/desired.json").read_text())
        long_lived = {name: app.service(name)["instances"][0]["service_pid"] for name in ("front", "sockets", "streams")}
        quiet = app.connection()  # kept alive, and idle most of the time
        quiet.connect()
        own = quiet.sock

        def ask_quietly():
            quiet.request("GET", "/back/x")
            answer = harness.Answer(quiet.getresponse())
            self.assertEqual((answer.status, quiet.sock), (200, own), "the idle connection is still there")
        with Talks(app, app.certificate.read_bytes()) as talks, Load(app, "/front/call?url=http://back/x") as called, Load(app, "/back/x") as load, \
                Greetings(app) as greetings, Instances(app, "back") as instances:
            number, rate = self.change(app, ask_quietly)
            load.goes_on()
            called.goes_on()
            until(lambda: app.get(f"/mark/{number}").status == 200 and app.get(f"/mark/{number - 1}").status == 404, what="the last change")
            until(lambda: app.get(f"/front/call?url=http://back/only/{number}").json["status"] == 200, what="the last policy")
            before = dict(talks.echoes)
            until(lambda: all(talks.echoes[name] > count for name, count in before.items()) or talks.problems, what="all conversations to go on")
        print(f"\n{number} changes, {rate:.1f} a second; {instances.came} instances came and went; {load.outcomes[200] + called.outcomes[200]} requests, "
              f"{greetings.answered} connections, {sum(talks.echoes.values())} echoes")
        self.assertGreater(rate, SLOWEST, "this shows less than it says")
        self.assertEqual(instances.problems, [])
        self.assertGreater(instances.came, 0)
        self.assertEqual(talks.problems, [])
        self.assertEqual((load.connections, called.connections), (load.clients, called.clients), "no connection was closed")
        self.assertEqual(load.failed, 0, load.problems[:5])
        self.assertEqual(called.failed, 0, called.problems[:5])
        self.assertEqual(greetings.problems[:5], [])
        quiet.close()
        after = {name: app.service(name)["instances"][0]["service_pid"] for name in long_lived}
        self.assertEqual(after, long_lived, "nothing was started again")
        pids = app.pids()
        app.down()
        self.assert_nothing_left(app, pids)

    def test_the_same_manifest_again_ends_no_conversation(self):
        app = self.start()
        before = app.pids()
        text = app.manifest.read_text()
        with Talks(app, app.certificate.read_bytes()) as talks, Load(app, "/back/x") as load:
            for again in (text, text, text + "# what only a person reads\n"):
                app.manifest.write_text(again)
                app.up()
                echoed = dict(talks.echoes)
                until(lambda: all(talks.echoes[name] > count + 20 for name, count in echoed.items()) or talks.problems, what="all conversations to go on")
                load.goes_on()
        self.assertEqual(talks.problems, [])
        self.assertEqual((load.connections, load.failed), (load.clients, 0), load.problems[:5])
        self.assertEqual(sorted(app.pids()), sorted(before), "nothing was started again")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options, sys.argv[1:] = parser.parse_known_args()
    SECONDS = options.seconds
    harness.main()
