"""Long conversations: a WebSocket that echoes (port 8080), or with `grpc` as its argument a stream that does (port 50051)."""

import asyncio
import concurrent.futures
import os
import sys


async def sockets():
    import websockets

    async def echo(socket, _path):
        async for message in socket:
            await socket.send(message)

    async with websockets.serve(echo, "", int(os.environ["PORT"]), ping_interval=None):
        await asyncio.Future()


def streams():
    import grpc

    talk = grpc.stream_stream_rpc_method_handler(lambda messages, _context: messages)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("echo.Echo", {"Talk": talk})])
    server.add_insecure_port(f"0.0.0.0:{os.environ['PORT']}")
    server.start()
    server.wait_for_termination()


if sys.argv[1:] == ["grpc"]:
    streams()
else:
    asyncio.run(sockets())
