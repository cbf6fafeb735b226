"""A burst of connections that has gone leaves no memory behind."""

import os
import resource
import socket
import ssl

import harness
from bystander import memory
from harness import until

CONNECTIONS = 1500
IDLE = 8 << 10  # KiB


def table(pid):
    """Of descriptors: for how many there is room."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("FDSize:"))


class Burst(harness.Case):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root may read how much memory a sealed process has")
        if harness.is_sanitized():
            self.skipTest("a sanitizer's memory is not ours")
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if most < CONNECTIONS + 100:
            self.skipTest(f"this host allows {most} open files")
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def test_the_gateway_gives_back_what_a_burst_of_tls_connections_needed(self):
        app = self.application(harness.one_service("burst"))
        app.up()
        gateway = app.instance("_gateway-1")["sidecar_pid"]
        context = ssl.create_default_context(cafile=str(app.directory / "b/state" / app.name / "gateway/certificate.pem"))
        connections, room = [], table(gateway)
        try:
            for _ in range(CONNECTIONS):
                connections.append(context.wrap_socket(socket.create_connection(("127.0.0.1", app.port)), server_hostname="127.0.0.1"))
            self.assertGreater(memory(gateway), IDLE, "so few connections show nothing")
            self.assertEqual(table(gateway), room, "while it grows, every request waits")
        finally:
            for connection in connections:
                connection.close()
        until(lambda: memory(gateway) < IDLE, 60, f"less than {IDLE} KiB")
        self.assertEqual(app.get("/x").status, 200)


if __name__ == "__main__":
    harness.main()
