"""Who is connected, as every daemon can see it."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import psycopg
import pytest

from daemon.connections import Pool
from daemon.presence import DEAD_SECONDS, Presence
from schema.queries import statements

if TYPE_CHECKING:
    from tests.integration.live.conftest import Sql

LIVE = statements("live")


async def elsewhere(pool: Pool, *people: str, node: str = "b") -> set[str]:
    async with pool.connection() as connection:
        parameters = {"people": list(people), "node": node, "dead": DEAD_SECONDS}
        cursor = await connection.execute(LIVE["online_elsewhere"], parameters)
        return {row[0] for row in await cursor.fetchall()}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.02)


@pytest.fixture
def presence(pool: Pool) -> Presence:
    return Presence(pool, "a")


async def test_who_comes_is_seen_by_other_daemons_and_not_counted_twice_here(presence: Presence, pool: Pool) -> None:
    await presence._beat(audit=True)
    presence.changed("ann", True)
    presence.changed("bob", True)
    await presence._flush()
    assert await elsewhere(pool, "ann", "bob", "eve") == {"ann", "bob"}
    assert await elsewhere(pool, "ann", "bob", node="a") == set()


async def test_who_leaves_is_gone(presence: Presence, pool: Pool) -> None:
    await presence._beat(audit=True)
    presence.changed("ann", True)
    await presence._flush()
    presence.changed("ann", False)
    await presence._flush()
    assert await elsewhere(pool, "ann") == set()


async def test_who_comes_and_goes_between_two_looks_was_never_there(presence: Presence, sql: "Sql") -> None:
    presence.changed("ann", True)
    presence.changed("ann", False)
    await presence._flush()
    assert sql("SELECT 1 FROM orderbell.online") == []


async def test_a_daemon_that_is_not_heard_of_has_nobody(presence: Presence, pool: Pool, sql: "Sql") -> None:
    await presence._beat(audit=True)
    presence.changed("ann", True)
    await presence._flush()
    sql("UPDATE orderbell.node SET seen_at = now() - interval '21 seconds'")
    assert await elsewhere(pool, "ann") == set()


async def test_what_a_dead_daemon_left_is_swept_away_by_another(presence: Presence, pool: Pool, sql: "Sql") -> None:
    await presence._beat(audit=True)
    presence.changed("ann", True)
    await presence._flush()
    sql("UPDATE orderbell.node SET seen_at = now() - interval '21 seconds'")
    await Presence(pool, "b")._beat(audit=True)
    assert sql("SELECT 1 FROM orderbell.online") == []
    assert sql("SELECT name FROM orderbell.node") == [{"name": "b"}]


async def test_what_the_database_lost_in_a_crash_is_written_again(presence: Presence, pool: Pool, sql: "Sql") -> None:
    await presence._beat(audit=True)
    presence.changed("ann", True)
    await presence._flush()
    sql("TRUNCATE orderbell.online, orderbell.node")
    await presence._beat(audit=True)
    await presence._flush()
    assert await elsewhere(pool, "ann") == {"ann"}


async def test_a_row_of_somebody_who_is_not_here_any_more_is_removed(presence: Presence, sql: "Sql") -> None:
    sql("INSERT INTO orderbell.online (user_id, node) VALUES ('ghost', 'a')")
    await presence._beat(audit=True)
    await presence._flush()
    assert sql("SELECT 1 FROM orderbell.online") == []


async def test_a_daemon_that_stops_takes_everybody_with_it(presence: Presence, sql: "Sql") -> None:
    await presence._beat(audit=True)
    presence.changed("ann", True)
    await presence._flush()
    await presence.leave()
    assert sql("SELECT 1 FROM orderbell.online") == []
    assert sql("SELECT 1 FROM orderbell.node") == []


async def test_it_goes_on_when_the_database_was_away(presence: Presence, sql: "Sql") -> None:
    sql("ALTER TABLE orderbell.online RENAME TO hidden")
    presence.changed("ann", True)
    with pytest.raises(psycopg.Error):
        await presence._flush()
    running = asyncio.create_task(presence.run())
    try:
        sql("ALTER TABLE orderbell.hidden RENAME TO online")
        await until(lambda: bool(sql("SELECT 1 FROM orderbell.online WHERE user_id = 'ann'")))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
