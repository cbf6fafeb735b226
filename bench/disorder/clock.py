"""The wall clock of the platform's processes alone: a preloaded library adds what a file says. The host's clock is never set.

`/etc/ld.so.preload` is what reaches processes whose environment is made anew; it exists only in this run's mount namespace, on an
overlay of /etc. Services do not see it: a compartment's /etc is its own.
"""

import pathlib
import subprocess

OVERLAY = "bulkhead-chaos"  # the mount's name
OFFSET = pathlib.Path("/etc/clock-offset")


class Clock:
    def __init__(self, directory):
        """`directory` is on a tmpfs. In a mount namespace of this run's own only."""
        library = directory / "clock.so"
        subprocess.run(["clang-19", "-O2", "-shared", "-fPIC", "-o", library, pathlib.Path(__file__).with_name("clock.c"), "-ldl"], check=True)
        upper, work = directory / "upper", directory / "work"
        upper.mkdir(mode=0o755)
        work.mkdir()
        subprocess.run(["mount", "-t", "overlay", OVERLAY, "-o", f"lowerdir=/etc,upperdir={upper},workdir={work}", "/etc"], check=True)
        self.file = OFFSET.open("wb", buffering=0)
        OFFSET.chmod(0o644)
        self.set(0)
        pathlib.Path("/etc/ld.so.preload").write_text(f"{library}\n")

    def set(self, seconds):
        self.file.seek(0)
        self.file.write(seconds.to_bytes(8, "little", signed=True))
