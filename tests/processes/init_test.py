"""`bulkhead init`: a folder with programs becomes an application that runs, and nothing is lost or overwritten on the way."""

import re
import time

import harness

API = """
import http.server
import json


class Items(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"items": ["rope", "sail"]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("", 8000), Items).serve_forever()
"""

WEB = """#!/usr/bin/python3
import http.server
import os
import urllib.request

api = os.environ.get("API_URL", "http://localhost:8000")


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"page: " + urllib.request.urlopen(api + "/items").read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("", int(os.environ.get("PORT", "9000"))), Page).serve_forever()
"""


class Init(harness.Case):
    def folder(self, files):
        app = self.application("app: none\n", files=files)
        app.manifest.unlink()
        return app

    def test_a_folder_with_two_programs_runs_within_a_minute(self):
        for files in ({"api.py": API, "web.py": WEB}, {"api/main.py": API, "web/app.py": WEB}):
            with self.subTest(sorted(files)):
                app = self.folder(files)
                begin = time.monotonic()
                said = app.run("init").stdout
                app.name = re.search(r"^app: (\S+)", app.manifest.read_text(), re.M)[1]
                app.certificate = app.directory / "b/state" / app.name / "gateway/certificate.pem"
                self.assertIn("2 services", said)
                self.assertNotIn("To do before", said)
                self.assertIn("bulkhead up", said)
                # The gateway's usual port may be someone else's here.
                text = app.manifest.read_text()
                app.manifest.write_text(text.replace("gateway:\n", f"gateway:\n  listen: 127.0.0.1:{app.port}\n"))
                self.assertIn("is valid: 2 services", app.run("check").stdout)
                app.up()
                self.assertEqual(app.get("/").text, 'page: {"items": ["rope", "sail"]}')
                self.assertLess(time.monotonic() - begin, 60)
                self.assertEqual(app.run("reach", "api", "web", check=False).returncode, 1)
                pids = app.pids()
                app.down()
                self.assert_nothing_left(app, pids)

    def test_a_manifest_that_is_there_stays(self):
        app = self.folder({"api.py": API})
        app.manifest.write_text("mine\n")
        done = app.run("init", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--force replaces it", done.stderr)
        self.assertEqual(app.manifest.read_text(), "mine\n")
        app.run("init", "--force")
        self.assertIn("api.py", app.manifest.read_text())

    def test_a_link_in_the_manifests_place_is_no_way_out(self):
        app = self.folder({"api.py": API, "elsewhere": "mine\n"})
        app.manifest.symlink_to("elsewhere")
        self.assertEqual(app.run("init", check=False).returncode, 1)
        app.run("init", "--force")
        self.assertEqual((app.directory / "elsewhere").read_text(), "mine\n")
        self.assertFalse(app.manifest.is_symlink())

    def test_an_empty_folder_says_what_was_looked_for(self):
        app = self.folder({"readme.md": "nothing here"})
        done = app.run("init", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("package.json with a start script", done.stderr)
        self.assertFalse(app.manifest.exists())

    def test_a_compose_file_that_cannot_be_read_is_told_with_its_place(self):
        app = self.folder({"compose.yaml": "services:\n  a: {image: redis}\n  a: {image: redis}\n"})
        done = app.run("init", "--from", str(app.directory / "compose.yaml"), check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("compose.yaml:3:3", done.stderr)
        missing = app.run("init", "--from", str(app.directory / "none.yaml"), check=False)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("No such file", missing.stderr)

    def test_what_is_printed_names_lines_of_the_manifest(self):
        app = self.folder({"compose.yaml": "services:\n  a: {image: example/thing, restart: always}\n"})
        said = app.run("init", "--from", str(app.directory / "compose.yaml")).stdout
        line = int(re.search(rf"1\. {re.escape(str(app.manifest))}:(\d+): a: the image 'example/thing'", said)[1])
        self.assertTrue(app.manifest.read_text().splitlines()[line - 1].startswith("    command:"))
        self.assertIn("run:    mkdir -p images", said)
        self.assertIn("compose.yaml:2: a: restart: a service is always started again", said)
        app.run("check")

    def test_control_characters_of_a_strangers_file_reach_no_terminal(self):
        app = self.folder({"compose.yaml": 'services:\n  a: {image: "x/y\\e[2J", "odd\\ekey": 1}\n'})
        done = app.run("init", "--from", str(app.directory / "compose.yaml"))
        self.assertNotIn("\x1b", done.stdout + done.stderr)


if __name__ == "__main__":
    harness.main()
