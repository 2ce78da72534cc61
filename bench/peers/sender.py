"""What an application does that has something to say: ``group_send``, from a process of its own.

So that serializing and talking to Redis are no work of the server's.
"""

import asyncio
import json
import socket
import sys
from typing import Any

import django

django.setup()

from channels.layers import get_channel_layer  # noqa: E402 - after setup()

from bench.hub import said  # noqa: E402
from bench.hub.servers.orders import obey  # noqa: E402

AT_ONCE = 100
"""Messages that wait for Redis at a time."""


def ring(message: dict[str, Any]) -> dict[str, str]:
    return {"type": "ring", "text": json.dumps(message, separators=(",", ":"))}


async def main(commands: socket.socket, people: int) -> None:
    layer = get_channel_layer()
    own = [(f"person_{number}", said.notification(number)) for number in range(people)]

    async def announce() -> None:
        await layer.group_send("everybody", ring(said.announcement()))

    async def tell() -> None:
        for start in range(0, len(own), AT_ONCE):
            some = own[start : start + AT_ONCE]
            await asyncio.gather(*(layer.group_send(group, ring(message)) for group, message in some))

    await obey(commands, {said.ANNOUNCE: announce, said.TELL: tell})


if __name__ == "__main__":
    asyncio.run(main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])))
