"""Past events are read page by page, each once, and those of one transaction together."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import AsyncConnection

from daemon.replay import run
from daemon.replay.run import Span

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[AsyncConnection]:
    async with await AsyncConnection.connect(database, autocommit=True) as made:
        yield made


async def pages(connection: AsyncConnection, since: float, until: float) -> list[list[int]]:
    async with connection.cursor() as cursor:
        found = run._pages(cursor, Span(at(since), at(until)), lambda _, __: None)
        return [[past.id for past in page] async for page in found]


async def events(connection: AsyncConnection, *minutes: float, first: int = 10) -> None:
    """One for each, with every third id: the planner gives ids in blocks."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO orderbell.event (id, name, subject, watch, key, data, captured_at, planned_at)"
            " VALUES (%s, 'order.ready', 'order:7', 'orders', '7', '{}', %s, %s)",
            [(first + 3 * n, at(each), at(each)) for n, each in enumerate(minutes)],
        )


async def test_without_events_there_is_no_page(connection: AsyncConnection) -> None:
    assert await pages(connection, 0, 60) == []


async def test_a_span_begins_with_its_first_event_and_ends_before_its_end(connection: AsyncConnection) -> None:
    await events(connection, 0, 1, 2, 3, 4)
    assert await pages(connection, 1, 4) == [[13, 16, 19]]
    assert await pages(connection, 5, 9) == []
    assert await pages(connection, -9, -5) == []


async def test_one_transaction_is_not_cut_by_the_end_of_a_page(
    connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "PAGE", 3)
    await events(connection, 0, 1, 2, 2, 2, 3, 4)
    assert await pages(connection, 0, 60) == [[10, 13], [16, 19, 22], [25, 28]]


async def test_a_transaction_larger_than_a_page_is_read_in_pages(
    connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "PAGE", 2)
    await events(connection, 1, 1, 1, 1, 1)
    assert await pages(connection, 0, 60) == [[10, 13], [16, 19], [22]]


async def test_the_session_can_write_nothing(database: str) -> None:
    options = " ".join(f"-c {name}={value}" for name, value in run.SESSION.items())
    async with await AsyncConnection.connect(database, autocommit=True, options=options) as made:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await made.execute("DELETE FROM orderbell.event")
