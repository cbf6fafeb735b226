"""A gRPC application of ten services that find their peers in their environment: Python's grpcio, Node's grpc-js and grpc-go."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import harness
import installed
from harness import until

HERE = pathlib.Path(__file__).resolve().parent
try:
    import grpc
except ImportError:
    grpc = None

SERVICES = """
app: boutique
services:
  catalog:
    dir: ./boutique
    command: [/usr/bin/python3, peers.py]
    port: 3550
    protocol: grpc
    environment: {SERVICE: Catalog}
    scale: 3
  currency:
    dir: ./boutique
    command: @CURRENCY@
    port: 7000
    protocol: grpc
    environment: {SERVICE: Currency}
    mounts: [@MOUNT@]
  cart:
    dir: ./boutique
    command: [/usr/bin/python3, peers.py]
    port: 7070
    protocol: grpc
    environment: {SERVICE: Cart}
  recommendation:
    dir: ./boutique
    command: [/usr/bin/python3, peers.py]
    port: 8080
    protocol: grpc
    environment: {SERVICE: Recommendation, CATALOG_SERVICE_ADDR: "catalog:3550"}
    calls: [catalog]
  shipping:
    dir: ./boutique
    command: [/usr/bin/python3, peers.py]
    port: 50051
    protocol: grpc
    environment: {SERVICE: Shipping}
  payment:
    dir: ./boutique
    command: @PAYMENT@
    port: 50051
    protocol: grpc
    environment: {SERVICE: Payment}
    mounts: [@MOUNT@]
  mail:
    dir: ./boutique
    command: [/usr/bin/python3, peers.py]
    port: 5000
    protocol: grpc
    environment: {SERVICE: Mail}
  chat:
    dir: ./boutique
    command: [/usr/bin/python3, peers.py]
    port: 9555
    protocol: grpc
    environment: {SERVICE: Chat}
  checkout:
    dir: ./boutique
    command: [/usr/bin/python3, peers.py]
    port: 5050
    protocol: grpc
    environment:
      SERVICE: Checkout
      CATALOG_SERVICE_ADDR: catalog:3550
      CURRENCY_SERVICE_ADDR: currency:7000
      CART_SERVICE_ADDR: cart:7070
      SHIPPING_SERVICE_ADDR: shipping:50051
      PAYMENT_SERVICE_ADDR: payment:50051
      MAIL_SERVICE_ADDR: mail:5000
      RECOMMENDATION_SERVICE_ADDR: recommendation:8080
    calls: [catalog, currency, cart, shipping, payment, mail, recommendation]
  frontend:
    dir: ./boutique
    command: [/usr/bin/python3, frontend.py]
    port: 8080
    protocol: grpc
    environment:
      CATALOG_SERVICE_ADDR: catalog:3550
      CART_SERVICE_ADDR: cart:7070
      SHIPPING_SERVICE_ADDR: shipping:50051
      PAYMENT_SERVICE_ADDR: payment:50051
      MAIL_SERVICE_ADDR: mail:5000
      CHAT_SERVICE_ADDR: chat:9555
      CHECKOUT_SERVICE_ADDR: checkout:5050
      CURRENCY_PORT: "7000"
    calls:
      catalog: [boutique.Catalog/*]
      cart:
      shipping: [boutique.Shipping/Track, boutique.Shipping/Abandoned]
      payment: [boutique.Payment/Take]
      mail:
      chat:
      checkout: [boutique.Checkout/Place]
gateway:
  listen: 127.0.0.1:@PORT@
  routes:
    - {match: {path: /boutique.Frontend/*}, to: frontend}
    - {match: {path: /boutique.Chat/*}, to: chat}
    - {match: {path: /boutique.Mail/*}, to: mail}
"""

NODE_JOB = """
  caller:
    type: job
    dir: ./boutique
    command: [/usr/bin/node, frontend.js]
    mounts: [@MOUNT@]
    environment:
      CATALOG_SERVICE_ADDR: catalog:3550
      PAYMENT_SERVICE_ADDR: payment:50051
      MAIL_SERVICE_ADDR: mail:5000
      CHAT_SERVICE_ADDR: chat:9555
    calls: {catalog: , payment: [boutique.Payment/Take], mail: , chat: }
    depends_on: {catalog: ready, payment: ready, mail: ready, chat: ready}
"""

INTEROP = """
app: interop
services:
  server:
    @WHERE@: @DIR@
    command: [@PROGRAM@]
    port: 10000
    protocol: grpc
  client:
    type: job
    @WHERE@: @DIR@
    command: [@PROGRAM@, "@SCHEME@server:10000"]
    calls: [server]
    depends_on: {server: ready}
gateway:
  listen: 127.0.0.1:@PORT@
  routes: [{to: server}]
"""


def python_only(manifest):
    python = "[/usr/bin/python3, peers.py]"
    return manifest.replace("@CURRENCY@", python).replace("@PAYMENT@", python).replace("    mounts: [@MOUNT@]\n", "")


def with_node(manifest, modules):
    node, mount = "[/usr/bin/node, peers.js]", f"{{from: {modules}/node_modules, to: /node_modules}}"
    manifest = manifest.replace("gateway:", NODE_JOB.strip("\n") + "\ngateway:", 1)
    return manifest.replace("@CURRENCY@", node).replace("@PAYMENT@", node).replace("@MOUNT@", mount)


class Boutique(harness.Case):
    def boutique(self, manifest):
        app = self.application(manifest)
        directory = app.directory / "boutique"
        shutil.copytree(HERE / "boutique", directory)
        subprocess.run(["protoc", "-I.", "--python_out=.", "--grpc_python_out=.", "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin", "boutique.proto"], cwd=directory, check=True)
        if str(directory) not in sys.path:
            sys.path.insert(0, str(directory))
        app.up()
        return app

    def secure_channel(self, app):
        roots = (app.directory / "b/state" / app.name / "gateway/certificate.pem").read_bytes()
        options = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]
        channel = grpc.secure_channel(f"127.0.0.1:{app.port}", grpc.ssl_channel_credentials(roots), options)
        self.addCleanup(channel.close)
        return channel

    def test_ten_services_in_python(self):
        app = self.boutique(python_only(SERVICES))
        import boutique_pb2 as messages
        import boutique_pb2_grpc as services

        channel = self.secure_channel(app)
        front = services.FrontendStub(channel)

        def tries(name):
            value = json.loads(front.Try(messages.Check(name=name), timeout=100).json)
            self.assertNotIn("error", value if isinstance(value, dict) else {}, value)
            return value

        with self.subTest("an order goes through nine of them"):
            placed = tries("places_an_order_through_all_services")
            self.assertEqual(placed, {"receipt": "r-1", "amount": 2000, "currency": "USD", "shown": ["2", "4", "5"]})
        with self.subTest("streams"):
            self.assertEqual(tries("streams_from_the_server"), 100)
            self.assertEqual(tries("streams_to_the_server"), 5000)
            self.assertIs(tries("talks_both_ways_in_turns"), True)
        with self.subTest("large messages"):
            self.assertIs(tries("sends_5_megabytes"), True)
            self.assertIs(tries("sends_5_megabytes_compressed"), True)
        with self.subTest("metadata"):
            seen = tries("carries_metadata_both_ways")
            self.assertTrue(seen["note"] and seen["sum"], seen)
            self.assertTrue(20 < seen["deadline"] < 31, seen)
        with self.subTest("a status with its trailers"):
            stolen = tries("sees_a_status_with_trailers")
            self.assertEqual((stolen["code"], stolen["details"]), ("FAILED_PRECONDITION", "declined: 100 % sure – \"stolen\""))
            self.assertTrue(stolen["proof"])
            self.assertEqual(tries("sees_not_found")["details"], "no item lost")
        with self.subTest("deadline and cancellation"):
            self.assertEqual(tries("keeps_its_deadline")["code"], "DEADLINE_EXCEEDED")
            self.assertEqual(tries("cancels"), {"seen": [0, 1, 2], "abandoned": 1})
        with self.subTest("a method that is not declared"):
            denied = tries("calls_what_is_not_declared")
            self.assertEqual(denied["code"], "PERMISSION_DENIED", denied)
            for word in ("frontend", "payment", "boutique.Payment/Refund", "calls"):
                self.assertIn(word, denied["details"])
        with self.subTest("a method that no server has"):
            self.assertEqual(tries("calls_what_no_server_has")["code"], "UNIMPLEMENTED")
        with self.subTest("a peer that is not declared"):
            lost = tries("dials_who_is_not_declared")
            self.assertEqual(lost["code"], "UNAVAILABLE", lost)
            self.assertLess(lost["seconds"], 10)
        with self.subTest("one connection's calls go to every instance"):
            self.assertEqual(tries("spreads_calls_of_one_connection"), 3)
        with self.subTest("names"):
            self.assertEqual(tries("resolves_like_a_grpc_program"), ["item 7"] * 4)
        with self.subTest("keep-alive pings"):
            self.assertEqual(tries("pings_while_idle"), "item 2")
        with self.subTest("many at once"):
            self.assertEqual(tries("makes_many_calls_at_once"), 2000)
        self.through_the_gateway(channel, messages, services)

    def through_the_gateway(self, channel, messages, services):
        with self.subTest("a conversation through the gateway, in turns"):
            call_words = [messages.Word(text=f"w{number}") for number in range(50)]
            heard = [word.text for word in services.ChatStub(channel).Talk(iter(call_words), timeout=30)]
            self.assertEqual(heard, [word.text.upper() for word in call_words])
        with self.subTest("5 MB through the gateway"):
            body = os.urandom(5 << 20)
            self.assertEqual(services.MailStub(channel).Send(messages.Letter(to="far", body=body), timeout=60).echo, body)
        with self.subTest("a service without a route is not there, and nothing tells that it exists"):
            with self.assertRaises(grpc.RpcError) as refused:
                services.PaymentStub(channel).Take(messages.Charge(), timeout=10)
            self.assertIn(refused.exception.code(), (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED))
            for word in ("payment:", "spiffe", "frontend"):
                self.assertNotIn(word, refused.exception.details())

    def test_services_and_a_caller_of_grpc_js(self):
        try:
            modules = installed.npm("boutique")
        except installed.Missing as reason:
            self.skipTest(str(reason))
        app = self.boutique(with_node(SERVICES, modules))
        until(lambda: "done" in app.run("logs", "caller", check=False).stdout, 60, "the end of the caller")
        said = app.run("logs", "caller").stdout
        for line in ("unary 500", "stream 100", "talk ABC", "large true", "status 9 stolen card declined: 100 % sure – \"stolen\"", "deadline 4", "denied 7 "):
            self.assertIn(line, said)

    def test_the_interoperability_cases_of_grpc_go(self):
        try:
            program = installed.go("interop")
        except installed.Missing as reason:
            self.skipTest(str(reason))
        cases = [("", "dir", "./interop"), ("dns:///", "dir", "./interop"), ("passthrough:///", "rootfs", "/interop")]
        for scheme, where, command in cases:
            with self.subTest(scheme=scheme, where=where):
                manifest = INTEROP.replace("@DIR@", str(program.parent)).replace("@WHERE@", where)
                app = self.application(manifest.replace("@SCHEME@", scheme).replace("@PROGRAM@", command))
                app.up()
                until(lambda: "passed" in app.run("logs", "client", check=False).stdout, 60, "the last case")
                app.down()


if __name__ == "__main__":
    if grpc is None or not shutil.which("protoc") or not os.path.exists("/usr/bin/grpc_python_plugin"):
        print("skipped: python3-grpcio or protobuf-compiler-grpc is not installed (scripts/packages-test.txt)")
        sys.exit(harness.SKIPPED)
    harness.main()
