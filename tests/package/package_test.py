"""The .deb: what is in it, that it can be made again to the byte, and that a fresh Debian 12 without a compiler runs the shop with it.

The Debian is made by debootstrap once and kept in build/debootstrap, with what apt fetched.
"""

import gzip
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BULKHEAD_BUILD", TOP / "build/release")).resolve()
CACHE = TOP / "build/debootstrap"
ENTER = TOP / "tests/package/enter"
MIRROR = "http://deb.debian.org/debian"
SHOP_NEEDS = ["python3", "nodejs", "libgrpc++1.51", "libprotobuf32", "libsqlite3-0"]

# What an ordinary user does on a machine that just got the package: two programs in a folder, and up.
TWO = {
    "front.py": """
import http.server, os, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"front and " + urllib.request.urlopen("http://back/").read()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
""",
    "back.py": """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "4"); self.end_headers(); self.wfile.write(b"back")
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
""",
    "bulkhead.yaml": """
app: two
services:
  front: {command: [/usr/bin/python3, front.py], port: 8080, calls: [back]}
  back: {command: [/usr/bin/python3, back.py], port: 8080}
gateway:
  listen: 127.0.0.1:8444
  routes: [{match: {path: /*}, to: front}]
""",
}


def run(*words, check=True, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))} gave {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done


def make_package(directory):
    run(TOP / "package", "--output", directory, env={**os.environ, "NO_COLOR": "1"})
    return next(pathlib.Path(directory).glob("bulkhead_*.deb"))


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="bh-package-", dir="/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.package = make_package(cls.directory / "first")
        cls.root = cls.directory / "contents"
        run("dpkg-deb", "--raw-extract", cls.package, cls.root)

    def field(self, name):
        return run("dpkg-deb", "--field", self.package, name).stdout.strip()

    def test_the_same_sources_make_the_same_bytes(self):
        again = make_package(self.directory / "second")
        self.assertEqual(again.name, self.package.name)
        self.assertEqual(hashlib.sha256(again.read_bytes()).hexdigest(), hashlib.sha256(self.package.read_bytes()).hexdigest())

    def test_everything_that_a_tool_has_is_in_it(self):
        for path in ("usr/bin/bulkhead", "lib/systemd/system/bulkhead@.service", "usr/lib/systemd/user/bulkhead@.service", "usr/share/bulkhead/apparmor", "usr/share/bulkhead/console/index.html",
                     "usr/share/bulkhead/prometheus/alerts.yaml", "usr/share/bulkhead/grafana/bulkhead.json",
                     "usr/share/bash-completion/completions/bulkhead", "usr/share/fish/vendor_completions.d/bulkhead.fish", "usr/share/zsh/vendor-completions/_bulkhead",
                     "usr/share/man/man1/bulkhead.1.gz", "usr/share/man/man5/bulkhead.yaml.5.gz", "usr/share/man/man7/bulkhead-doctor.7.gz",
                     "usr/share/man/man7/bulkhead-builds.7.gz",
                     "usr/share/doc/bulkhead/copyright", "usr/share/doc/bulkhead/changelog.gz", "usr/share/doc/bulkhead/doctor.md"):
            self.assertTrue((self.root / path).is_file(), path)
        schema = json.loads((self.root / "usr/share/bulkhead/bulkhead.schema.json").read_text())
        self.assertIn("services", schema["properties"])
        self.assertFalse((self.root / "etc").exists(), "Debian 12's AppArmor would stumble over a profile there")

    def test_owners_modes_and_sums_are_as_they_should_be(self):
        for line in run("dpkg-deb", "--contents", self.package).stdout.splitlines():
            mode, owner, _, _, _, name = line.split(None, 5)
            self.assertEqual(owner, "root/root", line)
            self.assertIn(mode, ("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"), name)
            self.assertEqual(mode == "-rwxr-xr-x", name == "./usr/bin/bulkhead" and mode[0] == "-", line)
        run("md5sum", "--check", "--quiet", "DEBIAN/md5sums", cwd=self.root)

    def test_the_binary_is_stripped_and_tells_nothing_of_where_it_was_built(self):
        binary = self.root / "usr/bin/bulkhead"
        self.assertNotIn(".debug_", run("readelf", "--section-headers", "--wide", binary).stdout)
        content = binary.read_bytes()
        for path in {str(TOP), str(BUILD), str(self.directory), os.path.realpath(TOP)}:
            self.assertNotIn(path.encode(), content)
            for text in self.root.rglob("*"):
                if text.is_file():
                    plain = gzip.decompress(text.read_bytes()) if text.suffix == ".gz" else text.read_bytes()
                    self.assertNotIn(path.encode() + b"/", plain, text)

    def test_the_fields_say_what_it_needs(self):
        self.assertRegex(self.field("Version"), r"^\d+\.\d+\.\d+")
        depends = {each.split()[0] for each in self.field("Depends").split(", ")}
        needed = {line.split("[")[1].rstrip("]") for line in run("readelf", "--dynamic", "--wide", self.root / "usr/bin/bulkhead").stdout.splitlines() if "(NEEDED)" in line}
        self.assertGreaterEqual(needed, {"libssl.so.3", "libseccomp.so.2"})
        for package in ("libc6", "libssl3", "libseccomp2", "libstdc++6", "libyaml-cpp0.7", "libfmt9", "nftables", "uidmap"):
            self.assertIn(package, depends)
        self.assertFalse(depends & {"clang-19", "cmake", "python3", "nodejs"})

    def test_the_manuals_know_every_command_key_and_check(self):
        def page(path):
            return run("man", "--local-file", self.root / "usr/share/man" / path, env={**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""})

        shown = run(self.root / "usr/bin/bulkhead", "--help").stdout
        commands = re.findall(r"^  ([a-z]+)  ", shown.split("Subcommands:")[1].split("\n\n")[0], re.M)
        self.assertGreater(len(commands), 10)
        manual = page("man1/bulkhead.1.gz")
        for command in [*commands, "image ls", "image rm", "contract show", "contract diff", "policy suggest", "policy try"]:
            if command not in ("image", "contract", "policy"):
                self.assertIn(f"bulkhead {command} [OPTIONS]", manual.stdout)
        for path, words in (("man5/bulkhead.yaml.5.gz", ("services", "slow_start", "depends_on")), ("man7/bulkhead-doctor.7.gz", ("user namespaces", "leftovers"))):
            shown = page(path)
            self.assertEqual(shown.stderr, "")
            for word in words:
                self.assertIn(word, shown.stdout)

    def test_lintian_finds_nothing(self):
        if not shutil.which("lintian"):
            self.skipTest("lintian is not installed")
        found = run("lintian", "--allow-root", "--fail-on", "error,warning", self.package, check=False)
        self.assertEqual(found.returncode, 0, found.stdout)

    def test_completion_scripts_are_valid_shell(self):
        run("bash", "-n", self.root / "usr/share/bash-completion/completions/bulkhead")


def fresh_debian(target):
    """A new Debian 12 as debootstrap makes it, with apt's lists; from the second time on out of the cache."""
    CACHE.mkdir(parents=True, exist_ok=True)
    tarball = CACHE / "bookworm.tar"
    if not tarball.exists():
        made = CACHE / "making"
        shutil.rmtree(made, ignore_errors=True)
        done = run("debootstrap", "--variant=minbase", "bookworm", made, MIRROR, check=False)
        if done.returncode != 0:
            raise unittest.SkipTest(f"debootstrap could not make a Debian here: {done.stdout.strip().splitlines()[-1:]}")
        run("tar", "--create", "--numeric-owner", "--file", tarball.with_suffix(".new"), "--directory", made, ".")
        tarball.with_suffix(".new").rename(tarball)
        shutil.rmtree(made)
    target.mkdir()
    run("tar", "--extract", "--numeric-owner", "--preserve-permissions", "--file", tarball, "--directory", target)
    archives = CACHE / "archives"
    if archives.exists():
        run("cp", "--archive", f"{archives}/.", target / "var/cache/apt/archives")
    (target / "etc/apt/apt.conf.d/keep").write_text('Binary::apt::APT::Keep-Downloaded-Packages "true";\nAPT::Keep-Downloaded-Packages "true";\n')


def keep_fetched(root):
    archives = CACHE / "archives"
    archives.mkdir(exist_ok=True)
    for each in (root / "var/cache/apt/archives").glob("*.deb"):
        if not (archives / each.name).exists():
            shutil.copy(each, archives)


class SecondMachine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root can make a Debian")
        if not shutil.which("debootstrap"):
            raise unittest.SkipTest("debootstrap is not installed (scripts/packages-ci.txt)")
        cls.directory = pathlib.Path(tempfile.mkdtemp(prefix="bh-second-", dir="/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.root = cls.directory / "root"
        fresh_debian(cls.root)
        cls.package = make_package(cls.directory)
        shutil.copy(cls.package, cls.root / "tmp/bulkhead.deb")
        cls.enter("useradd", "--create-home", "--shell", "/bin/bash", "ann")
        # What is measured is the package's part: the shop's and the two programs' interpreters were there before.
        fetched = cls.enter("sh", "-euc", f"apt-get -q update; apt-get -q install -y --no-install-recommends {' '.join(SHOP_NEEDS)}; apt-get -q install -y --download-only /tmp/bulkhead.deb", check=False)
        keep_fetched(cls.root)
        if fetched.returncode != 0:
            raise unittest.SkipTest(f"apt could not fetch here: {fetched.stderr.strip().splitlines()[-1:]}")
        begin = time.monotonic()
        cls.installed = cls.enter("apt-get", "-q", "install", "-y", "/tmp/bulkhead.deb")
        cls.install_seconds = time.monotonic() - begin

    @classmethod
    def enter(cls, *words, network=True, check=True):
        return run(ENTER, *(() if network else ("--no-network",)), cls.root, *words, check=check)

    def as_ann(self, script, check=True):
        """As an ordinary user who just logged in, on a machine without a network."""
        return self.enter("setpriv", "--reuid", "ann", "--regid", "ann", "--init-groups", "--inh-caps=-all", "env", "HOME=/home/ann", "USER=ann", "bash", "-euc", f"cd; {script}",
                          network=False, check=check)

    def give(self, source, target):
        place = self.root / "home/ann" / target
        shutil.copytree(source, place)
        run("chown", "--recursive", "1000:1000", place)

    def test_1_it_is_installed_like_any_tool(self):
        self.assertEqual(self.enter("sh", "-c", "command -v gcc g++ clang cc make", check=False).stdout, "", "a machine without a compiler")
        self.assertRegex(self.as_ann("bulkhead --version").stdout, r"^bulkhead \d")
        self.assertTrue((self.root / "usr/share/man/man1/bulkhead.1.gz").exists())
        self.assertEqual(self.enter("dpkg", "--verify", "bulkhead").stdout, "")
        found = self.enter("systemd-analyze", "verify", "--man=no", "/lib/systemd/system/bulkhead@.service", check=False)
        self.assertEqual((found.returncode, found.stderr), (0, ""))
        found = self.enter("systemd-analyze", "verify", "--user", "--man=no", "/usr/lib/systemd/user/bulkhead@.service", check=False)
        self.assertEqual([line for line in found.stderr.splitlines() if "bulkhead" in line], [])

    def test_2_doctor_says_that_an_ordinary_user_can_run_services(self):
        report = json.loads(self.as_ann("bulkhead doctor --json").stdout)
        self.assertTrue(report["can_run"])
        states = {each["what"]: each["state"] for each in report["checks"]}
        for what in ("compartments", "user namespaces", "packet filter", "ids of services", "disk", "leftovers"):
            self.assertEqual(states[what], "good", report)

    def test_3_two_programs_in_a_folder_are_up_within_a_minute(self):
        (self.directory / "two").mkdir()
        for name, text in TWO.items():
            (self.directory / "two" / name).write_text(text)
        self.give(self.directory / "two", "two")
        begin = time.monotonic()
        done = self.as_ann("cd two; bulkhead up --detach >&2; /usr/bin/python3 -c \"import ssl, urllib.request as r; "
                           "print(r.urlopen('https://127.0.0.1:8444/', context=ssl._create_unverified_context()).read().decode())\"; bulkhead down >&2")
        seconds = time.monotonic() - begin
        self.assertEqual(done.stdout, "front and back\n")
        print(f"\ninstalled in {self.install_seconds:.1f} s (packages fetched before), two programs up, answered and down in {seconds:.1f} s", file=sys.stderr)
        self.assertLess(self.install_seconds + seconds, 60)

    def test_4_the_shop_takes_orders_from_an_ordinary_user(self):
        if not (BUILD / "examples/shop/inventory/inventory").exists():
            self.skipTest("examples/shop is not built here")
        self.give(TOP / "examples/shop", "shop")
        for part in ("inventory", "login"):
            self.give(BUILD / "examples/shop" / part, f"bin/{part}")
        done = self.as_ann("export SHOP_BIN=/home/ann/bin; bulkhead up --detach -f shop/bulkhead.yaml >&2; bulkhead status --json -f shop/bulkhead.yaml >status.json; "
                           "shop/drive --url https://127.0.0.1:8443 --insecure --orders 100 --concurrency 16 --json; bulkhead down -f shop/bulkhead.yaml >&2; ls /tmp/bulkhead-1000 >&2")
        report = json.loads(done.stdout)
        self.assertTrue(report["ok"], report)
        self.assertEqual(report["orders"], 100)
        status = json.loads((self.root / "home/ann/status.json").read_text())
        self.assertEqual(sum(instance["state"] == "ready" for service in status["services"] for instance in service["instances"]), 8)

    def boot(self, script):
        """Boots the machine's systemd, which runs `script` and powers off; what the script printed."""
        (self.root / "root/script").write_text(f"exec >/root/output 2>&1; trap 'systemctl poweroff --no-block' EXIT; set -eux; cd /root/two; {script}\n")
        unit = "[Unit]\nAfter=multi-user.target\n[Service]\nExecStart=/bin/sh /root/script\n[Install]\nWantedBy=multi-user.target\n"
        (self.root / "etc/systemd/system/script.service").write_text(unit)
        wants = self.root / "etc/systemd/system/multi-user.target.wants"
        if not (wants / "script.service").is_symlink():
            (wants / "script.service").symlink_to("/etc/systemd/system/script.service")
        (self.root / "root/output").unlink(missing_ok=True)
        process = subprocess.Popen([ENTER, "--boot", self.root], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            said = process.communicate(timeout=120)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            said = process.communicate()[0] + "it did not power off within 120 s"
        for groups in pathlib.Path("/sys/fs/cgroup").glob(f"**/bulkhead-boot-{process.pid}"):
            for each in sorted((path for path in groups.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts)):
                each.rmdir()
            groups.rmdir()
        output = self.root / "root/output"
        return output.read_text() if output.exists() else self.fail(f"the machine did not boot: {said}")

    def test_5_an_application_comes_back_after_a_reboot_unless_it_was_taken_down(self):
        (self.root / "root/two").mkdir()
        for name, text in TWO.items():
            (self.root / "root/two" / name).write_text(text)
        ask = "python3 -c \"import ssl, urllib.request as r; print(r.urlopen('https://127.0.0.1:8444/', context=ssl._create_unverified_context()).read().decode())\""
        wait = "for i in $(seq 100); do bulkhead status --json | grep -q '\"settled\": true' && break; sleep 0.1; done"
        output = self.boot(f"bulkhead up --detach; {ask}; systemctl enable bulkhead@two; echo whole")
        self.assertIn("\nfront and back\n", output)
        self.assertIn("\nwhole\n", output)
        output = self.boot(f"systemctl is-active bulkhead@two; {wait}; {ask}; systemctl stop bulkhead@two; ls /run/bulkhead; systemctl start bulkhead@two; {wait}; {ask}; "
                           "bulkhead down; systemctl restart bulkhead@two; systemctl is-active bulkhead@two || echo whole")
        self.assertEqual(output.count("\nfront and back\n"), 2, output)
        self.assertIn("\ninactive\n+ echo whole\n", output)
        output = self.boot("ls /run/bulkhead || echo nothing; systemctl is-failed bulkhead@two || echo whole")
        self.assertIn("\nnothing\n", output)
        self.assertIn("\nwhole\n", output)

    def test_6_the_apparmor_profile_is_set_only_where_it_is_understood(self):
        # Neither this kernel nor Debian 12's parser knows the restriction: both are played.
        script = """
            sed s,/proc/sys/kernel/apparmor_restrict_unprivileged_userns,/etc/hostname, /var/lib/dpkg/info/bulkhead.postinst >/tmp/postinst; chmod +x /tmp/postinst
            /var/lib/dpkg/info/bulkhead.postinst configure; test ! -e /etc/apparmor.d/bulkhead
            parser() { printf '#!/bin/sh\\nexit %s\\n' "$1" >/usr/local/sbin/apparmor_parser; chmod +x /usr/local/sbin/apparmor_parser; }
            mkdir -p /etc/apparmor.d
            parser 1; /tmp/postinst configure; test ! -e /etc/apparmor.d/bulkhead
            parser 0; /tmp/postinst configure; test -e /etc/apparmor.d/bulkhead
            /tmp/postinst configure; test -e /etc/apparmor.d/bulkhead
            /var/lib/dpkg/info/bulkhead.postrm remove; test ! -L /etc/apparmor.d/bulkhead
            echo mine >/etc/apparmor.d/bulkhead; /tmp/postinst configure; /var/lib/dpkg/info/bulkhead.postrm purge; grep -q mine /etc/apparmor.d/bulkhead
            rm /usr/local/sbin/apparmor_parser /etc/apparmor.d/bulkhead
        """
        self.enter("sh", "-euc", script)

    def test_7_it_goes_without_a_trace(self):
        self.enter("apt-get", "-q", "purge", "-y", "bulkhead")
        left = self.enter("find", "/usr", "/lib", "/etc", "/var/lib", "-iname", "*bulkhead*", "-not", "-path", "/var/lib/bulkhead*", "-not", "-path", "/etc/systemd/system/*.wants/*").stdout
        self.assertEqual(left, "")


if __name__ == "__main__":
    if BUILD != TOP / "build/release":
        print("the package is made of the release build")
        sys.exit(77)
    if not shutil.which("dpkg-shlibdeps"):
        print("dpkg-dev is not installed (scripts/packages-package.txt)")
        sys.exit(77)
    unittest.main(verbosity=2)
