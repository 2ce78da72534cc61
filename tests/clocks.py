"""Clocks in the test's hands."""

from collections.abc import Callable
from datetime import datetime, timedelta

from dispatchers.failover import Clock

MoveOn = Callable[[float], None]
"""So many seconds."""


class Hands:
    """The time, in the test's hands; sleeping moves it on."""

    def __init__(self, began: datetime) -> None:
        self._began = began
        self.seconds = 1000.0
        self.slept: list[float] = []
        self.clock = Clock(self.utc, lambda: self.seconds, self.sleep)

    def utc(self) -> datetime:
        return self._began + timedelta(seconds=self.seconds - 1000.0)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
