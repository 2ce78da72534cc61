"""What could make the reader lose changes, tell them twice, or harm the application: each of these once did."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from daemon import metrics
from daemon.capture.changelog import reader
from daemon.capture.changelog.reader import ChangeLog, ReaderState
from daemon.connections import Connections
from tests.conftest import when_left
from tests.integration.capture.house import House
from tests.integration.store.conftest import settings_for
from tests.sources import ended

SECONDS = 30.0

WHOLE = "SELECT EXISTS (SELECT FROM orderbell.published WHERE relation = 0)"
MADE_AT = "SELECT made_at FROM orderbell.change_log"
HORIZON = "SELECT horizon::text::bigint FROM orderbell.change_log"
"""It moves when a mark has come back and the publication was looked at again: so it was looked at before."""


@pytest.fixture
async def house(any_empty_database: str) -> AsyncIterator[House]:
    made = House(any_empty_database)
    yield made
    await made.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


async def looked_at(house: House) -> None:
    """Until the publication was found whole, by a look that began after this."""
    before = one(house, HORIZON)
    house.place(1)
    await until(lambda: one(house, HORIZON) > before)


def one(house: House, query: str) -> Any:
    row = house.app.execute(query.encode()).fetchone()
    return row[0] if row is not None else None


async def test_a_copy_in_the_same_cluster_leaves_the_slot_alone(house: House, any_empty_database: str) -> None:
    name = str(conninfo_to_dict(any_empty_database)["dbname"])
    copy = f"{name}_copy"
    house.bench.close()
    house.app.close()
    with psycopg.connect(make_conninfo(any_empty_database, dbname="postgres"), autocommit=True) as server:
        create = SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(copy), Identifier(name))
        when_left(lambda: server.execute(create))  # who is copied has no guests
        try:
            house.app = psycopg.connect(any_empty_database, autocommit=True)
            house.begin()
            await house.reader_is_live()
            plain = house.settings.model_dump(exclude_unset=True)
            url = make_conninfo(any_empty_database, dbname=copy)
            theirs = type(house.settings).model_validate(plain | {"database": {"url": url}})
            of_the_copy = ChangeLog(Connections(theirs.database), theirs)
            task = asyncio.create_task(of_the_copy.run())
            await until(lambda: "copy" in (of_the_copy.trouble or ""))
            house.place(1)
            await until(lambda: one(house, "SELECT count(*) FROM orderbell.change") == 1)
            assert house.reader.state is ReaderState.READING
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        finally:
            server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(copy)))


async def test_a_slot_that_is_further_than_our_place_is_a_gap(house: House) -> None:
    """As on a standby that took over: its slot was synchronized, our last write had not arrived."""
    house.begin()
    house.place(2)
    await house.planned(2, "pending")
    await house.end()
    house.app.execute("UPDATE orderbell.change_log SET lsn = '0/1'")
    house.advance(1, "confirmed")
    before = one(house, "SELECT slot FROM orderbell.change_log")
    house.app.execute("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", (before,))
    house.begin()
    await house.planned(1, "confirmed")
    assert sorted(house.events()) == [("1", "order.confirmed"), ("1", "order.created"), ("2", "order.created")]


async def test_who_stands_by_keeps_no_dead_row_from_vacuum(house: House) -> None:
    house.begin()
    await house.reader_is_live()
    other = ChangeLog(Connections(house.settings.database), house.settings)
    task = asyncio.create_task(other.run())
    await until(lambda: other.state is ReaderState.STANDBY)
    held = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'orderbell change log'"
        " AND backend_xmin IS NOT NULL"
    )
    # A statement of a moment has a snapshot too: what waits for its turn in one has it for as long as it waits.
    await until(lambda: one(house, held) == 0)
    await house.leave()
    await until(lambda: other.state is ReaderState.READING)
    await ended(task, house.app)


async def test_a_mark_of_somebody_else_does_no_harm(house: House) -> None:
    house.begin()
    await house.reader_is_live()
    for content in ("[" * 100_000, "0" * 32 + " 999999999999 2026-11-21T12:00:00.000000Z", "switch"):
        house.app.execute("SELECT pg_logical_emit_message(false, 'orderbell', %s)", (content,))
        house.app.execute("SELECT pg_logical_emit_message(true, 'orderbell', %s)", (content,))
    before = one(house, HORIZON)
    house.place(1)
    await house.planned(1, "pending")
    await until(lambda: one(house, HORIZON) > before)
    assert one(house, HORIZON) < 999_999_999_999


async def test_a_table_that_is_called_otherwise_now_is_still_found_after_the_slot_was_lost(house: House) -> None:
    house.begin()
    house.place(1)
    await house.planned(1, "pending")
    await house.end()
    house.drop_slot()
    house.advance(1, "confirmed")
    house.app.execute("ALTER TABLE orders RENAME TO purchases")
    house.begin()
    await until(lambda: one(house, "SELECT count(*) FROM orderbell.change") == 1)
    assert one(house, "SELECT new ->> 'status' FROM orderbell.change") == "confirmed"


async def test_a_column_that_is_missing_keeps_the_gap_open_and_says_so(house: House) -> None:
    house.begin()
    house.place(1)
    await house.planned(1, "pending")
    await house.end()
    house.drop_slot()
    house.app.execute("ALTER TABLE orders RENAME COLUMN status TO phase")
    house.begin()
    await until(lambda: "orders has no status: mend [[watch]] orders" in (house.reader.trouble or ""))
    assert one(house, "SELECT gap FROM orderbell.change_log")


def made_by_hand(house: House) -> None:
    made = house.app.execute(
        "SELECT 'CREATE PUBLICATION orderbell FOR TABLE orders WITH (publish = ''insert, update, delete'','"
        " || ' publish_via_partition_root = true'"
        " || CASE WHEN current_setting('server_version_num')::int >= 180000"
        "         THEN ', publish_generated_columns = stored)' ELSE ')' END"
    ).fetchone()
    assert made is not None
    house.app.execute(made[0].encode())


async def test_a_publication_that_was_dropped_and_made_again_by_hand_is_a_gap(house: House) -> None:
    before = one(house, HORIZON)
    house.begin()
    house.place(2)
    await house.planned(2, "pending")
    await until(lambda: one(house, HORIZON) > before)  # it knows this publication from another one
    house.app.execute("DROP PUBLICATION orderbell")
    house.advance(1, "confirmed")
    await asyncio.sleep(0.6)  # looks at it go by
    made_by_hand(house)
    house.advance(2, "confirmed")
    await house.planned(1, "confirmed")
    await house.planned(2, "confirmed")
    assert len(house.events()) == 4


def taken_out(house: House) -> None:
    house.app.execute("ALTER PUBLICATION orderbell DROP TABLE orders")
    house.advance(1, "confirmed")
    house.app.execute("ALTER PUBLICATION orderbell ADD TABLE orders")


def dropped(house: House) -> None:
    house.app.execute("DROP PUBLICATION orderbell")
    house.advance(1, "confirmed")
    made_by_hand(house)


@pytest.mark.parametrize("what", [taken_out, dropped])
async def test_so_is_one_while_nobody_reads(house: House, what: Callable[[House], None]) -> None:
    house.begin()
    house.place(2)
    await house.planned(2, "pending")
    await until(lambda: one(house, WHOLE))
    await house.end()
    what(house)
    made = one(house, MADE_AT)
    house.begin()
    house.advance(2, "confirmed")
    await house.planned(1, "confirmed")
    await house.planned(2, "confirmed")
    assert len(house.events()) == 4
    await until(lambda: one(house, WHOLE))
    anew = one(house, MADE_AT)
    assert anew > made
    await house.end()
    house.begin()  # once is enough
    await looked_at(house)
    assert one(house, MADE_AT) == anew


async def test_installing_one_more_watch_or_one_less_while_it_is_read_is_none(house: House) -> None:
    house.app.execute("CREATE TABLE parcels (id int PRIMARY KEY, status text)")
    house.app.execute("ALTER TABLE parcels REPLICA IDENTITY FULL")
    watches = settings_for(house.url).model_dump(exclude_unset=True)["watch"]
    wrong = metrics.CHANGELOG_PROBLEMS.labels("publication")
    made = one(house, MADE_AT)
    house.begin()
    for watch in ([*watches, {"name": "parcels", "table": "parcels"}], watches):
        await looked_at(house)
        house.configure(capture={"source": "wal", "heartbeat_seconds": 0.2}, watch=watch)
        await house.install()
        await until(lambda: wrong._value.get() == 1)  # who reads knows of it with its next start
        await house.end()
        house.begin()
    await looked_at(house)
    assert one(house, MADE_AT) == made
    assert wrong._value.get() == 0


async def test_a_large_value_that_cannot_be_read_any_more_stops_nobody_elses_changes(house: House) -> None:
    house.app.execute("ALTER TABLE orders ALTER status SET NOT NULL")
    house.app.execute("CREATE UNIQUE INDEX orders_told ON orders (id, status)")
    house.app.execute("ALTER TABLE orders ALTER note SET STORAGE EXTERNAL, REPLICA IDENTITY USING INDEX orders_told")
    house.app.execute(
        "INSERT INTO orders (status, customer_id, vendor_id, note) VALUES ('pending', 1, 2, repeat('long', 5000))"
    )
    house.advance(1, "confirmed")
    house.app.execute("ALTER TABLE orders RENAME COLUMN note TO memo")
    house.place(1)
    house.begin()
    await until(lambda: one(house, "SELECT count(*) FROM orderbell.change") == 3)
    ops = [op for (op,) in house.app.execute("SELECT op FROM orderbell.change ORDER BY id").fetchall()]
    assert ops == ["insert", "unsure", "rows"]


async def test_a_daemon_that_was_started_for_triggers_reads_a_log_that_was_installed_since(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "LOOK_AGAIN_SECONDS", 0.1)
    house.app.execute("CREATE TABLE kept AS SELECT * FROM orderbell.change_log")
    house.app.execute("DELETE FROM orderbell.change_log")
    house.configure(capture={"source": "outbox", "heartbeat_seconds": 0.2})
    house.begin()
    await until(house.reader.settled.is_set)
    assert house.reader.state is ReaderState.OFF
    house.app.execute("INSERT INTO orderbell.change_log SELECT * FROM kept")
    house.place(1)
    await house.planned(1, "pending")


async def test_the_switch_back_to_triggers_under_a_reader_repeats_and_loses_nothing(house: House) -> None:
    house.begin()
    await house.reader_is_live()
    stop = asyncio.Event()

    def write(key: int) -> None:
        with psycopg.connect(house.url, autocommit=True) as application:
            for number in range(1, 400):
                application.execute("UPDATE orders SET status = %s WHERE id = %s", (f"s{number}", key))
                if stop.is_set() and number > 200:
                    return

    house.place(3)
    writers = [asyncio.create_task(asyncio.to_thread(write, key)) for key in (1, 2, 3)]
    await until(lambda: one(house, "SELECT count(*) FROM orderbell.change") > 100)
    house.configure(capture={"source": "outbox", "heartbeat_seconds": 0.2})
    await house.install()
    stop.set()
    await asyncio.gather(*writers)
    await until(lambda: one(house, "SELECT count(*) FROM orderbell.change_log") == 0)
    twice = (
        "SELECT count(*) FROM (SELECT key, new ->> 'status' FROM orderbell.change WHERE op = 'update'"
        " GROUP BY 1, 2 HAVING count(*) > 1) t"
    )
    assert one(house, twice) == 0
    assert one(house, "SELECT count(*) FROM orderbell.change WHERE op = 'update'") == one(
        house, "SELECT sum(substr(status, 2)::int) FROM orders"
    )
