"""The daemon's role makes and drops the partitions of a day, and no other table."""

from datetime import date

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from config.settings import Database, DeliverySettings
from daemon.connections import Connections
from daemon.delivery.history import History
from tests import roles
from tests.integration.deploy.test_grants import shop

__all__ = ["shop"]


async def keep_house(url: str, *days: date) -> list[str]:
    """What there is of partitions after the daemon has looked on each of these days."""
    pool = Connections(Database.model_validate({"url": roles.as_daemon(url)})).pool()
    await pool.open()
    try:
        for day in days:
            await History(pool, DeliverySettings(history_days=5)).keep(day)
    finally:
        await pool.close()
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname ~ '_\\d{8}$' ORDER BY 1"
        )
        return [name for (name,) in rows.fetchall()]


async def test_they_are_kept_ahead_of_the_clock_and_dropped_past_retention(shop: str) -> None:
    assert await keep_house(shop, date(2026, 1, 1), date(2026, 11, 21)) == [
        f"{parent}_202611{day}" for parent in ("attempt", "delivery_history") for day in (21, 22, 23, 24)
    ]


@pytest.mark.parametrize("function", ["make_partition", "drop_partition"])
@pytest.mark.parametrize("parent", ["audit", "delivery", "attempt_default", "x; DROP TABLE y", None])
def test_nothing_else_is_made_or_dropped_in_that_way(shop: str, function: str, parent: str | None) -> None:
    with psycopg.connect(roles.as_daemon(shop)) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(f"SELECT orderbell.{function}(%s, current_date)".encode(), (parent,))


def test_nobody_else_may(shop: str) -> None:
    with psycopg.connect(shop) as connection:
        connection.execute("CREATE ROLE somebody NOLOGIN")
        connection.execute("GRANT USAGE ON SCHEMA orderbell TO somebody")
        connection.execute("SET LOCAL ROLE somebody")
        with pytest.raises(InsufficientPrivilege):
            connection.execute("SELECT orderbell.drop_partition('attempt', current_date)")
        connection.rollback()
