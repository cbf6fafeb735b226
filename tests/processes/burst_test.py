"""A burst of connections that has gone leaves no memory behind."""

import os
import resource
import socket
import ssl
import time

import harness
from harness import until

CONNECTIONS = 1500
FEW = 100
APART = 640  # KiB that two rests may differ by: of what is left free pages stay where pieces in use lie; connections took ten times as much


def table(pid):
    """Of descriptors: for how many there is room."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("FDSize:"))


def memory(pid):
    """KiB that are the process's own: what it shares of files counts the less, the more of its kind run elsewhere."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss_Anon:"))


def at_rest(pid):
    """KiB, once nothing more is given back."""
    last = 0

    def is_settled():
        nonlocal last
        before, last = last, memory(pid)
        settled = abs(last - before) <= 16
        if not settled:
            time.sleep(3)  # longer than the process waits between two looks at its own
        return settled

    until(is_settled, 60, "memory that stays as it is")
    return last


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
        room = table(gateway)

        def burst(count):
            """What the gateway has while so many are open, each of which has been answered, in KiB."""
            connections = []
            try:
                for _ in range(count):
                    connections.append(context.wrap_socket(socket.create_connection(("127.0.0.1", app.port)), server_hostname="127.0.0.1"))
                    connections[-1].sendall(b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n")
                    self.assertTrue(connections[-1].recv(4096).startswith(b"HTTP/1.1 200"))
                self.assertEqual(table(gateway), room, "while it grows, every request waits")
                return memory(gateway)
            finally:
                for connection in connections:
                    connection.close()

        burst(FEW)  # what every burst needs once
        before = at_rest(gateway)
        self.assertGreater(burst(CONNECTIONS), before + 10 * APART, "so few connections show nothing")
        until(lambda: memory(gateway) < before + APART, 60, f"as little as before, {before} KiB,")
        self.assertEqual(app.get("/x").status, 200)


if __name__ == "__main__":
    harness.main()
