"""Partitions and children by inheritance belong to their table, whoever writes to them directly."""

import pytest

from tests.integration.capture.suite.conftest import Capture, by_key, steps

TABLES = """
CREATE TABLE orders (id bigint, created date, status text, PRIMARY KEY (id, created)) PARTITION BY RANGE (created);
CREATE TABLE orders_2025 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
-- Attached with its columns in another order, and itself partitioned.
CREATE TABLE orders_2026 (status text, created date, id bigint, PRIMARY KEY (id, created)) PARTITION BY RANGE (created);
CREATE TABLE orders_2026_all PARTITION OF orders_2026 DEFAULT;
ALTER TABLE orders ATTACH PARTITION orders_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE parent (id bigint PRIMARY KEY, status text);
CREATE TABLE child (extra int, PRIMARY KEY (id)) INHERITS (parent);
"""


@pytest.fixture
def shop(capture: Capture) -> Capture:
    capture.sql(TABLES)
    return capture


@pytest.mark.parametrize("table", ["orders", "orders_2026", "orders_2026_all"])
async def test_a_write_to_any_level_of_a_partitioned_table_is_captured_once(shop: Capture, table: str) -> None:
    await shop.watch({"table": "orders"})
    shop.sql(f"INSERT INTO {table} (id, created, status) VALUES (1, '2026-05-01', 'new')")
    shop.sql(f"UPDATE {table} SET status = 'ready' WHERE id = 1")
    found = await shop.rows()
    assert steps(found) == [("insert", "1", None, "new"), ("update", "1", "new", "ready")]
    assert found[1].old == {"id": 1, "status": "new"}


async def test_a_row_that_moves_to_another_partition_is_one_change(shop: Capture) -> None:
    """In the log it is deleted here and inserted there."""
    await shop.watch({"table": "orders"})
    shop.sql("INSERT INTO orders VALUES (1, '2025-05-01', 'new'), (2, '2025-06-01', 'new')")
    shop.sql("UPDATE orders SET status = 'ready', created = '2026-05-01'")
    found = steps(await shop.rows())
    assert sorted(found[2:]) == [("update", "1", "new", "ready"), ("update", "2", "new", "ready")]


async def test_a_row_that_moves_and_keeps_its_status_is_no_change(shop: Capture) -> None:
    await shop.watch({"table": "orders"})
    shop.sql("INSERT INTO orders VALUES (1, '2025-05-01', 'new')")
    shop.sql("UPDATE orders SET created = '2026-05-01'")
    assert steps(await shop.rows()) == [("insert", "1", None, "new")]


async def test_a_row_that_is_deleted_and_made_again_at_once_looks_to_the_log_as_if_it_moved(shop: Capture) -> None:
    """In a partitioned table only."""
    await shop.watch({"table": "orders"})
    shop.sql("INSERT INTO orders VALUES (1, '2025-05-01', 'new')")
    shop.sql("BEGIN; DELETE FROM orders; INSERT INTO orders VALUES (1, '2025-05-01', 'ready'); COMMIT")
    (_, row) = steps(await shop.rows())
    assert row == (("insert", "1", None, "ready") if shop.triggers else ("update", "1", "new", "ready"))


async def test_many_rows_that_move_are_as_many_changes(shop: Capture) -> None:
    await shop.watch({"table": "orders"})
    shop.sql("INSERT INTO orders SELECT n, '2025-05-01', 'new' FROM generate_series(1, 500) n")
    shop.sql("UPDATE orders SET status = 'ready', created = '2026-05-01'")
    found = by_key(await shop.rows())
    assert len(found) == 500
    assert set(map(tuple, found.values())) == {(("insert", None, "new"), ("update", "new", "ready"))}


@pytest.mark.parametrize("table", ["parent", "child"])
async def test_a_write_to_a_parent_or_its_child_is_captured_once(shop: Capture, table: str) -> None:
    await shop.watch({"table": "parent"})
    shop.sql("INSERT INTO child VALUES (1, 'new')")
    shop.sql(f"UPDATE {table} SET status = 'ready'")
    assert steps(await shop.rows()) == [("insert", "1", None, "new"), ("update", "1", "new", "ready")]


async def test_a_partition_made_later_is_captured(shop: Capture) -> None:
    await shop.watch({"table": "orders"})
    shop.sql("CREATE TABLE orders_2027 PARTITION OF orders FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')")
    shop.sql("INSERT INTO orders VALUES (1, '2027-05-01', 'new')")
    assert steps(await shop.rows()) == [("insert", "1", None, "new")]


async def test_after_an_install_a_partition_made_later_is_captured_with_what_was_before(shop: Capture) -> None:
    await shop.watch({"table": "orders"})
    shop.sql("CREATE TABLE orders_2027 PARTITION OF orders FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')")
    shop.prepare("orders_2027")
    await shop.install_again()
    shop.sql("INSERT INTO orders VALUES (1, '2027-05-01', 'new')")
    shop.sql("UPDATE orders_2027 SET status = 'ready'")
    assert steps(await shop.rows()) == [("insert", "1", None, "new"), ("update", "1", "new", "ready")]


async def test_a_detached_partition_is_no_longer_the_tables(shop: Capture) -> None:
    await shop.watch({"table": "orders"})
    shop.sql("ALTER TABLE orders DETACH PARTITION orders_2025")
    await shop.install_again()
    shop.sql("INSERT INTO orders_2025 VALUES (1, '2025-05-01', 'new')")
    shop.sql("INSERT INTO orders VALUES (2, '2026-05-01', 'new')")
    assert steps(await shop.rows()) == [("insert", "2", None, "new")]


async def test_a_truncated_partition_is_no_change(shop: Capture) -> None:
    await shop.watch({"table": "orders"})
    shop.sql("INSERT INTO orders VALUES (1, '2025-05-01', 'new')")
    shop.sql("TRUNCATE orders_2025")
    shop.sql("DROP TABLE orders_2025")
    assert steps(await shop.rows()) == [("insert", "1", None, "new")]
