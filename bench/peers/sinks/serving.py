"""How a sink is run: with a port. In the peers' own environment: standard library and uvloop."""

import asyncio
import sys
from collections.abc import Callable

import uvloop


def serve(protocol: Callable[[], asyncio.Protocol]) -> None:
    """Take what comes, until killed."""

    async def listen() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(protocol, "127.0.0.1", int(sys.argv[1]), backlog=4096)
        await server.serve_forever()

    uvloop.run(listen())
