"""What belongs to a transaction: all of it or nothing, in the order of the commits."""

import asyncio
import random
from datetime import datetime

import psycopg
import pytest

from tests.integration.capture.suite.conftest import Capture, by_key, steps

ORDERS = {"table": "orders"}


@pytest.fixture
async def shop(capture: Capture) -> Capture:
    capture.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text, note text)")
    capture.sql("CREATE TABLE payments (id bigint PRIMARY KEY, status text)")
    await capture.watch(ORDERS, {"name": "payments", "table": "payments"})
    return capture


async def test_a_rolled_back_write_leaves_nothing(shop: Capture) -> None:
    shop.sql("BEGIN; INSERT INTO orders VALUES (1, 'pending'); ROLLBACK")
    with pytest.raises(psycopg.errors.DivisionByZero):
        shop.sql("BEGIN; INSERT INTO orders VALUES (2, 'pending'); SELECT 1 / 0; COMMIT")
    shop.sql("ROLLBACK")
    with pytest.raises(psycopg.errors.UniqueViolation):
        shop.sql("INSERT INTO orders VALUES (3, 'pending'), (3, 'pending')")
    assert await shop.rows() == []


async def test_of_savepoints_what_was_released_counts(shop: Capture) -> None:
    shop.sql("BEGIN; INSERT INTO orders VALUES (1, 'pending')")
    shop.sql("SAVEPOINT a; UPDATE orders SET status = 'lost'; INSERT INTO orders VALUES (2, 'lost'); ROLLBACK TO a")
    shop.sql("SAVEPOINT b; UPDATE orders SET status = 'kept'; SAVEPOINT c; UPDATE orders SET status = 'lost'")
    shop.sql("ROLLBACK TO c; RELEASE b; INSERT INTO orders VALUES (3, 'pending'); COMMIT")
    assert steps(await shop.rows()) == [
        ("insert", "1", None, "pending"),
        ("update", "1", "pending", "kept"),
        ("insert", "3", None, "pending"),
    ]


async def test_every_step_within_a_transaction_is_a_change(shop: Capture) -> None:
    shop.sql(
        "BEGIN; INSERT INTO orders VALUES (1, 'pending'); UPDATE orders SET status = 'ready';"
        " UPDATE orders SET status = 'pending'; UPDATE orders SET status = 'gone'; DELETE FROM orders; COMMIT"
    )
    assert steps(await shop.rows()) == [
        ("insert", "1", None, "pending"),
        ("update", "1", "pending", "ready"),
        ("update", "1", "ready", "pending"),
        ("update", "1", "pending", "gone"),
    ]


async def test_two_watches_in_one_transaction_keep_their_order(shop: Capture) -> None:
    shop.sql(
        "BEGIN; INSERT INTO orders VALUES (1, 'pending'); INSERT INTO payments VALUES (9, 'open');"
        " UPDATE orders SET status = 'ready'; UPDATE payments SET status = 'paid'; COMMIT"
    )
    assert [(row.watch, row.op, row.key) for row in await shop.rows()] == [
        ("orders", "insert", "1"),
        ("payments", "insert", "9"),
        ("orders", "update", "1"),
        ("payments", "update", "9"),
    ]


async def test_two_watches_of_one_table_are_both_told(capture: Capture) -> None:
    capture.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text, paid text)")
    paid = {"name": "paid", "table": "orders", "event_column": "paid", "event_prefix": "payment"}
    await capture.watch(ORDERS, paid)
    capture.sql("INSERT INTO orders VALUES (1, 'pending', 'no')")
    capture.sql("UPDATE orders SET paid = 'yes'")
    capture.sql("UPDATE orders SET status = 'ready'")
    found = sorted((row.watch, row.op, row.new) for row in await capture.rows() if row.op == "update")
    assert found == [
        ("orders", "update", {"id": 1, "status": "ready"}),
        ("paid", "update", {"id": 1, "paid": "yes"}),
    ]


async def test_who_commits_first_comes_first_for_one_key(shop: Capture) -> None:
    """The later one waits for the lock of the row."""
    shop.sql("INSERT INTO orders VALUES (1, 'pending'), (2, 'pending')")
    with shop.session() as slow, shop.session() as quick:
        slow.execute("UPDATE orders SET status = 'ready' WHERE id = 2")
        quick.execute("UPDATE orders SET status = 'ready' WHERE id = 1")
        quick.commit()
        slow.execute("UPDATE orders SET status = 'delivered' WHERE id = 1")
        slow.commit()
    found = by_key(await shop.rows())
    assert found["1"][1:] == [("update", "pending", "ready"), ("update", "ready", "delivered")]


async def test_each_key_keeps_its_order_under_eight_writers(shop: Capture) -> None:
    shop.sql("INSERT INTO orders SELECT n, '0' FROM generate_series(1, 5) n")
    dice = random.Random(7)

    async def write(seed: int) -> None:
        own = random.Random(seed)
        async with await psycopg.AsyncConnection.connect(shop.url) as writer:
            for _ in range(40):
                # Two of them, the smaller one first: no deadlocks.
                for key in sorted(own.sample(range(1, 6), 2)):
                    await writer.execute("UPDATE orders SET status = (status::int + 1)::text WHERE id = %s", (key,))
                await (writer.rollback() if own.random() < 0.2 else writer.commit())

    await asyncio.gather(*(write(dice.getrandbits(32)) for _ in range(8)))
    found = by_key(await shop.rows())
    last = dict(shop.sql("SELECT id::text, status FROM orders"))
    for key, (_, *updates) in found.items():
        assert [new for _, _, new in updates] == [str(n + 1) for n in range(len(updates))]
        assert all(int(old) + 1 == int(new) for _, old, new in updates)
        assert last[key or ""] == updates[-1][2]


async def test_a_change_in_a_transaction_that_also_drops_a_table_is_captured(shop: Capture) -> None:
    shop.sql("CREATE TABLE old_orders (id int)")
    shop.sql("BEGIN; INSERT INTO orders VALUES (1, 'pending'); DROP TABLE old_orders; COMMIT")
    shop.sql("BEGIN; CREATE TABLE passing (id int); UPDATE orders SET status = 'ready'; DROP TABLE passing; COMMIT")
    assert steps(await shop.rows()) == [("insert", "1", None, "pending"), ("update", "1", "pending", "ready")]


async def test_a_change_in_a_transaction_that_drops_its_own_table_is_captured(shop: Capture) -> None:
    shop.sql("BEGIN; INSERT INTO payments VALUES (1, 'open'); DROP TABLE payments; COMMIT")
    shop.sql("INSERT INTO orders VALUES (1, 'pending')")
    assert [(row.watch, row.op, row.key) for row in await shop.rows()] == [
        ("payments", "insert", "1"),
        ("orders", "insert", "1"),
    ]


async def test_a_change_is_captured_when_it_was_made(shop: Capture) -> None:
    """At the statement, where triggers capture; at the commit, where the log is read."""
    with shop.session() as writer:
        began = writer.execute("SELECT now()").fetchone()
        writer.execute("INSERT INTO orders VALUES (1, 'pending')")
        written = writer.execute("SELECT clock_timestamp()").fetchone()
        writer.commit()
    assert began is not None
    assert written is not None
    (change,) = await shop.changes()
    ((now,),) = shop.sql("SELECT clock_timestamp()")
    assert isinstance(now, datetime)
    first, last = (began[0], written[0]) if shop.triggers else (written[0], now)
    assert first <= change.captured_at <= last
