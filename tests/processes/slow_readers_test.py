"""Clients that ask for much and read nothing: others of the same service, over the same connection of the mesh, are served."""

import socket
import ssl

import bystander
import harness
from harness import until

READERS = 60  # each may hold 256 KiB on its way, all together more than one connection of the mesh ever did


class SlowReaders(harness.Case):
    def test_others_of_the_same_service_are_served(self):
        app = self.application(harness.one_service("slow"))
        app.up()
        app.wait_settled()
        context = ssl.create_default_context(cafile=str(app.directory / "b/state" / app.name / "gateway/certificate.pem"))
        readers = []
        try:
            for _ in range(READERS):
                plain = socket.socket()
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                plain.connect(("127.0.0.1", app.port))
                readers.append(context.wrap_socket(plain, server_hostname="127.0.0.1"))
                readers[-1].sendall(b"GET /fill?n=20000000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            for reader in readers:
                self.assertEqual(reader.recv(1), b"H", "its answer has begun")
            with bystander.Bystander(app, "/x") as other:
                until(lambda: len(other.latencies) >= 200, 20, "200 requests of another")
            self.assertEqual(other.failures, [])
        finally:
            for reader in readers:
                reader.close()


if __name__ == "__main__":
    harness.main()
