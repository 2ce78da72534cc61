"""What one set of rules asks the tables, as they are today."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from daemon.planning.known import Audiences, Failing, Known
from daemon.replay.values import Past
from daemon.store.planner import Planning
from daemon.store.reading import said

LOCKED_SECONDS = 0.2
"""Before tables are read again after one of them was locked."""

LOCKED_AT_MOST = 60
"""So often."""

SLOW_AT_MOST = 3
"""Events whose queries were cancelled for taking too long; then it is enough."""

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Looked:
    """For each event its audiences, or why they cannot be found."""

    audiences: list[dict[str, Sequence[str]]] = field(default_factory=list)
    failing: set[tuple[int, str, int]] = field(default_factory=set)
    errors: dict[int, str] = field(default_factory=dict)
    """Index of the event -> why."""


class Side:
    """One set of rules on one connection."""

    def __init__(self, planning: Planning, cursor: AsyncCursor[TupleRow]) -> None:
        self._planning = planning
        self._cursor = cursor
        self._slow = 0

    async def look(self, pasts: Sequence[Past]) -> Looked:
        """Who is told of each; where that fails for all of them, of each by itself. Raises psycopg.OperationalError."""
        try:
            audiences, failing = await _patiently(lambda: self._look(pasts))
            return Looked([dict(told) for told in audiences], set(failing))
        except Exception as error:  # whatever one event makes fail, the others go on
            if _is_away(error):
                raise
        looked = Looked()
        for index, past in enumerate(pasts):
            try:
                audiences, failing = await _patiently(lambda past=past: self._look([past]))  # type: ignore[misc]
                looked.audiences += [dict(told) for told in audiences]
                looked.failing |= {(index, audience, step) for _, audience, step in failing}
            except Exception as error:  # noqa: BLE001 - as above
                looked.audiences.append({})
                looked.errors[index] = self._said(error)
        return looked

    async def known(self, audiences: Audiences, failing: Failing) -> Known | str:
        """What there is to know of these people, or why that cannot be found. Raises psycopg.OperationalError."""
        p = self._planning
        try:
            return await _patiently(lambda: p.lookup.known(self._cursor, audiences, p.policy, failing))
        except Exception as error:  # noqa: BLE001 - raised again where it is not about these people
            return self._said(error)

    async def _look(self, pasts: Sequence[Past]) -> tuple[Audiences, Failing]:
        p, events = self._planning, [past.event for past in pasts]
        audiences = await p.lookup.audiences(self._cursor, events, p.policy)
        return audiences, await p.lookup.failing(self._cursor, events, p.policy, p.watches)

    def _said(self, error: Exception) -> str:
        """An error in one line. Raises it again where more of the same would only be a burden, or in vain."""
        self._slow += isinstance(error, psycopg.errors.QueryCanceled)
        if _is_away(error) or self._slow >= SLOW_AT_MOST:
            raise error
        return said(error)


async def _patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The application comes first: where it has locked one of its tables, that is asked again later."""
    for _ in range(LOCKED_AT_MOST):
        try:
            return await ask()
        except psycopg.errors.LockNotAvailable:
            await asyncio.sleep(LOCKED_SECONDS)
    return await ask()


def _is_away(error: Exception) -> bool:
    """Whether the database failed us, and not the event that it was asked about."""
    kinds = (psycopg.OperationalError, psycopg.InterfaceError)
    return isinstance(error, kinds) and not isinstance(error, psycopg.errors.QueryCanceled)
