"""Every test that docs/proxy-rules.md names is one, and every file that it names is there."""

import pathlib
import re
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
RULES = (TOP / "docs/proxy-rules.md").read_text()


class Rules(unittest.TestCase):
    def test_every_name_is_that_of_a_test(self):
        text = "\n".join(path.read_text() for path in TOP.glob("src/*/*_test.cpp"))
        found = set(re.findall(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", text, re.M))
        named = re.findall(r"`([A-Z]\w+)\.([A-Z]\w+)`", RULES)
        self.assertGreater(len(named), 50)
        self.assertEqual([name for name in named if name not in found], [])

    def test_every_file_is_there_and_has_the_tests_that_are_named_behind_it(self):
        files, missing = 0, []
        for path, test in re.findall(r"`([a-z]\w*/[\w./-]+)`|`(test_\w+)", RULES):
            if path:
                file, files = TOP / path, files + 1
            if not file.is_file():
                missing.append(path or test)
            elif test and not re.search(rf"^    def {test}\(", file.read_text(), re.M):
                missing.append(f"{test} in {file.relative_to(TOP)}")
        self.assertGreater(files, 30)
        self.assertEqual(missing, [])

    def test_every_rule_has_one(self):
        rows = [line for line in RULES.splitlines() if line.startswith("| ") and not re.match(r"\| (rule|attack|fault) \|", line)]
        self.assertEqual([row for row in rows if "`" not in row.split("|")[2]], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
