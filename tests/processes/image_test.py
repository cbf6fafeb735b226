"""Services whose root file system is a container image. The images are made here, of busybox; skopeo and umoci do the rest."""

import json
import os
import shutil
import stat
import subprocess

import harness

BUSYBOX = "/bin/busybox"
MANIFEST = """
app: pictures
services:
  one: {image: "oci:./web:1", port: 8080}
  two: {image: "oci:./web:1", port: 8080, command: [/bin/sh, /srv/serve, "second of ", hello], environment: {WORD: mine}}
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{match: {path: /one/*}, to: one, rewrite: /}, {match: {path: /two/*}, to: two, rewrite: /}]
"""
# Says what a program sees of its image, at each request anew.
SERVE = """#!/bin/sh
mkdir -p /tmp/www/cgi-bin
printf '#!/bin/sh\\nprintf "content-type: text/plain\\\\r\\\\n\\\\r\\\\n"\\n. /srv/see "%s"\\n' "$*" >/tmp/www/cgi-bin/see
chmod +x /tmp/www/cgi-bin/see
exec httpd -f -p "$PORT" -h /tmp/www
"""
SEE = """
echo "$1|$WORD|$IMAGE|$STARTED_IN|$(id -un)|$(id -u)|$(cat /app/inside)|$(cat /srv/secret)"
touch /srv/x 2>/dev/null && echo writable
ls -l /bin/set | cut -c4
"""


def umoci(*words):
    subprocess.run(["umoci", *map(str, words)], check=True, capture_output=True)


class Images(harness.Case):
    def setUp(self):
        for program in ("skopeo", "umoci", BUSYBOX):
            if not shutil.which(program):
                self.skipTest(f"{program} is not installed")

    def make_image(self, directory, *config, tag="1", volumes=()):
        layout, bundle = directory / "web", directory / f"bundle-{tag}"
        if not layout.exists():
            umoci("init", "--layout", layout)
        umoci("new", "--image", f"{layout}:{tag}")
        umoci("unpack", "--rootless", "--image", f"{layout}:{tag}", bundle)
        root = bundle / "rootfs"
        for name in ("bin", "srv", "app"):
            (root / name).mkdir()
        shutil.copy(BUSYBOX, root / "bin/busybox")
        for name in ("sh", "httpd", "mkdir", "chmod", "cat", "id", "touch", "ls", "cut", "sleep"):
            (root / "bin" / name).symlink_to("busybox")
        shutil.copy(BUSYBOX, root / "bin/set")
        (root / "bin/set").chmod(0o4755)
        (root / "srv/serve").write_text("#!/bin/sh\nexport STARTED_IN=$PWD\n" + SERVE)
        (root / "srv/see").write_text(SEE)
        (root / "srv/serve").chmod(0o700)
        (root / "srv/secret").write_text(f"of the image {tag}")
        (root / "srv/secret").chmod(0o600)
        (root / "app/inside").write_text("its own app")
        umoci("repack", "--image", f"{layout}:{tag}", bundle)
        umoci("config", "--image", f"{layout}:{tag}", "--config.entrypoint", "/bin/sh", "--config.entrypoint", "/srv/serve", "--config.cmd", "first", "--config.env", "WORD=given",
              "--config.env", "IMAGE=yes", "--config.workingdir", "/srv", "--config.user", "www-data:33", *(word for path in volumes for word in ("--config.volume", path)), *config)
        shutil.rmtree(bundle)

    def start(self, manifest=MANIFEST, **more):
        app = self.application(manifest, user=more.pop("user", None))
        self.make_image(app.directory, **more)
        if app.user:
            subprocess.run(["chown", "-R", app.user, str(app.directory)], check=True)
        return app

    def see(self, app, service):
        answer = app.get(f"/{service}/cgi-bin/see")
        self.assertEqual(answer.status, 200, answer.body)
        return answer.text.splitlines()

    def image(self, app, *words, check=True):
        done = subprocess.run([app.program, "image", *words], env=app.environment, cwd=app.directory, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"image {words} gave {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def test_an_image_is_unpacked_once_and_gives_root_program_environment_place_and_name(self):
        app = self.start()
        said = app.up().stdout
        self.assertEqual(said.count("fetching"), 1, said)
        self.assertEqual(self.see(app, "one"), ["first|given|yes|/srv|www-data|1000|its own app|of the image 1", "x"])
        self.assertEqual(self.see(app, "two"), ["second of  hello|mine|yes|/srv|www-data|1000|its own app|of the image 1", "x"])
        listed = json.loads(self.image(app, "ls", "--json").stdout)
        self.assertEqual([each["used_by"] for each in listed], [["pictures"]])
        self.assertRegex(self.image(app, "ls").stdout, r"\n[0-9a-f]{12}  oci:/tmp/bh-.*/web:1 .* MiB  pictures\n")

        taken = self.image(app, "rm", "oci:./web:1", check=False)
        self.assertEqual(taken.returncode, 1)
        self.assertIn("pictures uses it", taken.stderr)
        app.down()
        self.image(app, "rm", listed[0]["digest"].split(":")[1][:8])
        self.assertEqual(self.image(app, "ls").stdout, "no image is unpacked\n")
        self.assertEqual(os.listdir(app.directory / "b/state/.images"), [])

    @harness.needs_root
    def test_an_ordinary_user_runs_images_and_no_file_of_them_is_anothers(self):
        app = self.start(user="games")
        app.up()
        self.assertEqual(self.see(app, "one")[0].split("|")[4:6], ["www-data", "1000"])
        images = app.directory / "b/state/.images"
        self.assertEqual(stat.S_IMODE(images.stat().st_mode), 0o700)
        owners = {path.lstat().st_uid for path in images.rglob("*")}
        self.assertEqual(owners, {images.stat().st_uid})
        app.down()

    def test_what_is_at_the_directory_now_replaces_the_services_that_use_it(self):
        app = self.start()
        app.up()
        before = app.pids()
        shutil.rmtree(app.directory / "web")
        self.make_image(app.directory, "--config.env", "IMAGE=another")
        self.assertIn("fetching", app.up().stdout)
        app.wait_settled()
        self.assertIn("|another|", self.see(app, "one")[0])
        self.assertNotEqual(before, app.pids())
        self.assertEqual(len(json.loads(self.image(app, "ls", "--json").stdout)), 2)

    def test_a_volume_elsewhere_is_refused_by_name_and_a_mount_there_is_enough(self):
        app = self.start(volumes=("/data", "/var/lib/db"))
        done = app.run("up", "--detach", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("bulkhead.yaml:4:3: service 'one': image oci:./web:1: it asks for a volume at /var/lib/db, and only /data is writable", done.stderr)
        self.assertFalse((app.directory / "b/run").exists())
        (app.directory / "db").mkdir()
        mount = "mounts: [{from: ./db, to: /var/lib/db, read_only: false}], "
        app.manifest.write_text(app.manifest.read_text().replace("port: 8080", mount + "port: 8080"))
        app.up()

    def test_an_image_that_is_not_there_says_so(self):
        app = self.application(MANIFEST.replace("oci:./web:1", "oci:./nothing"))
        done = app.run("up", "--detach", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("service 'one': image oci:./nothing: skopeo exited with 1:", done.stderr)
        self.assertEqual(os.listdir(app.directory / "b/state/.images") if (app.directory / "b/state/.images").exists() else [], [])
        self.assertEqual(app.run("check").returncode, 0, "a manifest is right, whatever is there")

    def test_a_registry_is_asked_once(self):
        registry = shutil.which("docker-registry")
        if not registry:
            self.skipTest("docker-registry is not installed")
        app = self.start()
        port = harness.free_ports(2)[1]
        store = app.directory / "registry"
        (app.directory / "registry.yml").write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {store}}}}}\nhttp: {{addr: 127.0.0.1:{port}}}\n")
        settings = app.directory / ".config/containers"
        settings.mkdir(parents=True)
        (settings / "registries.conf").write_text(f'[[registry]]\nlocation = "127.0.0.1:{port}"\ninsecure = true\n')
        app.environment["HOME"] = str(app.directory)
        process = subprocess.Popen([registry, "serve", str(app.directory / "registry.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        reference = f"docker://127.0.0.1:{port}/pictures/web:1"
        copy = ["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", f"oci:{app.directory}/web:1", reference]
        harness.until(lambda: subprocess.run(copy, capture_output=True).returncode == 0, 20, "a registry")
        app.manifest.write_text(app.manifest.read_text().replace("oci:./web:1", reference))
        self.assertEqual(app.up().stdout.count("fetching"), 1)
        self.assertIn("|given|", self.see(app, "one")[0])
        app.down()
        process.kill()
        self.assertNotIn("fetching", app.up().stdout)
        self.assertIn("|given|", self.see(app, "two")[0].replace("|mine|", "|given|"))


if __name__ == "__main__":
    harness.main()
