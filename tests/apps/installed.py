"""Programs from npm and Go modules, fetched once into the build directory.

`npm("graph")` installs what graph/package.json names and returns the directory with node_modules; `go("interop")` builds the module
in interop/ and returns the program. Where that can not be done here, both raise Missing, which says why in one sentence.
"""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("BULKHEAD_BUILD", "build/release")).resolve() / "apps"


class Missing(Exception):
    pass


def _once(name, sources, build):
    """Runs build(directory) unless it succeeded before with the same sources; several tests may ask at the same time."""
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    directory = BUILD / f"{name}-{key}"
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "complete").exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            for path in sources:
                shutil.copy(path, directory)
            build(directory)
            (directory / "complete").touch()
    return directory


def _run(command, directory, seconds):
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Missing(f"{' '.join(command)} took more than {seconds} s") from None
    if done.returncode != 0:
        raise Missing(f"{' '.join(command)} failed: {' '.join(done.stderr.split())[:300]}")


def npm(name):
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise Missing(f"{program} is not installed")
    install = ["npm", "install", "--no-audit", "--no-fund", "--package-lock=false", "--ignore-scripts", "--omit=dev", "--loglevel=error"]
    return _once(name, [HERE / name / "package.json"], lambda directory: _run(install, directory, 180))


def go(name):
    if not shutil.which("go"):
        raise Missing("go is not installed")
    sources = sorted((HERE / name).glob("*.go")) + [HERE / name / "go.mod", HERE / name / "go.sum"]
    build = ["env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-ldflags=-s -w", "-o", name, "."]  # static, with Go's own resolver
    return _once(name, sources, lambda directory: _run(build, directory, 280)) / name
