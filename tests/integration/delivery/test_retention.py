"""Inboxes lose what is older than they are to be kept, and nothing else."""

import psycopg
import pytest

from config.settings import Database
from daemon.connections import Connections
from daemon.delivery import retention
from daemon.delivery.retention import forget_old


async def forget(url: str, days: int) -> int:
    pool = Connections(Database.model_validate({"url": url})).pool()
    await pool.open()
    try:
        return await forget_old(pool, days)
    finally:
        await pool.close()


def tell(url: str, event: int, days_ago: int, people: int = 2) -> None:
    """An event with a message for each of two locales, told to so many people in turn."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO orderbell.event (id, name, subject, watch, key, data, captured_at, planned_at)"
            " SELECT %(event)s, 'order.ready', 'order:1', 'orders', '1', '{}', at, at"
            " FROM (SELECT now() - make_interval(days => %(days)s) AS at) t",
            {"event": event, "days": days_ago},
        )
        connection.execute(
            "INSERT INTO orderbell.message SELECT 10 * %(event)s + n, %(event)s, 'customer', 'en', 't', 'b', 't'"
            " FROM generate_series(0, 1) n",
            {"event": event},
        )
        connection.execute(
            "INSERT INTO orderbell.notification"
            " SELECT 100 * %(event)s + n, %(event)s, 10 * %(event)s + (people - n) %% 2, 'u', 'order.ready', 'order:1',"
            "        'customer', 'order', 'normal', now() - make_interval(days => %(days)s)"
            " FROM (SELECT %(people)s AS people) p, generate_series(1, people) n",
            {"event": event, "days": days_ago, "people": people},
        )


def kept(url: str) -> dict[str, list[int]]:
    with psycopg.connect(url) as connection:
        return {
            "event": [row[0] for row in connection.execute("SELECT id FROM orderbell.event ORDER BY id")],
            "message": [row[0] for row in connection.execute("SELECT id FROM orderbell.message ORDER BY id")],
            "notification": [row[0] for row in connection.execute("SELECT id FROM orderbell.notification ORDER BY id")],
        }


async def test_what_is_past_its_days_goes_with_its_words_and_its_event(database: str) -> None:
    tell(database, 1, days_ago=40)
    tell(database, 2, days_ago=31)
    tell(database, 3, days_ago=29)
    assert await forget(database, 30) == 4
    assert kept(database) == {"event": [3], "message": [30, 31], "notification": [301, 302]}


async def test_a_message_stays_as_long_as_a_notification_needs_it(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(database, 1, days_ago=40, people=3)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE orderbell.notification SET created_at = now() WHERE id = 103")
    monkeypatch.setattr(retention, "BATCH", 2)
    assert await forget(database, 30) == 2
    assert kept(database) == {"event": [1], "message": [10, 11], "notification": [103]}


async def test_more_than_a_batch_goes_in_several(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    for event in range(1, 6):
        tell(database, event, days_ago=40)
    tell(database, 6, days_ago=0)
    assert await forget(database, 30) == 10
    assert kept(database)["notification"] == [601, 602]
    assert kept(database)["event"] == [6]


async def test_an_event_that_nobody_was_told_of_goes_too(database: str) -> None:
    tell(database, 1, days_ago=40, people=0)
    tell(database, 2, days_ago=0)
    assert await forget(database, 30) == 0
    assert kept(database)["event"] == [2]


async def test_what_staff_did_and_announced_long_ago_is_forgotten(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO orderbell.audit (actor, action, at) VALUES ('a', 'old', now() - interval '9 days')"
        )
        connection.execute("INSERT INTO orderbell.audit (actor, action) VALUES ('a', 'new')")
        connection.execute(
            "INSERT INTO orderbell.announcement (title, starts_at, ends_at, withdrawn_at) VALUES"
            " ('over', now() - interval '20 days', now() - interval '9 days', NULL),"
            " ('taken back', now() - interval '20 days', NULL, now() - interval '9 days'),"
            " ('without an end', now() - interval '20 days', NULL, NULL),"
            " ('over since today', now() - interval '20 days', now(), NULL)"
        )
        await forget(database, days=7)
        actions = connection.execute("SELECT action FROM orderbell.audit").fetchall()
        titles = connection.execute("SELECT title FROM orderbell.announcement ORDER BY id").fetchall()
    assert actions == [("new",)]
    assert titles == [("without an end",), ("over since today",)]
