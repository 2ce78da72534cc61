"""The ``websockets`` library's own server, as its documentation sets it up for many connections.

Without compression, which its page on memory advises where there are many, and which Orderbell has off as well; and
:func:`websockets.broadcast`, which its page on broadcasting advises as the fastest way to many.
"""

import argparse
import asyncio
import json
import socket

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.asyncio.server import serve as listen

from bench.hub import said
from bench.hub.servers.orders import obey, ready_for_measuring

WELCOME = json.dumps({"type": "welcome"})


async def serve(port: int, commands: socket.socket, people: int) -> None:
    """Until it is killed. Person N connects to the path ``/N``."""
    connections: set[ServerConnection] = set()
    of_person: dict[str, ServerConnection] = {}
    notifications = [(str(number), said.notification(number)) for number in range(people)]

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        name = connection.request.path.removeprefix("/")
        connections.add(connection)
        of_person[name] = connection
        try:
            await connection.send(WELCOME)
            await connection.wait_closed()
        finally:
            connections.discard(connection)
            del of_person[name]

    async def announce() -> None:
        broadcast(connections, json.dumps(said.announcement(), separators=(",", ":")))

    async def tell() -> None:
        for name, notification in notifications:
            broadcast((of_person[name],), json.dumps(notification, separators=(",", ":")))

    ready_for_measuring()
    async with listen(handler, "127.0.0.1", port, compression=None, backlog=2048):
        await obey(commands, {said.ANNOUNCE: announce, said.TELL: tell})


def main() -> None:
    """Serve on a port, with commands from an open socket."""
    parser = argparse.ArgumentParser(prog="python -m bench.hub.servers.library")
    parser.add_argument("port", type=int)
    parser.add_argument("commands", type=int, help="file descriptor")
    parser.add_argument("people", type=int)
    given = parser.parse_args()
    asyncio.run(serve(given.port, socket.socket(fileno=given.commands), given.people))


if __name__ == "__main__":
    main()
