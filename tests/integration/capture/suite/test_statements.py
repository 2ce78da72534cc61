"""Statement by statement: what each writes of the watched columns, and what it must not."""

import pytest

from tests.integration.capture.suite.conftest import Capture, by_key, steps

ORDERS = {"table": "orders", "columns": ["customer_id", "doc", "point"]}


@pytest.fixture
async def shop(capture: Capture) -> Capture:
    capture.sql(
        "CREATE TABLE orders (id bigint PRIMARY KEY, status text, customer_id int, note text, doc json, point point)"
    )
    await capture.watch(ORDERS)
    return capture


async def test_an_insert_is_captured_with_the_watched_columns_only(shop: Capture) -> None:
    shop.sql("INSERT INTO orders VALUES (7, 'pending', 3, 'secret note')")
    (row,) = await shop.rows()
    assert row[:4] == ("orders", "insert", "7", None)
    assert row.new == {"id": 7, "status": "pending", "customer_id": 3, "doc": None, "point": None}
    assert list(row.new) == ["id", "status", "customer_id", "doc", "point"]
    assert row.error is None


async def test_an_update_is_captured_with_before_and_after(shop: Capture) -> None:
    shop.sql("INSERT INTO orders VALUES (7, 'pending', 3, 'a note', '{\"a\": [1]}', '(1,2)')")
    shop.sql("UPDATE orders SET status = 'ready' WHERE id = 7")
    row = (await shop.rows())[1]
    assert row[:3] == ("orders", "update", "7")
    rest = {"customer_id": 3, "doc": {"a": [1]}, "point": "(1,2)"}
    assert row.old == {"id": 7, "status": "pending", **rest}
    assert row.new == {"id": 7, "status": "ready", **rest}


async def test_an_update_of_other_columns_writes_nothing(shop: Capture) -> None:
    shop.sql("INSERT INTO orders VALUES (7, 'pending', 3, NULL, '{}')")
    shop.sql("UPDATE orders SET note = 'x'")
    shop.sql("UPDATE orders SET status = status, doc = doc")
    shop.sql("UPDATE orders SET status = 'nobody' WHERE id = 8")
    assert [row.op for row in await shop.rows()] == ["insert"]


async def test_an_update_of_another_watched_column_is_a_change(shop: Capture) -> None:
    shop.sql("INSERT INTO orders VALUES (7, 'pending', 3)")
    shop.sql("UPDATE orders SET customer_id = NULL")
    row = (await shop.rows())[1]
    assert (row.old["customer_id"], row.new["customer_id"]) == (3, None)


async def test_a_key_that_changes_leaves_the_old_values_unknown(shop: Capture) -> None:
    """Not ``null``, which would make it a new row."""
    shop.sql("INSERT INTO orders VALUES (7, 'pending', 3), (8, 'pending', 3)")
    shop.sql("UPDATE orders SET id = id + 10, status = 'ready' WHERE id = 7")
    row = (await shop.rows())[-1]
    assert (row.op, row.key, row.old, row.new["status"]) == ("update", "17", {}, "ready")


async def test_columns_without_an_equality_are_compared_too(shop: Capture) -> None:
    shop.sql("INSERT INTO orders VALUES (7, 'pending', 3, NULL, '{}', '(1,2)')")
    shop.sql("UPDATE orders SET doc = '{\"a\": 1}'")
    shop.sql("UPDATE orders SET point = '(3,4)'")
    shop.sql("UPDATE orders SET point = '(3,4)', doc = '{\"a\": 1}'")
    assert [row.op for row in await shop.rows()] == ["insert", "update", "update"]


async def test_bulk_writes_are_captured_row_by_row(shop: Capture) -> None:
    shop.sql("INSERT INTO orders SELECT n, 'pending', n FROM generate_series(1, 100) n")
    shop.copy("COPY orders (id, status) FROM STDIN", b"101\tpending\n102\tpending\n")
    shop.sql("UPDATE orders SET status = 'ready' WHERE id % 2 = 0")
    found = by_key(await shop.rows())
    assert found == {
        str(n): [("insert", None, "pending"), *([("update", "pending", "ready")] if n % 2 == 0 else [])]
        for n in range(1, 103)
    }


async def test_ten_thousand_rows_of_one_statement_are_ten_thousand_changes(shop: Capture) -> None:
    shop.sql("INSERT INTO orders SELECT n, 'pending' FROM generate_series(1, 10000) n")
    shop.sql("UPDATE orders SET status = 'ready'")
    found = by_key(await shop.rows())
    assert len(found) == 10_000
    assert set(map(tuple, found.values())) == {(("insert", None, "pending"), ("update", "pending", "ready"))}


async def test_an_upsert_is_what_came_of_it(shop: Capture) -> None:
    shop.sql("INSERT INTO orders VALUES (1, 'old')")
    shop.sql(
        "INSERT INTO orders VALUES (1, 'x'), (2, 'new') ON CONFLICT (id) DO UPDATE SET status = 'was ' || orders.status"
    )
    shop.sql("INSERT INTO orders VALUES (1, 'y'), (3, 'third') ON CONFLICT DO NOTHING")
    assert by_key(await shop.rows()) == {
        "1": [("insert", None, "old"), ("update", "old", "was old")],
        "2": [("insert", None, "new")],
        "3": [("insert", None, "third")],
    }


async def test_a_merge_is_what_came_of_it(shop: Capture) -> None:
    shop.sql("INSERT INTO orders VALUES (1, 'pending'), (2, 'pending')")
    shop.sql(
        "MERGE INTO orders o USING (VALUES (1, 'ready'), (2, 'gone'), (3, 'pending')) AS s (id, status) ON o.id = s.id"
        " WHEN MATCHED AND s.status = 'gone' THEN DELETE"
        " WHEN MATCHED THEN UPDATE SET status = s.status"
        " WHEN NOT MATCHED THEN INSERT (id, status) VALUES (s.id, s.status)"
    )
    assert by_key(await shop.rows()) == {
        "1": [("insert", None, "pending"), ("update", "pending", "ready")],
        "2": [("insert", None, "pending")],
        "3": [("insert", None, "pending")],
    }


async def test_deleting_and_truncating_are_no_changes(shop: Capture) -> None:
    shop.sql("INSERT INTO orders VALUES (1, 'pending'), (2, 'pending')")
    shop.sql("DELETE FROM orders WHERE id = 1")
    shop.sql("TRUNCATE orders")
    assert len(await shop.rows()) == 2


async def test_a_row_that_is_deleted_and_made_again_is_new(shop: Capture) -> None:
    shop.sql("INSERT INTO orders VALUES (1, 'pending')")
    shop.sql("BEGIN; DELETE FROM orders; INSERT INTO orders VALUES (1, 'ready'); COMMIT")
    assert steps(await shop.rows()) == [("insert", "1", None, "pending"), ("insert", "1", None, "ready")]


async def test_what_a_foreign_key_does_to_the_row_is_captured(capture: Capture) -> None:
    capture.sql("CREATE TABLE customers (id int PRIMARY KEY)")
    capture.sql(
        "CREATE TABLE orders (id bigint PRIMARY KEY, status text,"
        " customer_id int REFERENCES customers ON DELETE SET NULL ON UPDATE CASCADE)"
    )
    await capture.watch({"table": "orders", "columns": ["customer_id"]})
    capture.sql("INSERT INTO customers VALUES (3)")
    capture.sql("INSERT INTO orders VALUES (1, 'pending', 3)")
    capture.sql("UPDATE customers SET id = 4")
    capture.sql("DELETE FROM customers")
    found = [(row.op, (row.old or {}).get("customer_id"), row.new["customer_id"]) for row in await capture.rows()]
    assert found == [("insert", None, 3), ("update", 3, 4), ("update", 4, None)]


async def test_what_a_trigger_of_the_application_makes_of_the_row_is_captured(capture: Capture) -> None:
    capture.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text)")
    capture.sql(
        "CREATE FUNCTION normal() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.status = lower(NEW.status); RETURN NEW; END $$"
    )
    capture.sql("CREATE TRIGGER normal BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION normal()")
    await capture.watch({"table": "orders"})
    capture.sql("INSERT INTO orders VALUES (1, 'PENDING')")
    capture.sql("UPDATE orders SET status = 'Pending'")
    capture.sql("UPDATE orders SET status = 'READY'")
    assert steps(await capture.rows()) == [("insert", "1", None, "pending"), ("update", "1", "pending", "ready")]


async def test_a_trigger_of_the_application_that_writes_the_row_again_makes_a_second_change(capture: Capture) -> None:
    """Triggers of rows come before triggers of statements: the outbox has the later change first."""
    capture.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text)")
    capture.sql(
        "CREATE FUNCTION accept() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN UPDATE orders SET status = 'accepted' WHERE id = NEW.id; RETURN NULL; END $$"
    )
    capture.sql("CREATE TRIGGER accept AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION accept()")
    await capture.watch({"table": "orders"})
    capture.sql("INSERT INTO orders VALUES (1, 'pending')")
    found = steps(await capture.rows())
    as_it_was = [("insert", "1", None, "pending"), ("update", "1", "pending", "accepted")]
    assert found == (as_it_was[::-1] if capture.triggers else as_it_was)
