#!/usr/bin/env python3
"""Holds schema/bulkhead.schema.json against the same manifests as the parser.

Every good manifest must satisfy the schema. Every broken one must fail it, unless its first line is "# schema: accepts":
what is wrong there lies in how names refer to each other, or below what YAML's values show.

Exit status: 0 if all agree, 1 if not, 77 if the packages python3-yaml and python3-jsonschema are not installed.
"""

import json
import pathlib
import re
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"cannot run: {missing}")
    sys.exit(77)


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read it: only true and false are booleans, 010 is ten."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("tag:yaml.org,2002:bool", r"^(true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:float", r"^[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("tag:yaml.org,2002:null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:merge", r"^<<$", "<"),
):
    CoreLoader.add_implicit_resolver(tag, re.compile(pattern), list(first))
CoreLoader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))


def accepted(validator, text):
    """None if the schema accepts the text, else why not."""
    try:
        document = yaml.load(text, Loader=CoreLoader)
    except yaml.YAMLError as error:
        return f"no YAML: {error}"
    except RecursionError:
        return "no YAML: too deep"
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    return f"{'/'.join(str(step) for step in error.absolute_path)}: {error.message[:200]}" if error else None


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    schema = json.loads((root / "schema" / "bulkhead.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    wrong = 0
    checked = 0
    for folder, good in (("good", True), ("warned", True), ("broken", False)):
        for path in sorted((root / "tests" / "manifests" / folder).glob("*.yaml")):
            text = path.read_text()
            expected = good or text.startswith("# schema: accepts\n")
            why = accepted(validator, text)
            checked += 1
            if expected == (why is None):
                continue
            wrong += 1
            print(f"{path.relative_to(root)}: " + (f"refused: {why}" if expected else "accepted"))
    print(f"{checked} manifests checked, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
