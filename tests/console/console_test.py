"""The console in Chromium: every view, what one does with it, and whether everybody can. The tests are looks.test.mjs and ways.test.mjs."""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("BULKHEAD_BUILD", TOP / "build/release"))


def lacking():
    if not (BUILD / "console/index.html").exists():
        return "the console was not built"
    if not (TOP / "web/node_modules/playwright-core").exists():
        return "web/node_modules has no playwright-core"
    if not shutil.which("chromium"):
        return "chromium is not there"
    return None


if __name__ == "__main__":
    missing = lacking()
    if missing:
        print(f"skipped: {missing}")
        sys.exit(77)
    sys.exit(subprocess.run([HERE / "run", *sys.argv[1:]], env={**os.environ, "BULKHEAD_BUILD": str(BUILD)}, check=False).returncode)
