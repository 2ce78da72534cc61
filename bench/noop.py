"""Dispatchers that send nothing: what is left is all that Orderbell does itself.

A daemon whose PYTHONPATH has ``bench/installed`` on it finds them as it finds any channel's, by their entry points;
email's and webpush's own give no dispatcher, because the configuration has no provider for them.
"""

from collections.abc import Sequence

from config import Settings
from dispatchers.base import Delivery, Outcome, Sent

SENT = Sent("id", "noop")


class NoOp:
    """Takes batches, at once."""

    concurrency = 8
    batch_size = 100
    repeatable = True

    def __init__(self, channel: str) -> None:
        self.channel = channel

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def ping(self) -> None: ...

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        return [SENT] * len(batch)


def email(_: Settings) -> NoOp:
    """The channel's factory."""
    return NoOp("email")


def webpush(_: Settings) -> NoOp:
    """The channel's factory."""
    return NoOp("webpush")
