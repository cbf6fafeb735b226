"""Forwarders that harm what passes: in front of the gateway, and in the place of a sidecar's inner door (a Unix socket).

A path passes everything until it is told otherwise. All of them run on one thread of their own.
"""

import asyncio
import os
import random
import socket
import threading
import time

from .evidence import HELD

PIECE = 16384


class Connection:
    def __init__(self, port, ends):
        self.port = port   # the client's, 0 for a Unix socket
        self.ends = ends
        self.lost = False  # what is sent goes nowhere from now on

    def abort(self):
        for end in self.ends:
            end.transport.abort()


class Path:
    def __init__(self, name, connect, seed):
        self.name, self.connect = name, connect
        self.dice = random.Random(f"{seed} {name}")
        self.connections = set()
        self.harmed = []  # (when, the client's port, what)
        self.delay = 0
        self.stalled = False
        self.dropped = self.corrupted = 0  # the share of pieces
        self.server = None

    async def serve(self, listening):
        self.server = await asyncio.start_server(self.forward, sock=listening) if listening.family == socket.AF_INET \
            else await asyncio.start_unix_server(self.forward, sock=listening)

    async def forward(self, reader, writer):
        try:
            far_reader, far_writer = await self.connect()
        except OSError:
            writer.transport.abort()
            if isinstance(self.server, asyncio.Server) and not self.name == "client":
                self.server.close()  # who comes now is refused, as the sidecar's own socket would
            return
        peer = writer.get_extra_info("peername")
        connection = Connection(peer[1] if isinstance(peer, tuple) else 0, (writer, far_writer))
        self.connections.add(connection)
        await asyncio.gather(self.pump(connection, reader, far_writer), self.pump(connection, far_reader, writer))
        self.connections.discard(connection)
        for end in (writer, far_writer):
            end.close()

    async def pump(self, connection, reader, writer):
        try:
            while piece := await reader.read(PIECE):
                piece = await self.harm(connection, piece)
                if piece:
                    writer.write(piece)
                    await writer.drain()
            if writer.can_write_eof() and not connection.lost:
                writer.write_eof()
        except OSError:
            connection.abort()

    async def harm(self, connection, piece):
        if self.delay:
            await asyncio.sleep(self.delay * self.dice.uniform(0.5, 1.5))
        if self.stalled:
            self.note(connection, HELD)
            while self.stalled:
                await asyncio.sleep(0.02)
            self.note(connection, HELD)  # whoever sends now may find the far end gone meanwhile
        if self.dropped and not connection.lost and self.dice.random() < self.dropped:
            connection.lost = True
            self.note(connection, "dropped")
        if connection.lost:
            return b""
        if self.corrupted and self.dice.random() < self.corrupted:
            self.note(connection, "corrupted")
            at = self.dice.randrange(len(piece))
            piece = piece[:at] + bytes([piece[at] ^ 1 << self.dice.randrange(8)]) + piece[at + 1:]
        return piece

    def note(self, connection, what):
        self.harmed.append((time.time(), connection.port, what))

    def cut(self, share):
        cut = [each for each in self.connections if self.dice.random() < share]
        for each in cut:
            self.note(each, "cut")
            each.abort()
        return len(cut)

    def calm(self):
        """Passes everything again; connections that lost something end."""
        self.delay, self.stalled, self.dropped, self.corrupted = 0, False, 0, 0
        for each in [each for each in self.connections if each.lost]:
            self.note(each, "dropped")
            each.abort()


class Paths:
    """The front path, and one for each door that was ever harmed and still has the sidecar that it had then."""

    def __init__(self, gateway_port, seed):
        self.seed = seed
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.front = Path("client", lambda: asyncio.open_connection("127.0.0.1", gateway_port), seed)
        listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = listening.getsockname()[1]
        self.call(self.front.serve(listening))
        self.doors = {}  # where: (the path, the inode of our socket there)

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def do(self, step):
        async def wrapped():
            return step()
        return self.call(wrapped())

    def door(self, where):
        """The path in the place of this door: its socket is moved aside, and ours is where callers look for it. Only connections
        made from now on come here."""
        path, inode = self.doors.get(where, (None, None))
        if path and os.path.exists(where) and os.stat(where).st_ino == inode:
            return path
        aside = f"{where}-aside"
        mode = os.stat(where)
        listening = socket.socket(socket.AF_UNIX)
        fresh = f"{where}-fresh"
        listening.bind(fresh)
        os.chmod(fresh, 0o777)
        os.chown(fresh, mode.st_uid, mode.st_gid)
        listening.listen(512)
        os.rename(where, aside)
        os.rename(fresh, where)
        path = Path(os.path.basename(where), lambda: asyncio.open_unix_connection(aside), self.seed)
        self.call(path.serve(listening))
        self.doors[where] = path, os.stat(where).st_ino
        return path

    def calm_all(self):
        for path in [self.front, *(path for path, _ in self.doors.values())]:
            self.do(path.calm)
