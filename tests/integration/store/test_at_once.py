"""A small batch is written in one statement, which is its transaction: all of it, or nothing."""

from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from daemon.capture.outbox import NotOurs, Outbox
from daemon.store import write as writing
from tests.integration.store.conftest import Bench, NoRoom

ORDER = "INSERT INTO orders (status, customer_id, vendor_id) VALUES ('pending', 1, 2)"


async def test_a_lone_order_takes_four_journeys(bench: Bench, room: NoRoom) -> None:
    room.room = 100
    bench.sql(ORDER)
    bench.planner._settle_at = bench.planner._published._look_at = float("inf")
    async with await bench.connections.open("a planner") as connection, await bench.planner._application() as reader:
        journeys, reading = counted(connection), counted(reader)
        assert await bench.planner._drain(connection) == 1
        assert len(reading) == 2  # the people, and what they chose
        assert len(journeys) == 2  # the changes, and all that is written
    assert len(bench.published) == 2
    assert len(room.accepted) == 2
    assert bench.rows("SELECT FROM orderbell.change") == []


def counted(connection: psycopg.AsyncConnection[Any]) -> list[None]:
    """One for each journey that it makes from now on."""
    journeys: list[None] = []
    waits = connection.wait

    async def wait(*given: Any, **more: Any) -> Any:
        journeys.append(None)
        return await waits(*given, **more)

    connection.wait = wait  # type: ignore[method-assign]
    return journeys


@pytest.mark.parametrize("small", [100, 0])
async def test_what_somebody_else_has_consumed_is_not_told(
    bench: Bench, room: NoRoom, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr(writing, "SMALL", small)
    room.room = 100
    bench.sql(ORDER)
    bench.sql(ORDER)
    await loses_its_place(bench)
    assert bench.rows("SELECT FROM orderbell.event") == []
    assert bench.rows("SELECT FROM orderbell.delivery") == []
    assert room.reserved == 0
    assert room.accepted == []


async def test_what_somebody_else_has_consumed_is_not_consumed_where_nothing_is_to_be_told(bench: Bench) -> None:
    bench.sql(ORDER)
    await bench.plan()
    bench.sql("UPDATE orders SET note = 'no onions'")
    bench.sql("UPDATE orders SET note = 'onions after all'")
    await loses_its_place(bench)


async def loses_its_place(bench: Bench) -> None:
    """Of two changes that it has looked at, one is gone when it would consume them: the other one stays."""
    connection = await bench.connections.open("a planner")
    async with connection, connection.cursor() as cursor:
        looked = await Outbox().look(cursor, 10)
        assert len(looked) == 2
        bench.sql("DELETE FROM orderbell.change WHERE id = %s", looked[0].id)
        with pytest.raises(NotOurs):
            await bench.planner._plan_batch(connection, cursor, looked)
        assert connection.info.transaction_status is TransactionStatus.IDLE
    assert [row["id"] for row in bench.rows("SELECT id FROM orderbell.change")] == [looked[1].id]


async def test_a_statement_that_fails_is_planned_one_by_one_afterwards(bench: Bench, room: NoRoom) -> None:
    room.room = 100
    bench.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.user_id = '1' THEN RAISE 'not this one'; END IF; RETURN NEW; END $$;"
        " CREATE TRIGGER refuse BEFORE INSERT ON orderbell.notification FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    bench.sql(ORDER)
    bench.sql("INSERT INTO orders (status, customer_id, vendor_id) VALUES ('pending', 4, 2)")
    await bench.plan()
    assert len(bench.rows("SELECT FROM orderbell.change_failed")) == 1
    assert sorted(each.user_id for each in bench.published) == ["2", "4"]
    assert room.reserved == 0
    assert bench.rows("SELECT FROM orderbell.change") == []


async def test_a_connection_that_is_lost_on_the_way_leaves_everything_as_it_was(bench: Bench, room: NoRoom) -> None:
    room.room = 100
    bench.sql(
        "CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;"
        " CREATE TRIGGER ends BEFORE INSERT ON orderbell.delivery FOR EACH ROW EXECUTE FUNCTION ends()"
    )
    bench.sql(ORDER)
    with pytest.raises(psycopg.OperationalError):
        await bench.plan()
    assert len(bench.rows("SELECT FROM orderbell.change")) == 1
    assert bench.rows("SELECT FROM orderbell.event") == []
    assert (room.reserved, room.accepted, bench.published) == (0, [], [])
    bench.sql("DROP TRIGGER ends ON orderbell.delivery")
    await bench.plan()
    assert len(bench.rows("SELECT FROM orderbell.event")) == 1
