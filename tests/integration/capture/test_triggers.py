"""What the capture triggers write, and that the application never suffers from them."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row

from config import Settings
from schema import locks
from schema.install import install

SHOP = """
CREATE TABLE orders (id bigint PRIMARY KEY, status text, customer_id int, note text, doc json, point point);
"""


@pytest.fixture
def shop(any_empty_database: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(any_empty_database, autocommit=True, row_factory=tuple_row) as connection:
        connection.execute(SHOP)
        watch = {"table": "orders", "columns": ["customer_id", "doc", "point"]}
        install(Settings.model_validate({"database": {"url": any_empty_database}, "watch": [watch]}))
        yield connection


def changes(shop: psycopg.Connection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return shop.execute("SELECT op, key, old, new FROM orderbell.change ORDER BY id").fetchall()


def test_an_insert_is_captured_with_the_watched_columns_only(
    shop: psycopg.Connection[tuple[Any, ...]],
) -> None:
    shop.execute("INSERT INTO orders VALUES (7, 'pending', 3, 'secret note')")
    ((op, key, old, new),) = changes(shop)
    assert (op, key, old) == ("insert", "7", None)
    assert new == {"id": 7, "status": "pending", "customer_id": 3, "doc": None, "point": None}


def test_an_update_is_captured_with_before_and_after(shop: psycopg.Connection[tuple[Any, ...]]) -> None:
    shop.execute("INSERT INTO orders VALUES (7, 'pending', 3)")
    shop.execute("UPDATE orders SET status = 'ready' WHERE id = 7")
    op, key, old, new = changes(shop)[1]
    assert (op, key, old["status"], new["status"]) == ("update", "7", "pending", "ready")


def test_an_update_of_other_columns_writes_nothing(shop: psycopg.Connection[tuple[Any, ...]]) -> None:
    shop.execute("INSERT INTO orders VALUES (7, 'pending', 3)")
    shop.execute("UPDATE orders SET note = 'x'")
    shop.execute("UPDATE orders SET status = status, doc = doc")
    assert len(changes(shop)) == 1


def test_a_key_that_changes_together_with_the_status_leaves_the_old_values_unknown(
    shop: psycopg.Connection[tuple[Any, ...]],
) -> None:
    """Not ``null``, which would make it a new row."""
    shop.execute("INSERT INTO orders VALUES (7, 'pending', 3), (8, 'pending', 3)")
    shop.execute("UPDATE orders SET id = id + 10, status = 'ready' WHERE id = 7")
    op, key, old, new = changes(shop)[-1]
    assert (op, key, old, new["status"]) == ("update", "17", {}, "ready")


def test_columns_without_an_equality_are_compared_too(shop: psycopg.Connection[tuple[Any, ...]]) -> None:
    shop.execute("INSERT INTO orders VALUES (7, 'pending', 3, null, '{}', '(1,2)')")
    shop.execute("UPDATE orders SET doc = '{\"a\": 1}'")
    shop.execute("UPDATE orders SET point = '(3,4)'")
    assert [op for op, *_ in changes(shop)] == ["insert", "update", "update"]


def test_bulk_writes_are_captured_row_by_row(shop: psycopg.Connection[tuple[Any, ...]]) -> None:
    shop.execute("INSERT INTO orders SELECT n, 'pending', n FROM generate_series(1, 100) n")
    with shop.cursor() as cursor, cursor.copy("COPY orders (id, status) FROM STDIN") as copy:
        copy.write(b"101\tpending\n102\tpending\n")
    shop.execute("UPDATE orders SET status = 'ready' WHERE id % 2 = 0")
    shop.execute("INSERT INTO orders VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET status = 'upserted'")
    found = changes(shop)
    assert len(found) == 102 + 51 + 1
    assert found[-1][2]["status"] == "pending"
    assert found[-1][3]["status"] == "upserted"


def test_a_rolled_back_write_leaves_nothing(shop: psycopg.Connection[tuple[Any, ...]]) -> None:
    with shop.transaction(force_rollback=True):
        shop.execute("INSERT INTO orders VALUES (1, 'pending')")
    assert changes(shop) == []


def test_an_application_role_without_any_grant_on_our_schema_can_write(
    shop: psycopg.Connection[tuple[Any, ...]], any_empty_database: str
) -> None:
    shop.execute("DROP ROLE IF EXISTS app_role")
    shop.execute("CREATE ROLE app_role LOGIN")
    shop.execute("GRANT INSERT, UPDATE, SELECT ON orders TO app_role")
    try:
        url = psycopg.conninfo.make_conninfo(any_empty_database, user="app_role")
        with psycopg.connect(url) as app:
            # A schema of its own making must not catch what our function calls.
            app.execute("CREATE TEMP TABLE change (x int)")
            app.execute("SET search_path = pg_temp, public")
            app.execute("INSERT INTO orders VALUES (1, 'pending')")
        assert len(changes(shop)) == 1
    finally:
        shop.execute("DROP OWNED BY app_role")
        shop.execute("DROP ROLE app_role")


def test_a_dropped_column_neither_fails_the_application_nor_loses_the_change(
    shop: psycopg.Connection[tuple[Any, ...]],
) -> None:
    shop.execute("INSERT INTO orders VALUES (1, 'pending', 3)")
    shop.execute("ALTER TABLE orders DROP COLUMN customer_id")
    shop.execute("UPDATE orders SET status = 'ready'")
    shop.execute("INSERT INTO orders (id, status) VALUES (2, 'pending')")
    rows = shop.execute("SELECT op, old, new, error FROM orderbell.change ORDER BY id").fetchall()[1:]
    assert [row[0] for row in rows] == ["rows", "rows"]
    assert rows[0][1][0]["status"] == "pending"
    assert rows[0][2][0]["status"] == "ready"
    assert rows[1][1] is None
    assert "customer_id" in rows[0][3]


def test_our_own_schema_gone_is_a_warning_and_not_an_error(shop: psycopg.Connection[tuple[Any, ...]]) -> None:
    heard: list[str] = []
    shop.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    shop.execute("DROP TABLE orderbell.change")
    shop.execute("INSERT INTO orders VALUES (1, 'pending')")
    assert shop.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    assert any("was not captured" in message for message in heard)


def test_a_payload_of_a_megabyte_is_captured(shop: psycopg.Connection[tuple[Any, ...]]) -> None:
    shop.execute("INSERT INTO orders (id, status, doc) VALUES (1, 'pending', %s)", (json.dumps("x" * 1_000_000),))
    assert len(changes(shop)[0][3]["doc"]) == 1_000_000


def test_only_who_finds_the_gate_taken_rings(
    shop: psycopg.Connection[tuple[Any, ...]], any_empty_database: str
) -> None:
    shop.execute("LISTEN orderbell")
    shop.execute("INSERT INTO orders VALUES (1, 'pending')")
    assert list(shop.notifies(timeout=0)) == [], "nobody sleeps, so nobody is rung for"
    with psycopg.connect(any_empty_database, autocommit=True) as daemon:
        daemon.execute("SELECT pg_advisory_lock(%s, %s)", (locks.CLASS, locks.GATE))
        shop.execute("INSERT INTO orders VALUES (2, 'pending')")
        shop.execute("UPDATE orders SET note = 'not watched'")
    assert len(list(shop.notifies(timeout=0.5, stop_after=2))) == 1


def test_a_partitioned_table_is_captured_through_its_root(any_empty_database: str) -> None:
    with psycopg.connect(any_empty_database, autocommit=True, row_factory=tuple_row) as connection:
        connection.execute("CREATE TABLE p (id bigint PRIMARY KEY, status text) PARTITION BY RANGE (id)")
        connection.execute("CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100)")
        watch = {"name": "p", "table": "p"}
        install(Settings.model_validate({"database": {"url": any_empty_database}, "watch": [watch]}))
        connection.execute("INSERT INTO p VALUES (5, 'pending')")
        connection.execute("UPDATE p SET status = 'ready'")
        assert [op for op, *_ in changes(connection)] == ["insert", "update"]
