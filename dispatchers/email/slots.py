"""The right to a connection: a semaphore whose waiters have so much patience and no more."""

import asyncio
from collections import deque
from types import TracebackType
from typing import NamedTuple

from dispatchers.email.reply import Broken, Stage


class _Waiter(NamedTuple):
    turn: asyncio.Future[None]
    until: float
    """On the event loop's clock."""


class Slots:
    """``count`` of them, held with ``async with``; first come, first served.

    All have the same patience, so who came first loses it first: one timer does for all of them.
    """

    def __init__(self, count: int, patience_seconds: float) -> None:
        self._free = count
        """More than none only while nobody waits."""
        self._patience_seconds = patience_seconds
        self._waiting: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        """Wait for one.

        Raises:
            Broken: at ``Stage.CONNECT``; none became free in time.
        """
        if self._free:
            self._free -= 1
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(_Waiter(turn, loop.time() + self._patience_seconds))
        if self._timer is None:
            self._timer = loop.call_at(self._waiting[0].until, self._look)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on()  # it came together with the cancellation
            raise
        except TimeoutError as error:
            raise Broken(Stage.CONNECT) from error

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft().turn
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _look(self) -> None:
        """Tell those whose patience is over, and come back for the next."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._waiting and (self._waiting[0].turn.done() or self._waiting[0].until <= now):
            turn = self._waiting.popleft().turn
            if not turn.done():
                turn.set_exception(TimeoutError("all connections are busy"))
        self._timer = loop.call_at(self._waiting[0].until, self._look) if self._waiting else None
