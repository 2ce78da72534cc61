"""Sandbox providers that are stopped and started again."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from demo.ports import port_of, reserved
from demo.sinks.push import PushSink
from demo.sinks.twilio import TwilioSink

Sink = TypeVar("Sink", PushSink, TwilioSink)


@asynccontextmanager
async def started(make: Callable[[int], Sink]) -> AsyncIterator[Sink]:
    """One on a port that stays its own while it is stopped."""
    with reserved() as held:
        sink = make(port_of(held))
        await sink.start()
        yield sink
        await sink.stop()
