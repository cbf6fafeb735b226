"""A gRPC service's contract, held by its sidecar: calls, streams, answers, and what is said about them."""

import pathlib
import shutil
import sys
import threading

import harness
from harness import PROGRAMS, until

try:
    import grpc
except ImportError:
    grpc = None
else:
    sys.path.insert(0, str(PROGRAMS))
    from grpc_catalog import SECRET, SHIP, number, text

PROTOS = pathlib.Path(__file__).resolve().parent.parent / "protobuf"
FILES = ("catalog.proto", "older.proto", "buf/validate/validate.proto")

MANIFEST = """
app: grpc-contract
services:
  catalog:
    dir: @PROGRAMS@
    command: [/usr/bin/python3, grpc_catalog.py]
    port: 50051
    protocol: grpc
    contract: {file: protos/catalog.proto}
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{to: catalog}]
"""


class GrpcContract(harness.Case):
    def begin(self, manifest=MANIFEST):
        app = self.application(manifest)
        for name in FILES:
            path = app.directory / "protos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROTOS / name, path)
        app.up()
        app.wait_settled()
        roots = (app.directory / "b/state" / app.name / "gateway/certificate.pem").read_bytes()
        options = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]
        channel = grpc.secure_channel(f"127.0.0.1:{app.port}", grpc.ssl_channel_credentials(roots), options)
        self.addCleanup(channel.close)
        self.channel = channel
        return app

    def get(self, message, **more):
        return self.channel.unary_unary("/shop.Catalog/Get")(message, timeout=20, **more)

    def put(self, message):
        return self.channel.unary_unary("/shop.Catalog/Put")(message, timeout=20)

    def refused(self, call, *words):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*words)
        return caught.exception.code().name, caught.exception.details()

    def test_calls(self):
        app = self.begin()
        self.assertEqual(self.get(text(1, b"k")), SHIP)
        before = app.logs().count("put")
        self.assertEqual(self.put(SHIP), text(1, b"k"))
        until(lambda: app.logs().count("put") == before + 1, what="what the service says")
        for message, status, words in ((text(1, b""), "INVALID_ARGUMENT", "name has fewer than 1 characters (string.min_len)"),
                                       (SHIP + SECRET, "INVALID_ARGUMENT", "9 is not declared"),
                                       (text(1, b"a") + text(2, b"x"), "INVALID_ARGUMENT", "price is not written as int32 is"),
                                       (b"\xff", "INVALID_ARGUMENT", "the message is no Protocol Buffers message"),
                                       (SHIP + text(4, text(1, b"a") + text(2, text(1, b"123456789"))), "INVALID_ARGUMENT",
                                        "parts[0].value.id has more than 8 characters (string.max_len)"),
                                       (text(1, b"a" * (1 << 20)) + number(2, 7), "RESOURCE_EXHAUSTED", "a message is larger than 1048576 bytes")):
            self.assertEqual(self.refused(self.put, message), (status, "the contract: " + words), message[:40])
        for path in ("/shop.Catalog/Hidden", "/shop.Other/Get"):
            status, words = self.refused(lambda path=path: self.channel.unary_unary(path)(b"", timeout=20))
            self.assertEqual(status, "UNIMPLEMENTED", words)
        self.assertEqual(self.refused(lambda: self.get(text(1, b"k" * 5000), compression=grpc.Compression.Gzip))[0], "UNIMPLEMENTED")
        self.assertEqual(app.logs().count("put"), before + 1, "the service has seen none of them")
        until(lambda: any(line["path"] == "/shop.Catalog/Put" and line["reason"] == "contract" for line in app.status()["denied"]), what="the count")
        until(lambda: any("the contract: 9 is not declared" in line.get("reason", "") for line in app.records("catalog")), what="the record")

    def test_streams(self):
        app = self.begin()
        fill = self.channel.stream_unary("/shop.Catalog/Fill")
        self.assertEqual(fill(iter([SHIP] * 500), timeout=30), text(1, b"500"))
        self.assertEqual(self.refused(lambda: fill(iter([SHIP, SHIP, text(1, b"")] + [SHIP] * 100), timeout=20)),
                         ("INVALID_ARGUMENT", "the contract: name has fewer than 1 characters (string.min_len)"))
        talk = self.channel.stream_stream("/shop.Catalog/Talk")
        self.assertEqual(list(talk(iter([text(1, b"k")] * 3), timeout=20)), [SHIP] * 3)
        answered = threading.Event()

        def asked():
            yield text(1, b"k")
            answered.wait(20)
            yield text(1, b"123456789")

        heard = talk(asked(), timeout=20)
        self.assertEqual(next(heard), SHIP)
        answered.set()
        self.assertEqual(self.refused(lambda: next(heard)),
                         ("INVALID_ARGUMENT", "the contract: id has more than 8 characters (string.max_len)"))
        self.assertNotIn("123456789", app.logs())
        self.assertNotIn(f"fill {text(1, b'')!r}", app.logs())
        self.assertLessEqual(app.logs().count("fill"), 502)

    def test_answers(self):
        app = self.begin()
        self.assertEqual(self.get(text(1, b"more")), SHIP)
        self.assertEqual(self.get(text(1, b"misfit")), number(2, 7), "what does not fit is recorded")
        why = "the contract: the service's answer can not be held against it"
        self.assertEqual(self.refused(self.get, text(1, b"broken")), ("INTERNAL", why))
        self.assertEqual(self.refused(self.get, text(1, b"large")), ("RESOURCE_EXHAUSTED", why))
        listed = self.channel.unary_stream("/shop.Catalog/List")
        self.assertEqual(list(listed(text(1, b"k"), timeout=20)), [SHIP] * 3)
        stream = listed(text(1, b"broken"), timeout=20)
        self.assertEqual([next(stream), next(stream)], [SHIP] * 2)
        self.assertEqual(self.refused(lambda: next(stream)), ("INTERNAL", why))
        until(lambda: any(line["reason"] == "undeclared_answer" for line in app.status()["denied"]), what="the count")
        until(lambda: any("taken out: 9" in line.get("text", "") for line in app.records("catalog")), what="the note")

    def test_what_a_service_compresses_all_the_same_leaves_only_unlooked_at(self):
        packed = MANIFEST.replace("grpc_catalog.py]", "grpc_catalog.py, packed]")
        app = self.begin(packed)
        self.assertEqual(self.get(text(1, b"more")), SHIP, "what is short is not compressed")
        self.assertEqual(self.refused(self.get, text(1, b"large"))[0], "INTERNAL")
        app.rewrite(packed.replace("catalog.proto}", "catalog.proto, response: off}"))
        app.up()
        until(lambda: self.get(text(1, b"more")) == SHIP + SECRET, what="what is not looked at")
        self.assertGreater(len(self.get(text(1, b"large"))), 2 << 20)

    def test_a_change_holds_at_once_and_restarts_nothing(self):
        app = self.begin()
        pids = app.pids()
        app.rewrite(MANIFEST.replace("catalog.proto}", "catalog.proto, response: report}"))
        self.assertIn("contract", app.up().stdout)
        until(lambda: self.get(text(1, b"more")) == SHIP + SECRET, what="what is only reported")
        path = app.directory / "protos/catalog.proto"
        path.write_text(path.read_text().replace("int32.gte = 1", "int32.gte = 10"))
        self.assertIn("contract", app.up().stdout)
        until(lambda: self.refused(self.put, number(2, 7) + text(1, b"a"))[1].endswith("price is not at least 10 (int32.gte)"), what="the new contract")
        app.rewrite(MANIFEST.replace("contract: {file", "mode: audit\n    contract: {file"))
        app.up()
        until(lambda: self.audited(), what="what is audited")
        until(lambda: any(line["reason"] == "would be denied" for line in app.status()["denied"]), what="its record")
        self.assertEqual(app.pids(), pids)

    def audited(self):
        try:
            return self.put(number(2, 7) + text(1, b"a")) == text(1, b"k")
        except grpc.RpcError:
            return False

    def test_it_is_shown_and_compared_and_what_can_not_be_held_is_said(self):
        app = self.application(MANIFEST)
        shutil.copytree(PROTOS, app.directory / "protos")
        self.assertIn('"x-bulkhead-grpc"', app.run("contract", "show").stdout)
        path = app.directory / "protos/catalog.proto"
        changed = app.directory / "protos/changed.proto"
        changed.write_text(path.read_text().replace("  string id = 1 ", "  string key = 2 "))
        said = app.run("contract", "diff", str(path), str(changed), check=False)
        self.assertEqual(said.returncode, 1, said.stdout + said.stderr)
        self.assertIn("breaking: POST /shop.Catalog/Get, request, id: is gone (called by the gateway)", said.stdout)
        path.write_text(path.read_text().replace("(buf.validate.field).int32.gte = 1", "(buf.validate.field).cel = {expression: \"this > 1\"}"))
        said = app.run("check", check=False)
        self.assertEqual(said.returncode, 2)
        self.assertIn("protos/catalog.proto: shop.Item: price: the rule cel is not held here", said.stdout + said.stderr)
        path.write_text("syntax = \"proto3\"; message {")
        said = app.run("check", check=False)
        self.assertRegex(said.stdout + said.stderr, r"the contract of 'catalog' can not be read: catalog\.proto:1:\d+: ")


if __name__ == "__main__":
    if grpc is None or not shutil.which("protoc"):
        print("skipped: python3-grpcio or protobuf-compiler is not installed (scripts/packages-test.txt)")
        sys.exit(harness.SKIPPED)
    harness.main()
