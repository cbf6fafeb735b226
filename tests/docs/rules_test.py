"""Every test that docs/proxy-rules.md names is one."""

import pathlib
import re
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]


class Rules(unittest.TestCase):
    def test_every_name_is_that_of_a_test(self):
        text = "\n".join(path.read_text() for path in TOP.glob("src/*/*_test.cpp"))
        found = set(re.findall(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", text, re.M))
        named = re.findall(r"`([A-Z]\w+)\.([A-Z]\w+)`", (TOP / "docs/proxy-rules.md").read_text())
        self.assertGreater(len(named), 50)
        self.assertEqual([name for name in named if name not in found], [])

    def test_every_rule_has_one(self):
        rows = [line for line in (TOP / "docs/proxy-rules.md").read_text().splitlines() if line.startswith("| ") and not re.match(r"\| (rule|attack|fault) \|", line)]
        self.assertEqual([row for row in rows if "`" not in row.split("|")[2]], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
