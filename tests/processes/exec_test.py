"""exec: a command inside of a compartment, with its exit code, its streams or a terminal, and what is recorded of it."""

import fcntl
import json
import os
import pathlib
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time

import harness

MANIFEST = """
app: inner
services:
  db:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, echo.py]
    port: 8080
    owner: team data
    environment: {COLOUR: blue}
    limits: {pids: 64}
  quiet:
    command: [/usr/bin/sleep, "1000"]
    debug: {exec: false}
"""


def text_of(path):
    return pathlib.Path(path).read_text()


class Exec(harness.Case):
    def up(self, manifest=MANIFEST, **more):
        app = self.application(manifest, **more)
        app.up()
        app.log = app.directory / "b/state" / app.name / "audit.jsonl"
        return app

    def words(self, app, *command, service="db"):
        return [str(app.program), "exec", "-f", str(app.manifest), service, "--", *command]

    def exec(self, app, *command, service="db", **more):
        more = {"capture_output": True, "timeout": 60, **more}
        if "input" not in more:
            more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(self.words(app, *command, service=service), env=app.environment, **more)

    def entries(self, app, verb="exec"):
        return [e for e in (json.loads(line) for line in app.log.read_text().splitlines()) if e["verb"] == verb]

    def inside(self, app, name):
        """The pids, as the host has them, of what runs in the service's compartment under this name."""
        found = []
        service = app.instance("db-1")["service_pid"]
        space = os.readlink(f"/proc/{service}/ns/pid")
        for each in os.listdir("/proc"):
            try:
                if each.isdigit() and os.readlink(f"/proc/{each}/ns/pid") == space and name in text_of(f"/proc/{each}/cmdline"):
                    found.append(int(each))
            except OSError:
                pass
        return found

    def test_exit_codes_streams_and_place(self):
        app = self.up()
        done = self.exec(app, "sh", "-c", "echo out; echo err >&2; echo $COLOUR $PWD $(id -u) $(hostname); exit 7")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, b"out\nblue /app 1000 db\n", b"err\n"))
        self.assertEqual(self.exec(app, "sh", "-c", "kill -TERM $$").returncode, 128 + signal.SIGTERM)
        self.assertEqual(self.exec(app, "true").returncode, 0)
        self.assertEqual(self.exec(app, "sh", "-c", 'printf "%s|" "$@"', "sh", "a b", "", "*", "--x").stdout, b"a b||*|--x|")
        missing = self.exec(app, "/no/such/program")
        self.assertEqual((missing.returncode, missing.stderr), (126, b"bulkhead: run /no/such/program: No such file or directory\n"))
        # By the name of the instance, too.
        self.assertEqual(self.exec(app, "hostname", service="db-1").stdout, b"db\n")
        # Input goes in whole and ends; output comes whole, however much.
        content = os.urandom(3_000_000)
        done = self.exec(app, "cat", input=content)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(done.stdout == content)
        # A command that does not read its input, or that others outlive, is not waited for.
        began = time.monotonic()
        self.assertEqual(self.exec(app, "sh", "-c", "sleep 30 & echo begun", input=b"x" * 100_000).stdout, b"begun\n")
        self.assertLess(time.monotonic() - began, 10)

    def test_what_can_not_be_is_said(self):
        app = self.up()
        for service, text in (("nobody", "no service or instance is called 'nobody'"), ("gateway", "the gateway has no compartment"), ("quiet", "'debug' in the manifest switches exec off for 'quiet'")):
            done = self.exec(app, "true", service=service)
            self.assertEqual((done.returncode, done.stderr.decode()), (1, f"bulkhead: {text}\n"))
        app.run("scale", "db", "0")
        harness.until(lambda: not app.service("db")["instances"], 20, "no instance")
        self.assertIn(b"no instance of 'db' runs now", self.exec(app, "true").stderr)
        app.down()
        self.assertEqual(self.exec(app, "true").returncode, 3)

    def test_the_command_is_what_the_service_is(self):
        app = self.up()
        service = app.instance("db-1")["service_pid"]
        child = subprocess.Popen(self.words(app, "sleep", "300"), env=app.environment, stdin=subprocess.DEVNULL)
        try:
            guest = harness.until(lambda: self.inside(app, "sleep"), 10, "the command")[0]

            def facts(pid):
                status = dict(line.split(":\t", 1) for line in text_of(f"/proc/{pid}/status").splitlines() if ":\t" in line)
                return {
                    **{key: status[key] for key in ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters")},
                    **{space: os.readlink(f"/proc/{pid}/ns/{space}") for space in ("mnt", "pid", "net", "ipc", "uts", "user", "cgroup")},
                    "cgroups": text_of(f"/proc/{pid}/cgroup"),
                    "limits": text_of(f"/proc/{pid}/limits"),
                    "root": os.readlink(f"/proc/{pid}/root"),
                }

            self.assertEqual(facts(guest), facts(service))
        finally:
            child.kill()
            child.wait()

    def test_a_killed_command_line_ends_its_command(self):
        app = self.up()
        for number in (signal.SIGKILL, signal.SIGINT):
            # One that hears SIGHUP, and one that does not.
            for command in (["sleep", "301"], ["sh", "-c", "trap '' HUP; sleep 301; sleep 301"]):
                child = subprocess.Popen(self.words(app, *command), env=app.environment, stdin=subprocess.DEVNULL)
                harness.until(lambda: self.inside(app, "sleep"), 10, "the command")
                child.send_signal(number)
                # Before it has the command's streams in hand, a signal ends it as any program.
                self.assertIn(child.wait(10), (-number,) if number == signal.SIGKILL else (-number, 128 + number))
                harness.until(lambda: not self.inside(app, "sleep"), 10, "its end")
        harness.until(lambda: self.entries(app)[-1]["outcome"] == "killed by signal 9", 10, "its record")

    def test_an_instance_that_stops_ends_what_runs_in_it(self):
        app = self.up()
        child = subprocess.Popen(self.words(app, "sleep", "302"), env=app.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        harness.until(lambda: self.inside(app, "sleep"), 10, "the command")
        app.run("scale", "db", "0")
        _, errors = child.communicate(timeout=30)
        self.assertEqual((child.returncode, errors), (1, "bulkhead: the instance ended, and the command with it\n"))
        self.assertEqual(self.entries(app)[-1]["outcome"], "ended with its instance")

    def test_a_keeper_that_is_killed_leaves_nothing_of_a_command(self):
        app = self.up()
        child = subprocess.Popen(self.words(app, "sleep", "309"), env=app.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        guest = harness.until(lambda: self.inside(app, "sleep"), 10, "the command")[0]
        harness.kill(app.instance("db-1")["keeper_pid"])
        self.assertEqual((child.wait(10), child.stderr.read()), (1, "bulkhead: the instance ended, and the command with it\n"))
        child.stderr.close()
        harness.until(lambda: not harness.alive(guest), 10, "its end")
        app.wait_settled()
        self.assertEqual(self.exec(app, "echo", "again").stdout, b"again\n")

    def test_a_controller_that_dies_takes_commands_with_it_and_no_service(self):
        app = self.up()
        service = app.instance("db-1")["service_pid"]
        child = subprocess.Popen(self.words(app, "sleep", "303"), env=app.environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.until(lambda: self.inside(app, "sleep"), 10, "the command")
        harness.kill(app.lock_holder("controller"))
        self.assertEqual(child.wait(10), 1)
        app.wait_settled()
        harness.until(lambda: not self.inside(app, "sleep"), 10, "its end")
        self.assertEqual(app.instance("db-1")["service_pid"], service)
        self.assertEqual(self.exec(app, "echo", "again").stdout, b"again\n")

    def test_a_bounded_number_of_commands(self):
        app = self.up()
        children = [subprocess.Popen(self.words(app, "sleep", "304"), env=app.environment, stdin=subprocess.DEVNULL) for _ in range(16)]
        try:
            harness.until(lambda: len(self.inside(app, "sleep")) == 16, 20, "sixteen")
            self.assertIn(b"16 commands run in this instance already", self.exec(app, "true").stderr)
        finally:
            for child in children:
                child.kill()
                child.wait()
        harness.until(lambda: self.exec(app, "true").returncode == 0, 10, "room again")

    def test_a_terminal(self):
        app = self.up()
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(str(app.program), self.words(app, "bash", "--norc", "-i"), {**app.environment, "TERM": "xterm-256color"})
        seen = bytearray()

        def until(text, seconds=15):
            end = time.monotonic() + seconds
            while text not in seen:
                if select.select([terminal], [], [], 0.2)[0]:
                    try:
                        seen.extend(os.read(terminal, 65536))
                    except OSError:
                        break
                self.assertLess(time.monotonic(), end, seen.decode(errors="replace"))

        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        os.kill(pid, signal.SIGWINCH)
        os.write(terminal, b"tty; echo $TERM; test -t 0 && test -t 1 && echo is-a-$((6*7))-terminal\n")
        until(b"is-a-42-terminal")
        self.assertIn(b"/dev/pts/0", seen)
        self.assertIn(b"xterm-256color", seen)
        os.write(terminal, b"until stty size | grep '40 120'; do sleep 0.1; done; echo sized-$((6*7))\n")
        until(b"sized-42")
        # Ctrl-C is the inner program's, and job control works.
        os.write(terminal, b"sleep 305; echo went-$((40+2))\n")
        harness.until(lambda: self.inside(app, "sleep"), 10, "sleep")
        os.write(terminal, b"\x03")
        harness.until(lambda: not self.inside(app, "sleep"), 10, "its interruption")
        # /dev/tty is the same terminal.
        os.write(terminal, b"echo to-the-$((41+1))-tty > /dev/tty\n")
        until(b"to-the-42-tty")
        os.write(terminal, b"exit 5\n")
        try:
            while os.read(terminal, 65536):
                pass
        except OSError:
            pass
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(status), 5)

    def test_what_the_service_reaches_of_a_command_is_of_its_compartment(self):
        app = self.up()
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(str(app.program), self.words(app, "sleep", "310"), app.environment)
        try:
            guest = harness.until(lambda: self.inside(app, "sleep"), 10, "the command")[0]
            # As the service, which has the same uid: what the command has open, and a line put into its terminal.
            script = (
                "import fcntl, os, termios\n"
                "pid = next(p for p in os.listdir('/proc') if p.isdigit() and b'sleep' in open(f'/proc/{p}/cmdline','rb').read())\n"
                "print(sorted({os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')}))\n"
                "slave = os.open(f'/proc/{pid}/fd/0', os.O_RDWR | os.O_NOCTTY)\n"
                "print(os.fstat(slave).st_dev == os.stat('/dev/pts').st_dev)\n"
                "for request in (termios.TIOCSTI, 0x100005412, 0x541C):\n"
                "    try: fcntl.ioctl(slave, request, b'x')\n"
                "    except (OSError, OverflowError) as error: print(type(error).__name__)\n"
                "    else: print('allowed')\n"
            )
            told = self.exec(app, "/usr/bin/python3", "-c", script).stdout.decode().splitlines()
            self.assertEqual(told[:3], ["['/dev/pts/0']", "True", "PermissionError"])
            self.assertNotIn("allowed", told)
            self.assertEqual(len(told), 5)
            self.assertNotEqual(os.stat(f"/proc/{guest}/fd/0").st_dev, os.fstat(terminal).st_dev)
        finally:
            os.close(terminal)
            os.waitpid(pid, 0)

    def test_a_controller_that_is_killed_leaves_no_record_open(self):
        app = self.up()
        child = subprocess.Popen(self.words(app, "sleep", "311"), env=app.environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.until(lambda: self.inside(app, "sleep"), 10, "the command")
        harness.kill(app.lock_holder("controller"))
        child.wait(10)
        app.wait_settled()
        begun, ended = self.entries(app)
        self.assertEqual((begun["outcome"], ended["outcome"]), ("begun", "the controller ended before it did"))
        self.assertEqual(begun["details"], ended["details"])
        # One that goes in order tells it itself, once.
        child = subprocess.Popen(self.words(app, "sleep", "312"), env=app.environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.until(lambda: self.inside(app, "sleep"), 10, "the command")
        os.kill(app.lock_holder("controller"), signal.SIGTERM)
        child.wait(10)
        harness.until(lambda: len(self.entries(app)) == 4, 10, "its record")
        app.up()
        self.assertEqual([e["outcome"] for e in self.entries(app)][2:], ["begun", "the controller ended before it did"])

    def test_a_terminal_that_closes_ends_its_command(self):
        app = self.up()
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(str(app.program), self.words(app, "sleep", "306"), app.environment)
        harness.until(lambda: self.inside(app, "sleep"), 10, "the command")
        os.close(terminal)
        os.waitpid(pid, 0)
        harness.until(lambda: not self.inside(app, "sleep"), 10, "its end")

    def test_the_log_tells_who_ran_what_for_how_long(self):
        app = self.up()
        self.exec(app, "sh", "-c", "exit 3")
        self.exec(app, "true", service="quiet")
        begun, ended, refused = self.entries(app)
        self.assertEqual((begun["outcome"], ended["outcome"]), ("begun", "exited with 3"))
        self.assertEqual(begun["details"]["argv"], ["sh", "-c", "exit 3"])
        self.assertEqual(begun["details"]["session"], ended["details"]["session"])
        self.assertEqual((begun["details"]["instance"], begun["service"], begun["owner"]), ("db-1", "db", "team data"))
        self.assertRegex(ended["details"]["lasted"], r"^\d+\.\d s$")
        self.assertEqual((begun["uid"], begun["role"]), (os.geteuid(), "launcher"))
        self.assertEqual(refused["outcome"], "refused: 'debug' in the manifest switches exec off for 'quiet'")

    def test_a_request_with_a_descriptor_is_refused(self):
        app = self.up()
        ours, theirs = socket.socketpair()
        place = os.open("/", os.O_RDONLY)
        for descriptor in (place, theirs.fileno(), 0):
            with socket.socket(socket.AF_UNIX) as control:
                control.settimeout(10)
                control.connect(str(app.directory / "b/run" / app.name / "control.sock"))
                text = json.dumps({"verb": "exec", "service": "db", "argv": ["ls"]}).encode()
                socket.send_fds(control, [len(text).to_bytes(4, "big") + text], [descriptor])
                answer = control.recv(65536)[4:]
                self.assertEqual(json.loads(answer), {"ok": False, "error": "a request carries no descriptors"})
        ours.close(), theirs.close(), os.close(place)
        self.assertTrue(self.entries(app)[-1]["outcome"].startswith("refused: a request carries no descriptors"))

    def test_broken_requests(self):
        app = self.up()
        for argv in (None, [], "ls", [1], ["ls", None], {"a": "b"}, ["a\0b"], ["x" * 40_000], ["x" * 3_000_000], ["\x01"] * 40_000, [""]):
            answer = app.ask("exec", service="db", argv=argv)
            self.assertFalse(answer["ok"], answer)
        self.assertFalse(app.ask("exec", service=7, argv=["ls"])["ok"])
        self.assertFalse(app.ask("exec", argv=["ls"])["ok"])
        for port in (0, -1, 70_000, "x", None):
            self.assertFalse(app.ask("forward", service="db", port=port)["ok"])
        for more in ({"terminal": 7}, {"terminal": "x" * 1000}, {"terminal": "x", "rows": -1}, {"terminal": "x", "columns": [[]]}, {"rows": "x" * 1_000_000}):
            self.assertFalse(app.ask("exec", service="db", argv=["ls"], **more)["ok"])
            self.assertFalse(app.ask("run", service="db", argv=["ls"], beside=True, **more)["ok"])
        self.assertTrue(app.ask("status")["ok"])
        # The largest that goes in.
        word = "\x01" * (32 * 1024 - 6)
        done = self.exec(app, "echo", word)
        self.assertEqual((done.returncode, len(done.stdout)), (0, len(word) + 1), done.stderr)

    @harness.needs_root
    def test_nobody_goes_in_unrecorded(self):
        app = self.up(disk="24m")
        app.fill_disk()
        for _ in range(60):
            done = self.exec(app, "true")
            if done.returncode != 0:
                break
        self.assertIn(b"nobody goes inside unrecorded", done.stderr)
        self.assertTrue(any("the audit log could not be written" in p for p in app.status()["problems"]))
        app.empty_disk()
        self.assertEqual(self.exec(app, "true").returncode, 0)


if __name__ == "__main__":
    harness.main()
