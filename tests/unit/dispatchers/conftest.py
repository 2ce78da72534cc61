"""Clocks in the test's hands."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from dispatchers.failover import Clock

BEGAN = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)


MoveOn = Callable[[float], None]
"""So many seconds."""


class Hands:
    """The time, in the test's hands; sleeping moves it on."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []
        self.clock = Clock(self.utc, lambda: self.seconds, self.sleep)

    def utc(self) -> datetime:
        return BEGAN + timedelta(seconds=self.seconds - 1000.0)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def move_on(monkeypatch: pytest.MonkeyPatch) -> MoveOn:
    """Moves the clock of the running loop on: a patience that ends meanwhile ends at once."""

    def move_on(seconds: float) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time
        monkeypatch.setattr(loop, "time", lambda: before() + seconds)

    return move_on
