"""testssl.sh and sslscan at a gateway: TLS 1.3 alone (Mozilla's modern profile), and 1.2 as strong as that where the manifest asks for it."""

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree

import harness

SUITES_12 = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"}
SUITES_13 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
GROUPS = {"X25519", "prime256v1", "secp384r1"}
# What testssl.sh finds below OK at a gateway that generated its certificate, and why it is so.
EXPLAINED = {
    "cipher_order": "every suite is strong, so the client takes the one that it is fast at",
    "cert_chain_of_trust": "the certificate is its own",
    "cert_revocation": "the certificate is its own: who trusts it stops trusting it",
    "DNS_CAArecord": "an address has no name to ask for",
    "engine_problem": "GOST is not used",
    "sessionresumption_ticket": "TLS 1.2 resumes by session ID, there are no tickets to try",
}
WANTED = {
    "SSLv2": "not offered", "SSLv3": "not offered", "TLS1": "not offered", "TLS1_1": "not offered",
    "TLS1_2": "offered", "TLS1_3": "offered with final",
    "cipherlist_NULL": "not offered", "cipherlist_aNULL": "not offered", "cipherlist_EXPORT": "not offered", "cipherlist_LOW": "not offered",
    "cipherlist_3DES_IDEA": "not offered", "cipherlist_AVERAGE": "not offered", "cipherlist_STRONG": "offered",
    "ALPN_HTTP2": "h2", "ALPN": "http/1.1", "NPN": "not offered",
    "PFS": "offered", "cert_signatureAlgorithm": "ECDSA with SHA256", "cert_keySize": "EC 256 bits",
    "secure_renego": "supported", "secure_client_renego": "not vulnerable", "CRIME_TLS": "not vulnerable", "TLS_timestamp": "random",
}


class Tls(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.modern = cls.gateway(harness.one_service("modern"))
        cls.asked = cls.gateway(harness.one_service("asked").replace("gateway:\n", "gateway:\n  tls_min_version: 1.2\n"))

    @classmethod
    def gateway(cls, manifest):
        app = harness.Application(manifest)
        cls.addClassCleanup(app.close)
        app.up()
        return app

    def need(self, program):
        if not shutil.which(program):
            self.skipTest(f"{program} is not installed (scripts/packages-test.txt)")

    def sslscan(self, app):
        self.need("sslscan")
        output = app.directory / "sslscan.xml"
        done = subprocess.run(["sslscan", f"--xml={output}", f"127.0.0.1:{app.port}"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        found = xml.etree.ElementTree.parse(output).find("ssltest")
        self.assertEqual(found.find("renegotiation").get("supported"), "0")
        self.assertEqual({each.get("vulnerable") for each in found.iter("heartbleed")}, {"0"})
        groups = {each.get("name").split(" ")[0] for each in found.iter("group")}
        self.assertEqual(groups - {"x25519", "secp256r1", "secp384r1"}, set())
        enabled = {each.get("type") + each.get("version") for each in found.iter("protocol") if each.get("enabled") == "1"}
        return enabled, {(each.get("sslversion"), each.get("cipher")) for each in found.iter("cipher")}

    def test_sslscan_finds_one_version_with_three_suites(self):
        self.assertEqual(self.sslscan(self.modern), ({"tls1.3"}, {("TLSv1.3", each) for each in SUITES_13}))

    def test_sslscan_finds_two_where_the_manifest_asks_for_it(self):
        suites = {("TLSv1.2", each) for each in SUITES_12} | {("TLSv1.3", each) for each in SUITES_13}
        self.assertEqual(self.sslscan(self.asked), ({"tls1.2", "tls1.3"}, suites))

    def run_testssl(self, app, *what):
        self.need("testssl")
        output = app.directory / "testssl.json"
        command = ["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--jsonfile", output, *what, f"127.0.0.1:{app.port}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280)
        self.assertTrue(output.exists(), done.stdout + done.stderr)
        return json.loads(output.read_text())

    def test_testssl_finds_tls13_alone(self):
        by_id = {each["id"]: each["finding"] for each in self.run_testssl(self.modern, "-p")}
        self.assertTrue(by_id["TLS1_3"].startswith("offered with final"), by_id)
        for version in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2"):
            self.assertTrue(by_id[version].startswith("not offered"), by_id[version])

    def test_testssl_finds_nothing_that_is_not_explained(self):
        # Versions, suites by strength, forward secrecy, what the server prefers and says of itself, known vulnerabilities.
        findings = self.run_testssl(self.asked, "-p", "-s", "-f", "-P", "-S", "-U")
        by_id = {each["id"]: each["finding"] for each in findings}
        worse = {each["id"]: each["finding"] for each in findings if each["severity"] not in ("OK", "INFO")}
        self.assertEqual({name: finding for name, finding in worse.items() if name not in EXPLAINED}, {})
        for name, finding in WANTED.items():
            with self.subTest(name):
                self.assertIn(name, by_id)
                self.assertTrue(by_id[name].startswith(finding), by_id[name])
        self.assertEqual(set(by_id["PFS_ciphers"].split()), SUITES_12 | SUITES_13)
        self.assertEqual(set(by_id["PFS_ECDHE_curves"].split()), GROUPS)
        self.assertTrue(by_id["LUCKY13"].startswith("not vulnerable"))


if __name__ == "__main__":
    if not shutil.which("testssl") and not shutil.which("sslscan"):
        print("skipped: neither testssl.sh nor sslscan is installed (scripts/packages-test.txt)")
        sys.exit(harness.SKIPPED)
    harness.main()
