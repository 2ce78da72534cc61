"""The slot is lost: it is made anew, and whoever was never told an order's present status is told exactly that."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from tests.conftest import drop_database, new_database
from tests.integration.capture.house import House

SECONDS = 30.0
STATUSES = ("pending", "confirmed", "preparing", "ready", "picked_up", "in_transit", "delivered")


@pytest.fixture
def any_empty_database(preparing_server: str) -> Iterator[str]:
    """On a server of our own: how much of its log it keeps is changed here."""
    url = new_database(preparing_server)
    yield url
    drop_database(preparing_server, url)


@pytest.fixture
async def house(any_empty_database: str) -> AsyncIterator[House]:
    made = House(any_empty_database)
    yield made
    await made.close()


async def test_after_the_slot_was_dropped_exactly_the_newest_status_is_told(house: House) -> None:
    house.begin()
    house.place(5)
    house.advance(3, "confirmed")
    await house.planned(3, "confirmed")
    await house.planned(5, "pending")
    await house.end()
    before = len(house.events())
    house.advance(1, "confirmed", "preparing", "ready")
    house.advance(2, "confirmed")
    house.app.execute("UPDATE orders SET note = 'nothing that anybody is told of' WHERE id IN (3, 4)")
    house.app.execute("DELETE FROM orders WHERE id = 5")
    house.place(1)
    house.drop_slot()
    house.begin()
    await house.planned(6, "pending")
    await house.planned(1, "ready")
    house.advance(4, "confirmed")
    await house.planned(4, "confirmed")
    assert sorted(house.events()[before:]) == [
        ("1", "order.ready"),
        ("2", "order.confirmed"),
        ("4", "order.confirmed"),
        ("6", "order.created"),
    ]


async def test_a_change_that_waits_when_the_slot_is_lost_is_not_told_again(house: House) -> None:
    house.begin()
    house.place(2)
    await house.planned(2, "pending")
    house.advance(1, "confirmed")
    async with asyncio.timeout(SECONDS):
        while house.app.execute("SELECT count(*) FROM orderbell.change").fetchone() != (1,):
            await asyncio.sleep(0.01)
    await house.end()
    house.drop_slot()
    house.begin()
    house.advance(2, "confirmed")
    await house.planned(2, "confirmed")
    assert sorted(house.events()) == [
        ("1", "order.confirmed"),
        ("1", "order.created"),
        ("2", "order.confirmed"),
        ("2", "order.created"),
    ]


@pytest.fixture
def little_is_kept(preparing_server: str) -> Iterator[None]:
    """The server keeps two segments of its log for slots."""
    with psycopg.connect(preparing_server, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'")
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute("SHOW max_slot_wal_keep_size").fetchone() != ("32MB",):
            time.sleep(0.01)
        yield
        connection.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
        connection.execute("SELECT pg_reload_conf()")


async def test_a_slot_that_the_server_gave_up_is_made_anew(house: House, little_is_kept: None) -> None:
    house.begin()
    house.place(2)
    await house.planned(2, "pending")
    await house.end()
    house.advance(1, "confirmed", "preparing")
    status = "SELECT wal_status FROM pg_replication_slots WHERE database = current_database()"
    while house.app.execute(status).fetchone() != ("lost",):
        for _ in range(6):
            house.app.execute("SELECT pg_logical_emit_message(false, 'tests', 'x')")
            house.app.execute("SELECT pg_switch_wal()")
        house.app.execute("CHECKPOINT")
    house.begin()
    await house.planned(1, "preparing")
    house.advance(2, "confirmed")
    await house.planned(2, "confirmed")
    assert house.events()[2:] == [("1", "order.preparing"), ("2", "order.confirmed")]


async def test_whenever_the_slot_is_lost_under_writers_the_newest_status_is_told(house: House) -> None:
    """Twice, while orders are written: each ends told of what it is, never of the same twice."""
    dice = random.Random(5)
    house.begin()
    house.place(12)
    house.begin_to_plan()

    async def write(orders: range) -> None:
        async with await psycopg.AsyncConnection.connect(house.bench.url, autocommit=True) as connection:
            waiting = dict.fromkeys(orders, 1)
            while waiting:
                order = dice.choice(list(waiting))
                await connection.execute(
                    "UPDATE orders SET status = %s WHERE id = %s", (STATUSES[waiting[order]], order)
                )
                waiting[order] += 1
                if waiting[order] == len(STATUSES):
                    del waiting[order]
                await asyncio.sleep(dice.uniform(0, 0.1))

    writers = [asyncio.create_task(write(range(first, first + 4))) for first in (1, 5, 9)]
    for _ in range(2):
        await asyncio.sleep(0.3)
        await house.end()
        await asyncio.sleep(0.2)
        house.drop_slot()
        house.begin()
    await asyncio.gather(*writers)
    for order in range(1, 13):
        await house.planned(order, "delivered")
    told = house.events()
    assert len(told) == len(set(told)), "nothing twice"
    newest = dict(told)
    assert newest == {str(order): "order.delivered" for order in range(1, 13)}
    for order in range(1, 13):
        names = [name for key, name in told if key == str(order)]
        ranks = [0 if name == "order.created" else STATUSES.index(name.removeprefix("order.")) for name in names]
        assert ranks == sorted(ranks), "never backwards"
