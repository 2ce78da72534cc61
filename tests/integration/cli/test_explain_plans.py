"""Explaining one order beside a long history touches few pages: the plans are the test."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from schema.queries import statements

ORDERS = 100_000
MOST_BLOCKS = 400

LOOKUPS = (
    "events", "notifications", "finished", "waiting", "attempts", "rest_waiting", "newer", "carriers", "choices",
    "persons", "closed",
)  # fmt: skip

LONG_AGO = datetime.now(UTC) - timedelta(days=30)
ONE: dict[str, Any] = {
    "subject": "order:50000", "user": None, "channel": None, "limit": 20, "events": [50_000], "ids": [50_000],
    "since": LONG_AGO, "event": 50_000, "after": 0, "last": 2 * ORDERS, "users": ["u50000"],
    "notifications": [50_000], "channels": ["email"], "addresses": ["a@example.com"], "finished": [datetime.now(UTC)],
}  # fmt: skip


@pytest.fixture
def history(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO orderbell.event (id, name, subject, watch, key, data, captured_at, planned_at)"
            " SELECT n, 'order.ready', 'order:' || n, 'orders', n, '{}', now(), now() FROM generate_series(1, %s) n",
            (ORDERS,),
        )
        connection.execute(
            "INSERT INTO orderbell.notification (id, event_id, message_id, user_id, event, subject, audience, category,"
            " priority, created_at) SELECT n, n, n, 'u' || n, 'order.ready', 'order:' || n, 'customer', 'order',"
            " 'normal', now() FROM generate_series(1, %s) n",
            (ORDERS,),
        )
        connection.execute(
            "INSERT INTO orderbell.delivery_history (id, notification_id, channel, address, state, attempt,"
            " finished_at) SELECT n, n, 'email', 'a@example.com', 'sent', 1, now() FROM generate_series(1, %s) n",
            (ORDERS,),
        )
        connection.execute(
            "INSERT INTO orderbell.attempt (delivery_id, attempt, provider, started_at, ended_at, outcome)"
            " SELECT n, 1, 'first', now(), now(), 'sent' FROM generate_series(1, %s) n",
            (ORDERS,),
        )
        connection.execute(
            "INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state,"
            " due_at, expires_at, user_id, subject, audience) SELECT n + %s, n, 'sms', '+12025550123', '', 'en',"
            " 'pending', now(), now(), 'u' || n, 'order:' || n, 'customer' FROM generate_series(1, %s) n",
            (ORDERS, ORDERS),
        )
        connection.execute("ANALYZE")
    return database


def test_a_question_about_one_order_touches_few_pages(history: str) -> None:
    touched = {}
    for name in LOOKUPS:
        root = planned(history, name, ONE | ({"events": 200} if name == "events" else {}))
        touched[name] = root["Shared Hit Blocks"] + root["Shared Read Blocks"]
    assert {name: blocks for name, blocks in touched.items() if blocks > MOST_BLOCKS} == {}


def test_of_a_broadcast_only_what_is_shown_is_looked_up(history: str) -> None:
    with psycopg.connect(history, autocommit=True) as connection:
        connection.execute("UPDATE orderbell.notification SET event_id = 1 WHERE id <= 20000")
        connection.execute("ANALYZE orderbell.notification")
    root = planned(history, "notifications", ONE | {"events": [1]})
    assert root["Actual Rows"] == 20
    (lookup,) = [node for node in nodes(root) if node.get("Index Name") == "notification_pkey"]
    assert lookup["Actual Loops"] == 20


def planned(url: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The plan of a statement, as it ran."""
    with psycopg.connect(url, autocommit=True) as connection:
        statement = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statements('explain')[name]}"
        (plan,) = connection.execute(statement.encode(), given).fetchone() or (None,)
    root: dict[str, Any] = (plan if isinstance(plan, list) else json.loads(str(plan)))[0]["Plan"]
    return root


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)
