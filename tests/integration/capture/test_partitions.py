"""Partitions and children by inheritance are watched too, whoever writes to them directly."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row

from config import Settings
from schema.errors import Refused
from schema.install import install, stale_watches, uninstall

Shop = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def shop(any_empty_database: str) -> Iterator[Shop]:
    with psycopg.connect(any_empty_database, autocommit=True, row_factory=tuple_row) as connection:
        connection.execute(
            "CREATE TABLE orders (id bigint, created date, status text, PRIMARY KEY (id, created))"
            " PARTITION BY RANGE (created)"
        )
        connection.execute(
            "CREATE TABLE orders_2025 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"
        )
        # Attached with its columns in another order, and itself partitioned.
        connection.execute(
            "CREATE TABLE orders_2026 (status text, created date, id bigint, PRIMARY KEY (id, created))"
            " PARTITION BY RANGE (created)"
        )
        connection.execute("CREATE TABLE orders_2026_all PARTITION OF orders_2026 DEFAULT")
        connection.execute(
            "ALTER TABLE orders ATTACH PARTITION orders_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"
        )
        connection.execute("CREATE TABLE parent (id bigint PRIMARY KEY, status text)")
        connection.execute("CREATE TABLE child (extra int, PRIMARY KEY (id)) INHERITS (parent)")
        yield connection


def watched(url: str, table: str = "orders") -> Settings:
    return Settings.model_validate({"database": {"url": url}, "watch": [{"table": table}]})


def changes(shop: Shop) -> list[tuple[Any, ...]]:
    found = shop.execute(
        "DELETE FROM orderbell.change RETURNING id, op, key, old->>'status', new->>'status'"
    ).fetchall()
    return [row[1:] for row in sorted(found)]


@pytest.mark.parametrize("table", ["orders", "orders_2026", "orders_2026_all"])
def test_a_write_to_any_level_of_a_partitioned_table_is_captured_once(
    shop: Shop, any_empty_database: str, table: str
) -> None:
    install(watched(any_empty_database))
    shop.execute(f"INSERT INTO {table} (id, created, status) VALUES (1, '2026-05-01', 'new')".encode())
    assert changes(shop) == [("insert", "1", None, "new")]
    shop.execute(f"UPDATE {table} SET status = 'ready' WHERE id = 1".encode())
    assert changes(shop) == [("update", "1", "new", "ready")]


def test_a_row_that_moves_to_another_partition_is_one_change(shop: Shop, any_empty_database: str) -> None:
    install(watched(any_empty_database))
    shop.execute("INSERT INTO orders VALUES (1, '2025-05-01', 'new')")
    shop.execute("UPDATE orders SET status = 'ready', created = '2026-05-01'")
    assert changes(shop) == [("insert", "1", None, "new"), ("update", "1", "new", "ready")]


@pytest.mark.parametrize("table", ["parent", "child"])
def test_a_write_to_a_parent_or_its_child_is_captured_once(shop: Shop, any_empty_database: str, table: str) -> None:
    install(watched(any_empty_database, "parent"))
    shop.execute("INSERT INTO child VALUES (1, 'new')")
    assert changes(shop) == [("insert", "1", None, "new")]
    shop.execute(f"UPDATE {table} SET status = 'ready'".encode())
    assert changes(shop) == [("update", "1", "new", "ready")]


def test_a_partition_made_later_is_seen_through_its_root_and_asks_for_an_install(
    shop: Shop, any_empty_database: str
) -> None:
    wanted = watched(any_empty_database)
    assert install(wanted)[-1] == "put the triggers of the watch orders on public.orders and 3 partitions"
    assert stale_watches(shop, wanted) == []
    shop.execute("CREATE TABLE orders_2027 PARTITION OF orders FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')")
    shop.execute("INSERT INTO orders VALUES (1, '2027-05-01', 'new')")
    assert changes(shop) == [("insert", "1", None, "new")]
    assert stale_watches(shop, wanted) == ["orders"]
    assert len(install(wanted)) == 1
    assert stale_watches(shop, wanted) == []
    shop.execute("UPDATE orders_2027 SET status = 'ready'")
    assert changes(shop) == [("update", "1", "new", "ready")]


def test_a_detached_partition_loses_its_triggers_with_the_next_install(shop: Shop, any_empty_database: str) -> None:
    wanted = watched(any_empty_database)
    install(wanted)
    shop.execute("ALTER TABLE orders DETACH PARTITION orders_2025")
    assert stale_watches(shop, wanted) == ["orders"]
    assert install(wanted) == ["removed the triggers of the watch orders from public.orders_2025"]
    shop.execute("INSERT INTO orders_2025 VALUES (1, '2025-05-01', 'new')")
    assert changes(shop) == []


def test_uninstalling_removes_the_triggers_from_every_partition(shop: Shop, any_empty_database: str) -> None:
    install(watched(any_empty_database))
    assert uninstall(watched(any_empty_database))[0] == "removed the triggers from public.orders and 3 partitions"
    assert shop.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal").fetchall() == []


def test_a_key_that_is_unique_only_with_other_columns_is_still_refused(shop: Shop, any_empty_database: str) -> None:
    shop.execute("CREATE TABLE lines (id bigint, line int, created date, status text) PARTITION BY RANGE (created)")
    shop.execute("CREATE UNIQUE INDEX ON lines (id, line, created)")
    with pytest.raises(Refused, match=r"lines\.id is not unique"):
        install(watched(any_empty_database, "lines"))


def test_a_partition_of_another_role_is_refused_with_the_grant_that_would_give_it(
    shop: Shop, any_empty_database: str
) -> None:
    shop.execute("DROP ROLE IF EXISTS partly_special")
    shop.execute("CREATE ROLE partly_special LOGIN")
    shop.execute("GRANT SELECT, TRIGGER ON orders, orders_2025, orders_2026 TO partly_special")
    try:
        with pytest.raises(Refused, match='GRANT TRIGGER ON orders_2026_all TO "partly_special"'):
            install(watched(psycopg.conninfo.make_conninfo(any_empty_database, user="partly_special")))
    finally:
        shop.execute("DROP OWNED BY partly_special")
        shop.execute("DROP ROLE partly_special")


def test_a_bulk_update_after_a_small_one_does_not_compare_every_row_with_every_other(
    shop: Shop, any_empty_database: str
) -> None:
    """The plan that was made for one row is kept for the session."""
    install(watched(any_empty_database, "parent"))
    shop.execute("INSERT INTO parent SELECT n, 'new' FROM generate_series(1, 20000) n")
    shop.execute("UPDATE parent SET status = 'ready' WHERE id = 1")
    changes(shop)
    shop.execute("SET statement_timeout = '30s'")
    shop.execute("UPDATE parent SET status = 'bulk'")
    assert len(changes(shop)) == 20000
