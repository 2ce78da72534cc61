"""A clock that stands still until it is told to go on."""

from datetime import UTC, datetime, timedelta

import pytest

from dispatchers.failover import Clock
from tests.unit.dispatchers.conftest import move_on

__all__ = ["move_on"]

BEGAN = datetime.now(UTC)


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
