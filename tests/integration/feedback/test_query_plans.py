"""A report is found in a long history by its index: the plan is the test."""

import json
from typing import Any

import psycopg
import pytest

from schema.queries import statements

FINISHED = 200_000
MOST_BLOCKS = 300

REPORT = {
    "channels": ["sms"],
    "provider_ids": ["SM77"],
    "ids": [None],
    "addresses": [None],
    "states": ["delivered"],
    "errors": [None],
}


@pytest.fixture
def history(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO orderbell.delivery_history"
            " (id, notification_id, channel, address, state, attempt, provider, provider_id, finished_at)"
            " SELECT n, n, 'sms', '+12025550123', 'sent', 1, 'twilio', 'SM' || n, now() FROM generate_series(1, %s) n",
            (FINISHED,),
        )
        connection.execute("ANALYZE orderbell.delivery_history")
        # Too few for anybody to analyze the table.
        connection.execute(
            "INSERT INTO orderbell.feedback (channel, provider_id, state)"
            " SELECT 'sms', 'XX' || n, 'delivered' FROM generate_series(1, 9) n"
        )
    return database


@pytest.mark.parametrize(("name", "parameters"), [("report", REPORT), ("early", {"limit": 1000})])
def test_a_report_beside_a_long_history_touches_few_pages(history: str, name: str, parameters: dict[str, Any]) -> None:
    statement = statements("feedback")[name]
    with psycopg.connect(history, autocommit=True) as connection:
        (plan,) = connection.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}".encode(), parameters
        ).fetchone() or (None,)
    root = (plan if isinstance(plan, list) else json.loads(str(plan)))[0]["Plan"]
    assert root["Shared Hit Blocks"] + root["Shared Read Blocks"] < MOST_BLOCKS
