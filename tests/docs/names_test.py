"""What the documentation names exists: constants of docs/defaults.md, files and commands of the README."""

import pathlib
import re
import subprocess
import unittest

import harness

TOP = pathlib.Path(__file__).resolve().parents[2]


class Names(unittest.TestCase):
    def test_every_constant_of_the_defaults_is_in_the_header(self):
        header = (TOP / "src/proxy/defaults.hpp").read_text()
        names = set(re.findall(r"`(k[A-Z]\w+)`", (TOP / "docs/defaults.md").read_text()))
        self.assertGreater(len(names), 20)
        self.assertEqual([name for name in names if not re.search(rf"\b{name}\b", header)], [])

    def test_every_file_that_a_document_names_is_there(self):
        missing = []
        for document in [TOP / "README.md", TOP / "CONTRIBUTING.md", *TOP.glob("docs/*.md"), *TOP.glob("src/*/README.md")]:
            for path in re.findall(r"`((?:docs|src|scripts|tests|bench|examples)/[\w./-]+)`", document.read_text()):
                if not (TOP / path.rstrip("/")).exists():
                    missing.append(f"{document.relative_to(TOP)}: {path}")
        self.assertEqual(missing, [])

    def test_every_command_of_the_readme_is_one(self):
        shown = subprocess.run([harness.BULKHEAD, "--help"], capture_output=True, text=True, check=True).stdout
        for command in re.findall(r"^    bulkhead (\w+)", (TOP / "README.md").read_text(), re.M):
            self.assertIn(f"  {command} ", shown)


if __name__ == "__main__":
    harness.main()
