"""What a person types, what it says, and with which exit code."""

import json
import subprocess

import harness

MANIFEST = """
app: words
services:
  a:
    command: [/usr/bin/sleep, "1000"]
    calls: {beta: [GET /x]}
  beta:
    command: [/usr/bin/sleep, "1000"]
    port: 8080
"""


class Commands(harness.Case):
    def test_exit_codes(self):
        app = self.application(MANIFEST)
        cases = [
            (["check"], 0), (["config"], 0), (["graph"], 0), (["graph", "--format", "dot"], 0), (["graph", "--format", "json"], 0), (["reach", "a"], 0),
            (["reach", "a", "beta"], 0), (["reach", "beta", "a"], 1), (["reach", "nobody"], 2), (["can", "-", "GET", "/"], 2), (["can", "-", "GET"], 2), (["status"], 3), (["identity", "a"], 3),
            (["restart", "a"], 3), (["scale", "a", "2"], 3), (["down"], 0), (["graph", "--format", "png"], 2),
            (["exec", "a", "--", "true"], 3), (["run", "a", "--", "true"], 3), (["forward", "a", "80"], 3), (["audit"], 0), (["exec", "a"], 2), (["forward", "a", "x"], 2), (["scale", "a"], 2),
        ]
        for words, code in cases:
            with self.subTest(words):
                done = app.run(*words, check=False)
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)

    def test_a_broken_manifest_starts_nothing_and_says_where(self):
        app = self.application(MANIFEST.replace("calls: {beta:", "calls: {betta:"))
        for words in (["up", "--detach"], ["check"]):
            done = app.run(*words, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("bulkhead.yaml:6:", done.stderr)
            self.assertIn("did you mean 'beta'", done.stderr)
        self.assertFalse((app.directory / "b/run").exists())

    def test_json_wherever_a_table_is_printed(self):
        app = self.application(MANIFEST)
        for words in (["check", "--json"], ["config", "--json"], ["graph", "--json"], ["reach", "a", "--json"], ["reach", "a", "beta", "--json"]):
            with self.subTest(words):
                json.loads(app.run(*words).stdout)

    def test_help_teaches_and_completion_is_valid_shell(self):
        program = harness.os.path.abspath(harness.BULKHEAD)
        shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
        for word in ("up", "down", "status", "logs", "init", "check", "config", "graph", "restart", "scale", "exec", "run", "forward", "audit", "reach", "can", "identity", "history", "rollback", "suspend", "resume", "doctor", "Exit codes"):
            self.assertIn(word, shown)
        self.assertEqual(subprocess.run([program], capture_output=True).returncode, 2)
        script = subprocess.run([program, "completion", "bash"], capture_output=True, text=True, check=True).stdout
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)

    def test_an_output_that_takes_no_more_is_said_and_a_closed_pipe_is_quiet(self):
        app = self.application(MANIFEST)
        program = harness.os.path.abspath(harness.BULKHEAD)
        with open("/dev/full", "w") as full:
            for words in (["check"], ["config"], ["graph"], ["completion", "bash"], ["reach", "a"]):
                place = [] if words[0] == "completion" else ["-f", str(app.manifest)]
                done = subprocess.run([program, *words, *place], stdout=full, stderr=subprocess.PIPE, text=True)
                self.assertEqual(done.returncode, 1, words)
                self.assertIn("write to standard output: No space left on device", done.stderr)
        reading, writing = harness.os.pipe()
        harness.os.close(reading)
        done = subprocess.run([program, "graph", "-f", str(app.manifest)], stdout=writing, stderr=subprocess.PIPE, text=True)
        harness.os.close(writing)
        self.assertEqual((done.returncode, done.stderr), (1, ""))

    def test_a_missing_manifest_is_said_plainly(self):
        app = self.application(MANIFEST)
        app.manifest.unlink()
        done = app.run("up", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("No such file", done.stderr)

    def test_a_command_outside_the_built_up_root_is_refused_with_the_mounts_line(self):
        app = self.application(MANIFEST.replace("[/usr/bin/sleep, \"1000\"]\n    calls", "[/opt/nowhere/tool]\n    calls"),
                               files={"x": ""})
        done = app.run("up", "--detach", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing was started", done.stderr)
        self.assertEqual(app.leftovers(), [])
        self.assertIn("/opt/nowhere/tool", done.stderr)


if __name__ == "__main__":
    harness.main()
