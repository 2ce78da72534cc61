"""The change log's reader ends at any moment, in any way: nothing is lost, and nothing is captured twice."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import tuple_row

from config import Settings
from daemon.capture.changelog.reader import ChangeLog, ReaderState
from daemon.connections import Connections
from schema.install import install
from tests.chaos.wire import Mood, Wire
from tests.sources import ended

READER = "orderbell change log"
SECONDS = 60.0

Shop = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def shop(any_empty_database: str) -> Iterator[Shop]:
    with psycopg.connect(any_empty_database, autocommit=True, row_factory=tuple_row) as connection:
        connection.execute("CREATE TABLE orders (id bigint PRIMARY KEY, status text)")
        connection.execute("ALTER TABLE orders REPLICA IDENTITY FULL")
        connection.execute("INSERT INTO orders SELECT n, '0' FROM generate_series(1, 20) n")
        install(settings_of(any_empty_database))
        yield connection


def settings_of(url: str) -> Settings:
    capture = {"source": "wal", "heartbeat_seconds": 0.5}
    return Settings.model_validate(
        {
            "database": {"url": url, "connect_timeout_seconds": 2},
            "capture": capture,
            "watch": [{"table": "orders"}],
        }
    )


def reader_of(url: str) -> ChangeLog:
    settings = settings_of(url)
    return ChangeLog(Connections(settings.database), settings)


class Writers:
    """Applications that count on: the newest status of an order is how often it was written."""

    def __init__(self, url: str, seed: int) -> None:
        self.committed: Counter[str] = Counter()
        self._url = url
        self._dice = random.Random(seed)
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._write()) for _ in range(4)]

    async def _write(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url) as connection:
            while not self._stop.is_set():
                keys = sorted(self._dice.sample(range(1, 21), self._dice.choice([1, 1, 1, 5])))
                for key in keys:
                    await connection.execute("UPDATE orders SET status = (status::int + 1)::text WHERE id = %s", (key,))
                if self._dice.random() < 0.1:
                    await connection.rollback()
                else:
                    await connection.commit()
                    self.committed.update(map(str, keys))
                await asyncio.sleep(self._dice.uniform(0, 0.004))

    async def end(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


class Drained:
    """What was taken out of ``orderbell.change``, by key and in order."""

    def __init__(self, url: str) -> None:
        self.statuses: dict[str, list[int]] = {}
        self._url = url
        self._task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            while True:
                cursor = await connection.execute("DELETE FROM orderbell.change RETURNING id, key, new->>'status'")
                for _, key, status in sorted(await cursor.fetchall()):
                    self.statuses.setdefault(key, []).append(int(status))
                await asyncio.sleep(0.01)

    async def until(self, committed: Counter[str]) -> None:
        """Until as much has come as was committed; then a moment longer, for what must not come."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                while sum(map(len, self.statuses.values())) < committed.total():
                    self._task.done() and self._task.result()
                    await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def wire(any_empty_database: str) -> AsyncIterator[Wire]:
    server = conninfo_to_dict(any_empty_database)
    host, port = str(server["host"]), server.get("port") or "5432"
    made = Wire("database", Path(host) / f".s.PGSQL.{port}" if host.startswith("/") else int(port), random.Random(3))
    await made.start()
    yield made
    await made.stop()


def through(wire: Wire, url: str) -> str:
    return make_conninfo(url, host="127.0.0.1", port=wire.port)


async def _cancel_and_begin_anew(task: asyncio.Task[None], url: str, shop: Shop) -> asyncio.Task[None]:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return asyncio.create_task(reader_of(url).run())


async def _terminate(task: asyncio.Task[None], url: str, shop: Shop) -> asyncio.Task[None]:
    """One of the reader's connections, whatever that is for."""
    names = shop.execute(
        "SELECT DISTINCT application_name FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'orderbell change log%'"
    ).fetchall()
    ((name,), *_) = random.choices(names or [(READER,)])
    shop.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = %s",
        (name,),
    )
    return task


@pytest.mark.parametrize("end", [_cancel_and_begin_anew, _terminate])
async def test_nothing_is_lost_or_repeated_when_the_reader_ends_at_any_moment(
    shop: Shop, any_empty_database: str, end: Any
) -> None:
    dice = random.Random(11)
    task = asyncio.create_task(reader_of(any_empty_database).run())
    drained, writers = Drained(any_empty_database), Writers(any_empty_database, 12)
    for _ in range(8):
        await asyncio.sleep(dice.uniform(0, 0.5))
        task = await end(task, any_empty_database, shop)
    await writers.end()
    await drained.until(writers.committed)
    await ended(task, shop)
    assert drained.statuses == {key: list(range(1, count + 1)) for key, count in writers.committed.items()}


async def test_nothing_is_lost_or_repeated_while_the_wire_is_cut(
    shop: Shop, any_empty_database: str, wire: Wire
) -> None:
    task = asyncio.create_task(reader_of(through(wire, any_empty_database)).run())
    drained, writers = Drained(any_empty_database), Writers(any_empty_database, 13)
    moods = [Mood.SEVER_REQUEST, Mood.SEVER_ANSWER, Mood.REFUSE, Mood.DEAF, Mood.BLACK_HOLE, Mood.SEVER_ANSWER]
    for mood in moods:
        await asyncio.sleep(0.3)
        wire.misbehave(mood)
        async with asyncio.timeout(SECONDS):
            await wire.cut_at_work.wait()
        await asyncio.sleep(0.1)
        await wire.heal()
    await writers.end()
    await drained.until(writers.committed)
    await ended(task, shop)
    assert drained.statuses == {key: list(range(1, count + 1)) for key, count in writers.committed.items()}


async def test_a_second_reader_stands_by_and_takes_over(shop: Shop, any_empty_database: str) -> None:
    first, second = reader_of(any_empty_database), reader_of(any_empty_database)
    reading = asyncio.create_task(first.run())
    await until(lambda: first.state is ReaderState.READING)
    standing_by = asyncio.create_task(second.run())
    await until(lambda: second.state is ReaderState.STANDBY)
    shop.execute("UPDATE orders SET status = '1'")
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    shop.execute("UPDATE orders SET status = '2'")
    await until(lambda: second.state is ReaderState.READING)
    await until(lambda: count(shop) >= 40)
    await ended(standing_by, shop)
    assert shop.execute("SELECT count(*), count(DISTINCT (key, new->>'status')) FROM orderbell.change").fetchone() == (
        40,
        40,
    )


async def test_readers_that_take_turns_write_each_change_once(shop: Shop, any_empty_database: str) -> None:
    """Of three, whichever reads is cut off again and again; one that lost its office cannot write."""
    tasks = [asyncio.create_task(reader_of(any_empty_database).run()) for _ in range(3)]
    drained, writers = Drained(any_empty_database), Writers(any_empty_database, 14)
    for _ in range(6):
        await asyncio.sleep(0.2)
        shop.execute(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()"
            " AND a.application_name = %s",
            (READER,),
        )
    await writers.end()
    await drained.until(writers.committed)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await ended(tasks[0], shop)
    assert drained.statuses == {key: list(range(1, n + 1)) for key, n in writers.committed.items()}


async def until(condition: Any, seconds: float = SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def count(shop: Shop) -> int:
    ((found,),) = shop.execute("SELECT count(*) FROM orderbell.change").fetchall()
    return int(found)
