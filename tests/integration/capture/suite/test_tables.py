"""The table itself changes, while it is captured: no write fails because of it, and no change is lost."""

import pytest

from daemon.capture.outbox import Unreadable
from tests.integration.capture.suite.conftest import Capture, steps


@pytest.fixture
async def shop(capture: Capture) -> Capture:
    capture.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text, customer_id int, note text)")
    await capture.watch({"table": "orders", "columns": ["customer_id"]})
    capture.sql("INSERT INTO orders VALUES (1, 'pending', 3)")
    await capture.caught_up()
    return capture


async def test_a_dropped_column_neither_fails_the_application_nor_loses_the_change(shop: Capture) -> None:
    shop.sql("ALTER TABLE orders DROP COLUMN customer_id")
    shop.sql("UPDATE orders SET status = 'ready'")
    shop.sql("INSERT INTO orders (id, status) VALUES (2, 'pending')")
    updated, inserted = (await shop.rows())[1:]
    assert (updated.op, updated.key, inserted.op, inserted.key, inserted.old) == ("rows", None, "rows", None, None)
    assert updated.old == [{"id": 1, "status": "pending", "note": None}]
    assert updated.new == [{"id": 1, "status": "ready", "note": None}]
    assert "customer_id" in (updated.error or "")
    assert [
        (c.key, c.old and c.old["status"], c.new["status"], c.new["customer_id"]) for c in await shop.changes()
    ] == [
        ("1", None, "pending", 3),
        ("1", "pending", "ready", None),
        ("2", None, "pending", None),
    ]


async def test_a_renamed_column_is_a_dropped_one(shop: Capture) -> None:
    shop.sql("ALTER TABLE orders RENAME COLUMN customer_id TO buyer_id")
    shop.sql("UPDATE orders SET status = 'ready'")
    (row,) = (await shop.rows())[1:]
    assert (row.op, row.new) == ("rows", [{"id": 1, "status": "ready", "buyer_id": 3, "note": None}])


async def test_without_the_column_of_the_event_a_change_is_kept_and_cannot_be_read(shop: Capture) -> None:
    shop.sql("ALTER TABLE orders RENAME COLUMN status TO state")
    shop.sql("UPDATE orders SET state = 'ready'")
    (row,) = (await shop.rows())[1:]
    assert (row.op, row.new[0]["state"]) == ("rows", "ready")
    with pytest.raises(Unreadable, match="no longer has"):
        await shop.changes()


async def test_what_was_dropped_is_captured_again_after_an_install(shop: Capture) -> None:
    shop.sql("ALTER TABLE orders DROP COLUMN customer_id")
    shop.sql("UPDATE orders SET status = 'ready'")
    await shop.caught_up()
    shop.sql("ALTER TABLE orders ADD COLUMN customer_id text DEFAULT 'x'")
    await shop.install_again()
    shop.sql("UPDATE orders SET status = 'gone'")
    row = (await shop.rows())[-1]
    assert (row.op, row.old["status"], row.new) == ("update", "ready", {"id": 1, "status": "gone", "customer_id": "x"})


async def test_an_added_column_is_nobodys_business(shop: Capture) -> None:
    shop.sql("ALTER TABLE orders ADD COLUMN rating int DEFAULT 5")
    shop.sql("UPDATE orders SET rating = 4")
    shop.sql("UPDATE orders SET status = 'ready'")
    assert [(row.op, row.new) for row in (await shop.rows())[1:]] == [
        ("update", {"id": 1, "status": "ready", "customer_id": 3})
    ]


async def test_another_unwatched_column_may_be_dropped_in_the_same_transaction(shop: Capture) -> None:
    shop.sql(
        "BEGIN; UPDATE orders SET status = 'ready'; ALTER TABLE orders DROP COLUMN note;"
        " UPDATE orders SET status = 'gone'; COMMIT"
    )
    assert steps(await shop.rows())[1:] == [("update", "1", "pending", "ready"), ("update", "1", "ready", "gone")]


@pytest.mark.parametrize(("kind", "value"), [("bigint", 3), ("text", "3")])
async def test_a_column_of_another_type_is_read_as_that_type(shop: Capture, kind: str, value: object) -> None:
    """And rewriting the table is no change of an order."""
    shop.sql(f"ALTER TABLE orders ALTER customer_id TYPE {kind}")
    shop.sql("UPDATE orders SET status = 'ready'")
    (change,) = (await shop.changes())[1:]
    assert (change.key, change.old and change.old["status"]) == ("1", "pending")
    assert change.new == {"id": 1, "status": "ready", "customer_id": value}


async def test_an_enum_may_get_another_value(capture: Capture) -> None:
    capture.sql("CREATE TYPE state AS ENUM ('pending')")
    capture.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status state)")
    await capture.watch({"table": "orders"})
    capture.sql("INSERT INTO orders VALUES (1, 'pending')")
    capture.sql("ALTER TYPE state ADD VALUE 'ready'")
    capture.sql("UPDATE orders SET status = 'ready'")
    capture.sql("ALTER TYPE state RENAME VALUE 'ready' TO 'done'")
    capture.sql("INSERT INTO orders VALUES (2, 'done')")
    found = steps(await capture.rows())
    assert found[0] == ("insert", "1", None, "pending")
    assert found[2] == ("insert", "2", None, "done")
    assert found[1][:3] == ("update", "1", "pending")
    assert found[1][3] == "ready" if capture.triggers else found[1][3] in {"ready", "done"}


async def test_a_renamed_table_is_the_same_table(shop: Capture) -> None:
    shop.sql("ALTER TABLE orders RENAME TO purchases")
    shop.sql("UPDATE purchases SET status = 'ready'")
    assert steps(await shop.rows())[1:] == [("update", "1", "pending", "ready")]


async def test_a_table_that_is_made_anew_is_captured_after_an_install(shop: Capture) -> None:
    """What was written before it, no trigger has seen; the log's reader looks for what nobody was told."""
    shop.sql("DROP TABLE orders")
    shop.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text, customer_id int, note text)")
    shop.sql("INSERT INTO orders VALUES (1, 'unseen')")
    await shop.caught_up()
    shop.prepare("orders")
    await shop.install_again()
    await shop.caught_up()
    shop.sql("UPDATE orders SET status = 'ready'")
    found = [] if shop.triggers else [("update", "1", None, "unseen")]
    assert steps(await shop.rows())[1:] == [*found, ("update", "1", "unseen", "ready")]


async def test_a_rewritten_table_is_captured_as_before(shop: Capture) -> None:
    shop.sql("VACUUM FULL orders")
    shop.sql("CLUSTER orders USING orders_pkey")
    shop.sql("UPDATE orders SET status = 'ready'")
    assert steps(await shop.rows())[1:] == [("update", "1", "pending", "ready")]
