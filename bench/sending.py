"""What a sender process does for :mod:`bench.rate`. Also in the peers' own environment: standard library only."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

WARM_UP = 50
"""Messages."""


async def keep_sending(send: Callable[[int], Awaitable[object]], seconds: float, at_once: int) -> None:
    """``send`` is given 0, 1, 2, ...; so many calls are under way at any time. Prints the line."""
    number = 0

    async def one_after_another(until: Callable[[], bool]) -> None:
        nonlocal number
        while until():
            number += 1
            await send(number - 1)

    await asyncio.gather(*(one_after_another(lambda: number < WARM_UP) for _ in range(at_once)))
    before, began, cpu = number, time.monotonic(), time.process_time()
    end = began + seconds
    await asyncio.gather(*(one_after_another(lambda: time.monotonic() < end) for _ in range(at_once)))
    tell(number - before, time.monotonic() - began, time.process_time() - cpu)


def keep_calling(send: Callable[[int], object], seconds: float) -> None:
    """The same, one after the other."""
    number = 0
    while number < WARM_UP // 5:
        send(number)
        number += 1
    before, began, cpu = number, time.monotonic(), time.process_time()
    while time.monotonic() < began + seconds:
        send(number)
        number += 1
    tell(number - before, time.monotonic() - began, time.process_time() - cpu)


def tell(count: int, seconds: float, cpu_seconds: float) -> None:
    """A sender's line."""
    print(json.dumps({"count": count, "seconds": seconds, "cpu_seconds": cpu_seconds}))
