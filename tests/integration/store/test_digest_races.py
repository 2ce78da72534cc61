"""What is being put into a digest at this moment is not taken out of it: it is about more than one order by then."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from config.settings import Database
from daemon.connections import QUEUE, parameters
from schema.queries import statements

HOLDS, PLAN = statements("holds"), statements("plan")
MORNING = datetime(2099, 1, 1, 7, tzinfo=UTC)

TWO_WAIT = """
INSERT INTO orderbell.event (id, name, subject, watch, key, data, captured_at, planned_at, idempotency_key)
SELECT n, 'order.offered', 'order:' || n, 'orders', n, '{}', now(), now(), 'offer ' || n FROM generate_series(1, 2) n;
INSERT INTO orderbell.notification
    (id, event_id, message_id, user_id, event, subject, audience, category, priority, created_at)
SELECT n, n, n, 'ann', 'order.offered', 'order:' || n, 'customer', 'order', 'normal', now()
FROM generate_series(1, 2) n;
INSERT INTO orderbell.delivery
    (id, notification_id, channel, address, recipient_name, locale, state, due_at, expires_at, user_id, subject,
     audience, hold)
SELECT n, n, 'email', 'ann@example.com', '', 'en', 'pending', now(), now() + interval '1 day', 'ann', 'order:' || n,
       'customer', 'quiet' FROM generate_series(1, 2) n;
"""


@pytest.fixture
def holds(database: str) -> Iterator[psycopg.Connection[Any]]:
    """In the middle of letting both go: the second carries the digest."""
    with psycopg.connect(database) as connection:
        connection.execute(TWO_WAIT)
        connection.commit()
        group = {"users": ["ann"], "channels": ["email"], "addresses": ["ann@example.com"], "holds": ["quiet"]}
        assert len(connection.execute(HOLDS["members"], group).fetchall()) == 2
        connection.execute(HOLDS["lead"], {"ids": [2], "messages": [-1], "expires": [MORNING]})
        connection.execute(HOLDS["leave_out"], {"ids": [1], "reasons": ["digested"], "errors": [None]})
        yield connection


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("withdraw", {"ids": [2], "audiences": [""], "first": 10, "limit": 10}),
        ("extend", {"key": "offer 2", "expires_at": datetime.now(UTC)}),
    ],
)
def test_a_digest_that_was_put_together_meanwhile_stays_as_it_is(
    database: str, holds: psycopg.Connection[Any], name: str, given: dict[str, Any]
) -> None:
    session = parameters(Database.model_validate({"url": database}), "test", **QUEUE)
    with psycopg.connect(autocommit=True, **session) as planner, psycopg.connect(database, autocommit=True) as look:
        writes = threading.Thread(target=planner.execute, args=(PLAN[name], given))
        writes.start()
        waits = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
        while look.execute(waits, (planner.info.backend_pid,)).fetchone() != (True,):
            assert writes.is_alive(), "it waits for whoever puts the digest together"
        holds.commit()
        writes.join()
        left = look.execute("SELECT id, kind, state, expires_at FROM orderbell.delivery").fetchall()
    assert left == [(2, "digest", "pending", MORNING)]
