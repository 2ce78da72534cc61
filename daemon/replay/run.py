"""Reads past events page by page and plans each of them twice. Reads only, and never for long."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from daemon.planning.values import Event
from daemon.replay.difference import Summary
from daemon.replay.portions import Portion, portions
from daemon.replay.side import Looked, Side
from daemon.replay.twice import Twice
from daemon.replay.values import Ask, Failure, Given, Past
from daemon.store.planner import Planning
from daemon.store.published import Published
from schema.queries import statements

SQL = statements("replay")

PAGE = 1_000
"""Events that are read at once."""

SESSION = {"default_transaction_read_only": "on", "lock_timeout": "500ms", "statement_timeout": "10s"}
"""Of the connection: it can write nothing, and neither waits for the application nor keeps it waiting."""

Progress = Callable[[int, int], None]
"""(done, of so many)"""


@dataclass(frozen=True, slots=True)
class Span:
    """From ``since`` on, and before ``until``."""

    since: datetime
    until: datetime


async def replay(
    connection: AsyncConnection[TupleRow],
    before: Planning,
    after: Planning,
    span: Span,
    ask: Ask,
    progress: Progress = lambda _, __: None,
) -> Summary:
    """What is different by the rules of ``after``. ``connection`` is in autocommit. Raises psycopg.OperationalError."""
    async with connection.cursor() as cursor:
        published = Published()
        await published.look(cursor)
        before, after = _with(published, before), _with(published, after)
        summary = Summary(ask)
        work = _Work(Twice(before.policy, after.policy, summary), summary, Side(before, cursor), Side(after, cursor))
        async for page in _pages(cursor, span, progress):
            await work.take(page)
        work.twice.finish()
    if work.twice.full:
        summary.notes.append("more messages waited at a time than are followed: some count as told when they were due")
    return summary


def _with(published: Published, planning: Planning) -> Planning:
    """With the templates that staff have published over its words."""
    policy = planning.policy
    return replace(planning, policy=replace(policy, catalogue=published.over(policy.catalogue)))


# --- the events -----------------------------------------------------------------------------------------------------


async def _pages(cursor: AsyncCursor[TupleRow], span: Span, progress: Progress) -> AsyncIterator[list[Past]]:
    """The events of ``span``; those of one transaction are in one page, where they fit."""
    await cursor.execute(SQL["bounds"])
    lowest, highest = await cursor.fetchone() or (None, None)
    if lowest is None or highest is None:
        return
    first = at = await _first_since(cursor, span.since, lowest, highest + 1)
    end = await _first_since(cursor, span.until, first, highest + 1)
    while at < end:
        await cursor.execute(SQL["page"], {"first": at, "end": end, "limit": PAGE})
        page = [_past(row) for row in await cursor.fetchall()]
        if len(page) == PAGE and page[0].now != page[-1].now:
            last = page[-1].now
            while page[-1].now == last:
                page.pop()
        elif len(page) < PAGE:
            at = end
        if page and at < end:
            at = page[-1].id + 1
        # A clock that was set back may have put some out of order.
        yield [past for past in page if span.since <= past.now < span.until]
        progress(at - first, end - first)


async def _first_since(cursor: AsyncCursor[TupleRow], moment: datetime, low: int, end: int) -> int:
    """The id of the first event that was planned at ``moment`` or later; ``end`` where there is none."""
    while low < end:
        middle = (low + end) // 2
        await cursor.execute(SQL["event_at"], {"id": middle})
        row = await cursor.fetchone()
        if row is None or row[1] >= moment:
            end = middle
        else:
            low = row[0] + 1
    return end


def _past(row: Sequence[Any]) -> Past:
    id_, name, subject, watch, key, label, data, captured_at, planned_at, idempotency_key = row
    event = Event(name, subject, watch, key, label, data, captured_at, idempotency_key)
    return Past(id_, event, planned_at)


# --- a page ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Work:
    """Looks up what both sides need, and has it planned."""

    twice: Twice
    summary: Summary
    before: Side
    after: Side

    async def take(self, page: Sequence[Past]) -> None:
        if not page:
            return
        looked = await self.before.look(page), await self.after.look(page)
        for past in page:
            self.summary.begin(past)
        sound = self._sound(page, looked)
        kept = [page[index] for index in sound]
        before, after = ([each.audiences[index] for index in sound] for each in looked)
        place = {index: position for position, index in enumerate(sound)}
        failing = [{(place[n], a, s) for n, a, s in each.failing if n in place} for each in looked]
        for portion in portions(before, after):
            pasts = kept[portion.first : portion.first + portion.count]
            given = [
                await self._given(side, number, portion, failing[number], pasts)
                for number, side in enumerate((self.before, self.after))
            ]
            if given[0] is not None and given[1] is not None:
                self.twice.add(pasts, given[0], given[1])

    def _sound(self, page: Sequence[Past], looked: Sequence[Looked]) -> list[int]:
        """Indexes of those that both sides can plan; the others cannot be compared."""
        for side, each in enumerate(looked):
            for index, error in each.errors.items():
                self.summary.fail(Failure(side, page[index], error))
        return [index for index in range(len(page)) if not any(index in each.errors for each in looked)]

    async def _given(
        self, side: Side, number: int, portion: Portion, failing: set[tuple[int, str, int]], pasts: Sequence[Past]
    ) -> Given | None:
        audiences, mentioned = portion.audiences[number], portion.mentioned[number]
        own = {(n - portion.first, a, s) for n, a, s in failing if 0 <= n - portion.first < portion.count}
        known = await side.known([*audiences, mentioned or {}], own)
        if isinstance(known, str):
            for past in pasts:
                self.summary.fail(Failure(number, past, known))
            return None
        return Given(audiences, known, mentioned)
