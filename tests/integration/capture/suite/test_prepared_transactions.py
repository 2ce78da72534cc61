"""Two-phase commit: a prepared transaction counts when it is committed."""

from collections.abc import Iterator

import pytest

from tests.conftest import drop_database, new_database
from tests.integration.capture.suite.conftest import Capture, steps


@pytest.fixture
def any_empty_database(preparing_server: str) -> Iterator[str]:
    """For ``capture``: on a server that can prepare transactions."""
    url = new_database(preparing_server)
    yield url
    drop_database(preparing_server, url)


@pytest.fixture
async def shop(capture: Capture) -> Capture:
    capture.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text)")
    await capture.watch({"table": "orders"})
    return capture


async def test_a_prepared_transaction_counts_when_it_is_committed(shop: Capture) -> None:
    shop.sql("BEGIN; INSERT INTO orders VALUES (1, 'pending'); PREPARE TRANSACTION 'one'")
    assert await shop.rows() == []
    shop.sql("INSERT INTO orders VALUES (2, 'pending')")
    shop.sql("COMMIT PREPARED 'one'")
    found = steps(await shop.rows())
    assert sorted(found) == [("insert", "1", None, "pending"), ("insert", "2", None, "pending")]


async def test_a_prepared_transaction_that_is_rolled_back_leaves_nothing(shop: Capture) -> None:
    shop.sql("BEGIN; INSERT INTO orders VALUES (1, 'pending'); PREPARE TRANSACTION 'two'")
    shop.sql("ROLLBACK PREPARED 'two'")
    assert await shop.rows() == []


async def test_of_two_transactions_of_one_key_the_prepared_one_comes_first(shop: Capture) -> None:
    """It keeps the row locked until it is committed."""
    shop.sql("INSERT INTO orders VALUES (1, 'pending')")
    shop.sql("BEGIN; UPDATE orders SET status = 'ready'; PREPARE TRANSACTION 'three'")
    shop.sql("COMMIT PREPARED 'three'")
    shop.sql("UPDATE orders SET status = 'delivered'")
    assert steps(await shop.rows())[1:] == [
        ("update", "1", "pending", "ready"),
        ("update", "1", "ready", "delivered"),
    ]
