"""What jwtXploiter forges from a good token, at a gateway: none of it is taken, and no address that a token names is asked.

jwtXploiter is a package of PyPI, fetched once into the build directory. Without pip or its registry this is skipped.
"""

import base64
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "processes"))

import harness

MANIFEST = """
app: forged
auth:
  customers: {issuer: https://id.example, audience: bank, jwks: jwks.json, claims: [tier]}
services:
  web: {dir: @PROGRAMS@, command: [/usr/bin/python3, echo.py], port: 8080}
gateway:
  listen: 127.0.0.1:@PORT@
  auth: customers
  routes:
    - {match: {path: /*}, to: web}
"""
# As whom one would like to be taken, with words of the tool.
RICH = ["--payload", "tier:gold"]
# What it makes of a token without a key; @HOST@ gives away what it made for that.
KEYLESS = {
    "no algorithm": ["--alg", "none", *RICH],
    "no algorithm, in another case": ["--alg", "None", *RICH],
    "the public key as a secret": ["--alg", "HS256", "--key", "@PUBLIC@", *RICH],
    "an empty secret": ["--alg", "HS256", "--blank", *RICH],
    "a secret that is guessed": ["--alg", "HS256", "--specify-key", "secret", *RICH],
    "SQL in the kid": ["--alg", "HS256", "--inject-kid", "SQLi", *RICH],
    "a path in the kid": ["--alg", "HS256", "--inject-kid", "DirTrv", *RICH],
    "a command in the kid": ["--alg", "HS256", "--inject-kid", "RCE", *RICH],
    "another command in the kid": ["--alg", "HS256", "--exec-via-kid", "touch /tmp/forged", *RICH],
}
# With a key that it makes itself, for the token's own algorithm.
OWN_KEY = {
    "a signature that nobody checks": ["--unverified", *RICH],
    "no signature": ["--unverified", "--null-signature", *RICH],
    "a day more": ["--unverified", "--add-time", "24"],
    "no kid": ["--unverified", "--remove-from", "header:kid", *RICH],
    "a key that it brings": ["--generate-jwk", *RICH],
    "keys at an address": ["--jku-basic", "http://@HOST@/jwks", "--manual", *RICH],
    "keys where another host leads": ["--jku-redirect", "http://@HOST@/?to=HERE,http://@HOST@", *RICH],
    "keys in an answer": ["--jku-inbody", "http://@HOST@/?say=HERE", *RICH],
}
# Of an EC key the tool can't make a certificate.
OWN_CERTIFICATE = {
    "a certificate at an address": ["--x5u-basic", "http://@HOST@/x5u", "--manual", *RICH],
    "a certificate in an answer": ["--x5u-inbody", "http://@HOST@/?say=HERE", *RICH],
}
KINDS = {"RS256": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "ES256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]}


def encoded(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def openssl(*words, **more):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **more).stdout


class Key:
    def __init__(self, directory, algorithm):
        self.algorithm = algorithm
        self.private, self.public = directory / f"{algorithm}.pem", directory / f"{algorithm}.pub"
        openssl("genpkey", "-algorithm", *KINDS[algorithm], "-out", self.private)
        openssl("pkey", "-in", self.private, "-pubout", "-out", self.public)

    def jwk(self):
        if self.algorithm == "RS256":
            modulus = openssl("rsa", "-in", self.private, "-noout", "-modulus").decode().split("=")[1]
            return {"kty": "RSA", "alg": "RS256", "kid": "RS256", "n": encoded(bytes.fromhex(modulus)), "e": "AQAB"}
        point = openssl("pkey", "-in", self.private, "-pubout", "-outform", "DER")[-64:]
        return {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "ES256", "x": encoded(point[:32]), "y": encoded(point[32:])}

    def token(self, **header):
        said = {"iss": "https://id.example", "aud": "bank", "sub": "ann", "exp": int(time.time()) + 600, "tier": "silver"}
        text = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": self.algorithm, "kid": self.algorithm, "typ": "JWT", **header}, said))
        signature = openssl("dgst", "-sha256", "-sign", self.private, input=text.encode())
        if self.algorithm == "ES256":  # DER's two integers as two times 32 octets, RFC 7518 §3.4
            numbers = re.findall(rb"INTEGER\s+:([0-9A-F]+)", openssl("asn1parse", "-inform", "DER", input=signature))
            signature = b"".join(int(number, 16).to_bytes(32, "big") for number in numbers)
        return f"{text}.{encoded(signature)}"


class Host(http.server.BaseHTTPRequestHandler):
    """Gives keys away: at /good those of the issuer, else those that the tool has forged; and keeps who asked for what."""

    good = place = None
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        body = self.good if self.path == "/good" else (self.place / "jwks.json").read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Forged(harness.Case):
    def forge(self, token, words):
        environment = {**os.environ, "PYTHONPATH": str(TOOL)}
        done = subprocess.run(["/usr/bin/python3", str(TOOL / "bin/jwtxpl"), token, "--quiet", *words], cwd=self.place, env=environment, capture_output=True,
                              text=True, timeout=60)
        made = done.stdout.split()[-1] if done.stdout.strip() else ""
        self.assertRegex(made, r"^[\w-]+\.[\w-]+\.[\w-]*$", f"{words}\n{done.stdout}\n{done.stderr}")
        return made

    def test_nothing_that_is_forged_is_taken(self):
        directory = tempfile.TemporaryDirectory(prefix="bh-forged-")
        self.addCleanup(directory.cleanup)
        self.place = pathlib.Path(directory.name)
        keys = [Key(self.place, algorithm) for algorithm in KINDS]
        app = self.application(MANIFEST, files={"jwks.json": json.dumps({"keys": [key.jwk() for key in keys]})})
        app.up()
        app.wait_settled()
        asked = lambda token: app.get("/x", headers={"Authorization": f"Bearer {token}"}).status
        host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
        threading.Thread(target=host.serve_forever, daemon=True).start()
        self.addCleanup(host.server_close)
        self.addCleanup(host.shutdown)
        address = f"127.0.0.1:{host.server_address[1]}"
        Host.place = self.place
        tried = 0
        for key in keys:
            good, pointing = key.token(), key.token(jku=f"http://{address}/good", x5u=f"http://{address}/good")
            self.assertEqual((asked(good), asked(pointing)), (200, 401))
            Host.good = json.dumps({"keys": [{**key.jwk(), "x5c": []}]}).encode()
            own = OWN_KEY if key.algorithm == "ES256" else {**OWN_KEY, **OWN_CERTIFICATE}
            for what, words in {**KEYLESS, **{name: ["--alg", key.algorithm, *more] for name, more in own.items()}}.items():
                with self.subTest(what, algorithm=key.algorithm):
                    begin = pointing if "@HOST@" in str(words) else good  # of those addresses the tool only changes one that is there
                    forged = self.forge(begin, [word.replace("@PUBLIC@", str(key.public)).replace("@HOST@", address) for word in words])
                    self.assertNotEqual(forged, begin)
                    Host.asked.clear()
                    self.assertEqual((asked(forged), Host.asked), (401, []))
                    tried += 1
        self.assertEqual(tried, 2 * len({**KEYLESS, **OWN_KEY}) + len(OWN_CERTIFICATE))
        print(f"{tried} forged tokens refused", flush=True)


if __name__ == "__main__":
    TOOL = harness.fetched(HERE / "from_pypi", "jwtxploiter")
    harness.main()
