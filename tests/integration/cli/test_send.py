"""``orderbell send`` as a process: an event from the shell."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.integration.cli.conftest import Command

CONFIGURATION = """
[database]
url = "{url}"
[people]
query = "SELECT id AS user_id, name, email FROM people WHERE id = ANY(:ids)"
[audience.customer]
column = "customer_id"
[[watch]]
table = "orders"
columns = ["customer_id"]
[[rule]]
event = "order.ready"
audience = "customer"
channels = ["inbox", "email"]
[email]
sender = "Shop <shop@example.com>"
[[email.provider]]
host = "127.0.0.1"
port = 2525
security = "none"
"""


class Shop:
    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode()).fetchall()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def shop(database: str, tmp_path: Path) -> Iterator[Shop]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (id int PRIMARY KEY, status text, customer_id int)")
        connection.execute("CREATE TABLE people (id int PRIMARY KEY, name text, email text)")
        connection.execute("INSERT INTO people VALUES (1, 'Cora', 'cora@example.com'), (2, 'Nameless', NULL)")
    (tmp_path / "orderbell.toml").write_text(CONFIGURATION.replace("{url}", database), encoding="utf-8")
    made = Shop(database)
    yield made
    made.close()


def test_an_event_that_is_sent_becomes_a_change(shop: Shop, orderbell: Command) -> None:
    sent = orderbell("send", "order.ready", "7", "--data", '{"customer_id": 1}')
    assert (sent.returncode, sent.stdout, sent.stderr) == (0, "order.ready of 7 is sent\n", "")
    (change,) = shop.rows("SELECT op, key, old, new FROM orderbell.change")
    assert (change["op"], change["key"], change["new"]) == ("event", "7", {"customer_id": 1})
    assert change["old"]["event"] == "order.ready"


def test_the_values_may_stand_in_a_file(shop: Shop, orderbell: Command, tmp_path: Path) -> None:
    (tmp_path / "row.json").write_text('{"customer_id": 2}', encoding="utf-8")
    assert orderbell("send", "order.ready", "7", "--data", "@row.json").returncode == 0
    assert [row["new"] for row in shop.rows("SELECT new FROM orderbell.change")] == [{"customer_id": 2}]


def test_the_same_key_twice_is_one_event(shop: Shop, orderbell: Command) -> None:
    def send() -> dict[str, Any]:
        ran = orderbell("send", "order.ready", "7", "--idempotency-key", "k", "--json")
        assert ran.returncode == 0
        said: dict[str, Any] = json.loads(ran.stdout)
        return said

    assert send() == {
        "event": "order.ready", "key": "7", "idempotency_key": "k", "state": "sent", "scheduled_for": None,
    }  # fmt: skip
    shop.rows(
        "INSERT INTO orderbell.event"
        " (id, name, subject, watch, key, data, captured_at, planned_at, idempotency_key)"
        " VALUES (1, 'order.ready', 'order:7', '', '7', '{}', now(), now(), 'k') RETURNING 1"
    )
    assert send()["state"] == "known"


def test_what_is_for_later_waits(shop: Shop, orderbell: Command) -> None:
    sent = json.loads(orderbell("send", "order.ready", "7", "--at", "2h", "--expires", "3h", "--json").stdout)
    assert sent["state"] == "scheduled"
    (waits,) = shop.rows("SELECT scheduled_for, expires_at FROM orderbell.scheduled")
    ahead = waits["scheduled_for"] - datetime.now(UTC)
    assert timedelta(hours=1, minutes=55) < ahead <= timedelta(hours=2)
    assert timedelta(minutes=59) < waits["expires_at"] - waits["scheduled_for"] < timedelta(minutes=61)
    assert shop.rows("SELECT FROM orderbell.change") == []


def test_a_dry_run_says_who_would_be_told_and_sends_nothing(shop: Shop, orderbell: Command) -> None:
    rehearsed = orderbell("send", "order.ready", "7", "--data", '{"customer_id": 1}', "--dry-run")
    assert (rehearsed.returncode, rehearsed.stderr) == (0, "")
    assert rehearsed.stdout.startswith("order.ready of 7 would tell 1 person:\n")
    assert "c…@example.com" in rehearsed.stdout
    assert "cora@" not in rehearsed.stdout
    assert shop.rows("SELECT FROM orderbell.change") == shop.rows("SELECT FROM orderbell.event") == []


def test_scripts_get_the_dry_run_as_json(shop: Shop, orderbell: Command) -> None:
    def told(values: str) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(
            orderbell("send", "order.ready", "7", "--data", values, "--dry-run", "--json").stdout
        )
        return said

    found = told('{"customer_id": 1}')
    assert found["people"] == 1
    assert [(way["user"], way["channel"], way["outcome"]) for way in found["told"]] == [
        ("1", "inbox", "now"),
        ("1", "email", "now"),
    ]
    assert told("{}") == {"people": 0, "told": [], "remarks": ["customer: nobody"]}
    without = told('{"customer_id": 2}')
    assert [way["channel"] for way in without["told"]] == ["inbox"] or without["told"][1]["outcome"] == "no_address"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["order.redy", "7"], 'no rule is for "order.redy", so nobody would be told (did you mean "order.ready"?)'),
        (["order.ready", "7", "--data", "[1]"], "--data: must be a JSON object"),
        (["order.ready", "7", "--data", "{"], "--data: cannot be read"),
        (["order.ready", "7", "--data", "@nowhere.json"], "--data: cannot be read"),
        (["order.ready", "7", "--at", "soon"], "--at: 'soon' is neither a time"),
        (["order.ready", "7", "--at", "2h", "--expires", "1h"], "--expires is over before it is sent"),
    ],
)
def test_a_call_that_is_wrong_sends_nothing(shop: Shop, orderbell: Command, arguments: list[str], said: str) -> None:
    sent = orderbell("send", *arguments)
    assert (sent.returncode, sent.stdout) == (2, "")
    assert sent.stderr.startswith(said)
    assert shop.rows("SELECT FROM orderbell.change") == []
