"""A WebSocket echo server on the websockets library. "close CODE" is answered by closing with it, "later" after some seconds."""

import asyncio
import os

import websockets


async def echo(connection):
    async for message in connection:
        if isinstance(message, str) and message.startswith("close "):
            await connection.close(int(message.split()[1]), "as you wish")
        elif message == "later":
            await asyncio.sleep(4)
            await connection.send("now")
        elif message == "path":
            await connection.send(connection.path)
        else:
            await connection.send(message)


async def main():
    async with websockets.serve(echo, "", int(os.environ["PORT"]), max_size=32 << 20, subprotocols=["salt"]):
        await asyncio.Future()


asyncio.run(main())
