"""What the log does not say: a status before, a large value, a copy of the database; and marks in a log that rests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.integration.capture.house import House

SECONDS = 30.0


@pytest.fixture
async def house(any_empty_database: str) -> AsyncIterator[House]:
    made = House(any_empty_database)
    yield made
    await made.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


def one(house: House, query: str) -> Any:
    row = house.app.execute(query.encode()).fetchone()
    return row[0] if row is not None else None


async def test_an_identity_that_is_taken_away_makes_nobody_told_twice_or_of_old_orders(house: House) -> None:
    house.begin()
    house.place(2)
    await house.planned(2, "pending")
    house.app.execute("INSERT INTO orderbell.change_failed (id, error) VALUES (1000000, 'another one')")
    house.app.execute("DELETE FROM orderbell.event WHERE key = '2'")  # as of an order from before we came
    house.app.execute("ALTER TABLE orders REPLICA IDENTITY DEFAULT")
    house.app.execute("UPDATE orders SET note = 'touched'")
    house.advance(1, "confirmed")
    await house.planned(1, "confirmed")
    house.app.execute("UPDATE orders SET note = 'touched again' WHERE id = 1")
    house.advance(1, "preparing")
    await house.planned(1, "preparing")
    assert house.events() == [("1", "order.created"), ("1", "order.confirmed"), ("1", "order.preparing")]
    ((key, error),) = house.app.execute("SELECT key, error FROM orderbell.change_failed WHERE id < 1000000").fetchall()
    assert key == "2"
    assert "ALTER TABLE orders REPLICA IDENTITY FULL" in error


async def test_a_large_value_that_the_log_does_not_repeat_is_read_from_the_table(house: House) -> None:
    house.app.execute("ALTER TABLE orders ALTER status SET NOT NULL")
    house.app.execute("CREATE UNIQUE INDEX orders_told ON orders (id, status)")
    house.app.execute("ALTER TABLE orders ALTER note SET STORAGE EXTERNAL, REPLICA IDENTITY USING INDEX orders_told")
    note = 'it\'s "large" \\ and\nfar away é ' * 1_000
    house.begin()
    house.app.execute("INSERT INTO orders (status, customer_id, vendor_id, note) VALUES ('pending', 1, 2, %s)", (note,))
    house.advance(1, "confirmed")
    await until(lambda: one(house, "SELECT count(*) FROM orderbell.change") == 2)
    rows = house.app.execute("SELECT old, new FROM orderbell.change ORDER BY id").fetchall()
    assert rows[0][1]["note"] == note
    assert rows[1][1] == rows[0][1] | {"status": "confirmed"}
    assert rows[1][0]["status"] == "pending"


async def test_a_copy_of_the_database_tells_nobody(house: House) -> None:
    house.drop_slot()
    house.app.execute("UPDATE orderbell.change_log SET system_identifier = '1'")
    house.place(1)
    house.begin()
    await until(lambda: "copy" in (house.reader.trouble or ""))
    assert one(house, "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()") == 0
    assert one(house, "SELECT count(*) FROM orderbell.change") == 0


async def test_more_unknown_rows_than_the_limit_are_set_aside_and_told_when_asked(house: House) -> None:
    house.configure(capture={"source": "wal", "heartbeat_seconds": 0.2, "unknown_rows_limit": 5})
    house.begin()
    house.place(3)
    await house.planned(3, "pending")
    await house.end()
    house.drop_slot()
    house.advance(1, "confirmed")
    house.place(6)
    house.begin()
    await house.planned(1, "confirmed")
    await house.bench.plan()
    assert one(house, "SELECT count(*) FROM orderbell.change_failed WHERE error LIKE '%more than 5 rows%'") == 6
    assert len(house.events()) == 4
    house.app.execute(
        "INSERT INTO orderbell.change (watch, op, key, old, new, captured_at)"
        " SELECT watch, 'update', key, old, new, captured_at FROM orderbell.change_failed"
    )
    await house.planned(9, "pending")


async def test_the_slot_follows_while_the_watched_tables_rest_and_others_are_written(house: House) -> None:
    house.begin()
    await house.reader_is_live()
    house.app.execute("CREATE TABLE busy AS SELECT n, repeat('x', 500) AS t FROM generate_series(1, 20000) n")
    behind = (
        "SELECT (pg_current_wal_lsn() - confirmed_flush_lsn)::bigint FROM pg_replication_slots"
        " WHERE database = current_database()"
    )
    assert one(house, "SELECT count(*) FROM orderbell.change") == 0
    await until(lambda: one(house, behind) < 100_000)
    horizon = one(house, "SELECT horizon::text::bigint FROM orderbell.change_log")
    house.app.execute("CREATE TABLE busier AS SELECT n, repeat('x', 500) AS t FROM generate_series(1, 2000) n")
    await until(lambda: one(house, "SELECT horizon::text::bigint FROM orderbell.change_log") > horizon)


async def test_where_nothing_is_written_no_marks_are_written_either(house: House) -> None:
    house.begin()
    await house.reader_is_live()
    written = "SELECT pg_current_wal_insert_lsn()::text"
    async with asyncio.timeout(SECONDS):
        before = None
        while (now := one(house, written)) != before:  # ends only where five heartbeats leave nothing behind
            before = now
            await asyncio.sleep(1.0)


async def test_a_publication_that_was_missing_is_made_again_and_what_was_missed_is_told(house: House) -> None:
    house.begin()
    house.place(2)
    await house.planned(2, "pending")
    house.app.execute("DROP PUBLICATION orderbell")
    house.advance(1, "confirmed")
    await asyncio.sleep(1.0)
    await house.install()
    house.advance(2, "confirmed")
    await house.planned(2, "confirmed")
    await house.planned(1, "confirmed")
    assert sorted(house.events()) == sorted(
        (str(key), f"order.{name}") for key in (1, 2) for name in ("created", "confirmed")
    )
