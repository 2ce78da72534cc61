"""Two-phase commit: PREPARE TRANSACTION fails after a NOTIFY, so that no trigger may ring where it is possible."""

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row

from config import Settings
from config.settings import Capture, Database
from daemon.capture.doorbell import Doorbell
from daemon.connections import Connections
from schema import locks
from schema.inspection import prepares_transactions
from schema.install import SILENT, install
from tests.integration.capture.test_doorbell import Drained

Shop = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def shop(preparing_server: str) -> Iterator[Shop]:
    with psycopg.connect(preparing_server, autocommit=True, row_factory=tuple_row) as connection:
        connection.execute("DROP SCHEMA IF EXISTS orderbell CASCADE; DROP TABLE IF EXISTS orders")
        connection.execute("CREATE TABLE orders (id bigint PRIMARY KEY, status text, note text)")
        yield connection


def watched(url: str, *columns: str) -> Settings:
    return Settings.model_validate({"database": {"url": url}, "watch": [{"table": "orders", "columns": columns}]})


def test_a_transaction_is_prepared_though_the_daemon_sleeps(shop: Shop, preparing_server: str) -> None:
    install(watched(preparing_server))
    with psycopg.connect(preparing_server, autocommit=True) as daemon:
        daemon.execute("SELECT pg_advisory_lock(%s, %s)", (locks.CLASS, locks.GATE))
        shop.execute("BEGIN; INSERT INTO orders VALUES (1, 'pending'); PREPARE TRANSACTION 'one'")
        shop.execute("COMMIT PREPARED 'one'")
    assert shop.execute("SELECT key FROM orderbell.change").fetchall() == [("1",)]


def test_a_transaction_is_prepared_though_its_rows_had_to_be_kept_whole(shop: Shop, preparing_server: str) -> None:
    install(watched(preparing_server, "note"))
    shop.execute("ALTER TABLE orders DROP COLUMN note")
    shop.execute("BEGIN; INSERT INTO orders VALUES (1, 'pending'); PREPARE TRANSACTION 'two'")
    shop.execute("COMMIT PREPARED 'two'")
    assert shop.execute("SELECT op FROM orderbell.change").fetchall() == [("rows",)]


def test_a_prepared_transaction_holds_no_lock_of_ours(shop: Shop, preparing_server: str) -> None:
    """It may stay for days; the gate is not to be taken all that time."""
    install(watched(preparing_server))
    shop.execute("BEGIN; INSERT INTO orders VALUES (1, 'pending'); PREPARE TRANSACTION 'three'")
    try:
        # Of a prepared transaction: it has no process any more.
        ours = "SELECT locktype FROM pg_locks WHERE pid IS NULL"
        assert ("advisory",) not in (held := shop.execute(ours).fetchall())
        assert held, "it holds what it wrote"
    finally:
        shop.execute("ROLLBACK PREPARED 'three'")
    assert shop.execute("SELECT count(*) FROM orderbell.change").fetchone() == (0,)


def test_installing_says_in_one_line_that_nobody_rings(shop: Shop, preparing_server: str) -> None:
    heard: list[str] = []
    install(watched(preparing_server), heard.append)
    assert heard[-1] == SILENT
    assert prepares_transactions(shop)
    heard.clear()
    assert install(watched(preparing_server), heard.append) == []
    assert heard == []


async def test_the_daemon_looks_by_itself_where_nobody_rings(preparing_server: str, shop: Shop) -> None:
    install(watched(preparing_server))
    connections = Connections(Database.model_validate({"url": preparing_server}))
    doorbell = Doorbell(connections.open, Capture(safety_poll_seconds=0))
    drained, live = Drained(), asyncio.Event()
    drained.connection = await connections.open("test drain")
    task = asyncio.create_task(doorbell.run(drained, live.set, [drained.connection]))
    try:
        await live.wait()
        for number in range(3):
            shop.execute("INSERT INTO orders VALUES (%s, 'pending')", (number,))
            await drained.until(lambda number=number: len(drained.keys) == number + 1)  # type: ignore[misc]
        assert not doorbell.asleep.is_set()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await drained.connection.close()
