"""The queue stays fast as history grows, and as it grows itself: the plans of the statements are the test."""

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from config import Settings
from config.settings import Database
from daemon.connections import QUEUE, Connections, parameters
from schema.install import install
from schema.queries import statements
from tests.conftest import drop_database, new_database

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


def generic_plan(connection: psycopg.Connection[Any], statement: str) -> dict[str, Any]:
    """As a prepared statement keeps it: for any parameters."""
    numbers: dict[str, int] = {}

    def numbered(name: re.Match[str]) -> str:
        return f"${numbers.setdefault(name[1], len(numbers) + 1)}"

    numbered_statement = re.sub(r"%\((\w+)\)s", numbered, statement)
    (plan,) = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered_statement}".encode()).fetchone() or (
        None,
    )
    assert plan is not None
    root: dict[str, Any] = plan[0]["Plan"]
    return root


STATEMENTS = {
    "delivery": ("claim", "renew", "recheck", "finish", "retry_later", "give_back"),
    "holds": ("due", "put_off", "members", "newest", "let_go", "wait_longer", "lead", "leave_out", "scheduled"),
    "plan": ("look", "consume", "known_keys", "write", "set_aside", "to_withdraw", "withdraw", "events", "extend"),
}


@pytest.fixture(scope="module")
def empty_queue(any_postgres: str) -> Iterator[psycopg.Connection[Any]]:
    """A session of a worker's, whose statistics say that there is nothing."""
    url = new_database(any_postgres)
    install(Settings.model_validate({"database": {"url": url}}))
    with psycopg.connect(autocommit=True, **parameters(Database.model_validate({"url": url}), "test", **QUEUE)) as made:
        made.execute("VACUUM ANALYZE")
        yield made
    drop_database(any_postgres, url)


@pytest.mark.parametrize(("file", "name"), [(file, name) for file, names in STATEMENTS.items() for name in names])
def test_a_plan_that_was_made_for_an_empty_queue_is_good_for_a_full_one(
    empty_queue: psycopg.Connection[Any], file: str, name: str
) -> None:
    """Vacuum empties the table's file, and the next plan of a prepared statement is made for no rows at all. It was a
    nested loop of scans then: with 100,000 deliveries waiting, the outcomes of 500 took five seconds to write.
    """
    plan = generic_plan(empty_queue, statements(file)[name])
    ours = [node for node in nodes(plan) if "Relation Name" in node and node["Node Type"] != "ModifyTable"]
    assert ours
    assert [node for node in ours if "Index Cond" not in node] == []
    all_pairs = [node for node in nodes(plan) if node["Node Type"] == "Nested Loop" and "Join Filter" in node]
    assert all_pairs == []
    assert "hashed SubPlan" not in json.dumps(plan)


async def test_sessions_of_workers_have_the_queues_settings(database: str) -> None:
    async with Connections(Database.model_validate({"url": database})).queue() as pool, pool.connection() as connection:
        for setting, value in QUEUE.items():
            cursor = await connection.execute("SELECT current_setting(%s)", (setting,))
            assert await cursor.fetchone() == (value,)
