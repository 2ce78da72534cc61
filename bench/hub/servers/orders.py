"""How a server takes its commands. Also in the peers' own environment: standard library only."""

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping


def ready_for_measuring() -> None:
    """SIGUSR1 collects garbage: what is measured afterwards is in use."""
    signal.signal(signal.SIGUSR1, lambda *_: gc.collect())


async def obey(commands: socket.socket, work: Mapping[bytes, Callable[[], Awaitable[None]]]) -> None:
    """Do what each byte stands for, one after the other, until the other side closes."""
    commands.setblocking(False)
    loop = asyncio.get_running_loop()
    while given := await loop.sock_recv(commands, 64):
        for code in given:
            await work[bytes((code,))]()
