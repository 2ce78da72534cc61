"""The queue stays fast as history grows: the plan of the claim is the test."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg

from schema.queries import statements

FINISHED = 1_000_000


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def test_claiming_beside_a_million_finished_deliveries_touches_only_pending_ones(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO orderbell.delivery_history"
            " (id, notification_id, channel, address, state, attempt, provider, finished_at)"
            " SELECT n, n, 'email', 'a@example.com', 'sent', 1, 'smtp', now() FROM generate_series(1, %s) n",
            (FINISHED,),
        )
        connection.execute(
            "INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state,"
            " due_at, expires_at) SELECT n, n, 'email', 'a@example.com', '', 'en', 'pending',"
            " now() + n * interval '1 s', now() + interval '1 day' FROM generate_series(1, 20000) n"
        )
        connection.execute("ANALYZE orderbell.delivery")
        connection.execute("ANALYZE orderbell.delivery_history")
        claim = statements("delivery")["claim"]
        (plan,) = connection.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {claim}".encode(),
            {"channel": "email", "limit": 200, "node": "n", "lease_seconds": 60},
        ).fetchone() or (None,)
    root = (plan if isinstance(plan, list) else json.loads(str(plan)))[0]["Plan"]
    touched = {node["Relation Name"] for node in nodes(root) if "Relation Name" in node}
    assert touched <= {"delivery", "notification", "message"}
    first = next(node for node in nodes(root) if node.get("Index Name") == "delivery_due_idx")
    assert first["Actual Rows"] <= 200
    assert not [node for node in nodes(root) if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "delivery"]
    assert root["Shared Hit Blocks"] + root["Shared Read Blocks"] < 5_000


def test_the_last_look_does_not_read_the_history_of_what_has_nothing_newer(database: str) -> None:
    """It has a partition for each day that is kept."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO orderbell.notification (id, event_id, message_id, user_id, event, subject, audience, category,"
            " priority, created_at) SELECT n, n, n, 'u', 'order.ready', 'order:' || n, 'customer', 'order', 'normal',"
            " now() FROM generate_series(1, 100) n"
        )
        connection.execute(
            "INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state,"
            " due_at, expires_at, user_id, subject, audience, attempt)"
            " SELECT n, n, 'email', 'a@example.com', '', 'en', 'sending', now() + interval '1 min',"
            " now() + interval '1 day', 'u', 'order:' || n, 'customer', 1 FROM generate_series(1, 100) n"
        )
        (plan,) = connection.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statements('delivery')['recheck']}".encode(),
            {"ids": list(range(1, 101)), "attempts": [1] * 100, "addresses": ["a@example.com"] * 100},
        ).fetchone() or (None,)
    root = (plan if isinstance(plan, list) else json.loads(str(plan)))[0]["Plan"]
    assert root["Actual Rows"] == 100
    history = [node for node in nodes(root) if node.get("Relation Name", "").startswith("delivery_history")]
    assert history
    assert not [node for node in history if node["Actual Loops"]]
