"""``orderbell failed`` and ``orderbell retry`` as processes: what did not work, and bringing it back."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.integration.delivery.conftest import Channel, Queue, working

Command = Callable[..., subprocess.CompletedProcess[str]]

GREYLISTED = "gave up after 10 attempts: 450 4.7.1 Greylisted"
FILTERED = "Twilio error 30007: the carrier filtered it [see their console]"


class Shop:
    """A database with Orderbell in it, and what failed there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)

    def sql(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description is not None else []

    def delivery(
        self, id_: int, channel: str = "email", error: str = GREYLISTED, *, order: int = 7, state: str = "failed"
    ) -> None:
        """A finished delivery about an order, with its notification; a higher id is a newer one."""
        self.sql("INSERT INTO orderbell.message VALUES (%s, 1, 'customer', 'en', 'Ready', 'body', 'text')", id_)
        self.sql(
            "INSERT INTO orderbell.notification VALUES"
            " (%s, 1, %s, 'u', 'order.ready', %s, 'customer', 'order', 'normal', now())",
            id_, id_, f"order:{order}",
        )  # fmt: skip
        self.sql(
            "INSERT INTO orderbell.delivery_history"
            " (id, notification_id, channel, address, state, attempt, error, finished_at)"
            " VALUES (%s, %s, %s, 'ada@example.com', %s, 10, %s, now() - make_interval(secs => 9 - %s / 1000.0))",
            id_, id_, channel, state, error if state == "failed" else None, id_,
        )  # fmt: skip

    def change(self, id_: int, error: str = 'column "mail" does not exist') -> None:
        """A change that was set aside."""
        self.sql(
            "INSERT INTO orderbell.change_failed (id, watch, op, key, new, captured_at, error)"
            " VALUES (%s, 'orders', 'insert', '4711', '{}', now(), %s)",
            id_, error,
        )  # fmt: skip

    def failed(self) -> list[int]:
        return [row["id"] for row in self.sql("SELECT id FROM orderbell.delivery_history ORDER BY id")]

    def back(self) -> list[int]:
        return [row["id"] for row in self.sql("SELECT id FROM orderbell.delivery ORDER BY id")]

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def shop(database: str, tmp_path: Path) -> Iterator[Shop]:
    (tmp_path / "orderbell.toml").write_text(f'[database]\nurl = "{database}"\n', encoding="utf-8")
    made = Shop(database)
    yield made
    made.close()


# --- orderbell failed ---------------------------------------------------------------------------------------------


def test_where_nothing_has_failed_it_says_so(shop: Shop, orderbell: Command) -> None:
    listed = orderbell("failed")
    assert (listed.returncode, listed.stdout, listed.stderr) == (0, "Nothing has failed.\n", "")


def test_the_table_has_what_failed_and_why_the_newest_first(shop: Shop, orderbell: Command) -> None:
    shop.delivery(12)
    shop.delivery(13, "sms", FILTERED, order=8)
    shop.delivery(14, state="sent")
    shop.change(7)
    listed = orderbell("failed")
    assert (listed.returncode, listed.stderr) == (0, "")
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    lines = [re.sub(when, "WHEN", line).strip() for line in listed.stdout.splitlines()]
    assert [line.split() for line in lines] == [
        line.split()
        for line in (
            "id when what",
            "d13 WHEN sms: order.ready of order:8, 10 attempts",
            FILTERED,
            "d12 WHEN email: order.ready of order:7, 10 attempts",
            GREYLISTED,
            "c7 WHEN change of orders 4711",
            'column "mail" does not exist',
            "Once the cause is mended: orderbell retry ID…, --channel, --error or --all",
        )
    ]


def test_brackets_in_an_error_are_not_taken_for_markup(shop: Shop, orderbell: Command) -> None:
    shop.delivery(1, error="[/red] [bold]no[/bold] [Errno 111]")
    assert "[/red] [bold]no[/bold] [Errno 111]" in orderbell("failed").stdout


def test_no_address_is_listed(shop: Shop, orderbell: Command) -> None:
    shop.delivery(1)
    assert "ada@example.com" not in orderbell("failed").stdout + orderbell("failed", "--json").stdout


def test_scripts_get_json(shop: Shop, orderbell: Command) -> None:
    shop.delivery(12)
    shop.change(7)
    listed = json.loads(orderbell("failed", "--json").stdout)
    (delivery,), (change,) = listed["deliveries"], listed["changes"]
    assert (delivery.pop("failed_at")[10], change.pop("failed_at")[10]) == ("T", "T")
    assert delivery == {
        "id": "d12", "channel": "email", "subject": "order:7", "event": "order.ready", "attempts": 10,
        "error": GREYLISTED,
    }  # fmt: skip
    assert change == {"id": "c7", "watch": "orders", "key": "4711", "error": 'column "mail" does not exist'}


def test_scripts_get_json_where_nothing_has_failed_too(shop: Shop, orderbell: Command) -> None:
    assert json.loads(orderbell("failed", "--json").stdout) == {"deliveries": [], "changes": []}


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        (["--channel", "sms"], {"d2"}),
        (["--error", "GREYLISTED"], {"d1"}),
        (["--error", "does not exist"], {"c7"}),
        (["--channel", "sms", "--error", "greylisted"], set()),
    ],
)
def test_the_list_can_be_narrowed(shop: Shop, orderbell: Command, chosen: list[str], ids: set[str]) -> None:
    shop.delivery(1)
    shop.delivery(2, "sms", FILTERED)
    shop.change(7)
    listed = json.loads(orderbell("failed", "--json", *chosen).stdout)
    assert {row["id"] for row in listed["deliveries"] + listed["changes"]} == ids


def test_that_there_are_more_is_said(shop: Shop, orderbell: Command) -> None:
    for id_ in range(1, 4):
        shop.delivery(id_)
    listed = orderbell("failed", "--limit", "2").stdout
    assert "d3" in listed
    assert "d1" not in listed
    assert "These are the newest 2 of each kind: --limit shows more." in listed
    assert "newest" not in orderbell("failed", "--limit", "3").stdout


# --- orderbell retry ----------------------------------------------------------------------------------------------


@pytest.fixture
def four(shop: Shop) -> Shop:
    """Three deliveries and a change that failed, and a delivery that did not."""
    shop.delivery(1)
    shop.delivery(2, "sms", FILTERED, order=8)
    shop.delivery(3, "sms", GREYLISTED, order=9)
    shop.delivery(4, order=10, state="sent")
    shop.change(7)
    return shop


@pytest.mark.parametrize(
    ("chosen", "deliveries", "changes"),
    [
        (["d1"], [1], 0),
        (["d3", "c7", "d3"], [3], 1),
        (["c7"], [], 1),
        (["--channel", "sms"], [2, 3], 0),
        (["--error", "greylisted"], [1, 3], 0),
        (["--error", "does not exist"], [], 1),
        (["--channel", "sms", "--error", "greylisted"], [3], 0),
        (["--all"], [1, 2, 3], 1),
    ],
)
def test_what_is_named_comes_back_and_nothing_else(
    four: Shop, orderbell: Command, chosen: list[str], deliveries: list[int], changes: int
) -> None:
    retried = orderbell("retry", *chosen)
    assert (retried.returncode, retried.stderr) == (0, "")
    assert four.back() == deliveries
    assert four.failed() == [id_ for id_ in (1, 2, 3, 4) if id_ not in deliveries]
    assert len(four.sql("SELECT FROM orderbell.change WHERE key = '4711'")) == changes
    assert len(four.sql("SELECT FROM orderbell.change_failed")) == 1 - changes
    words = f"{len(deliveries)} deliver{'y' if len(deliveries) == 1 else 'ies'} and {changes} change"
    assert retried.stdout.startswith(words)


def test_brought_back_twice_is_brought_back_once(four: Shop, orderbell: Command) -> None:
    assert orderbell("retry", "--all").stdout == "3 deliveries and 1 change brought back.\n"
    assert orderbell("retry", "--all").stdout == "0 deliveries and 0 changes brought back.\n"


@pytest.mark.parametrize("id_", ["12", "d", "d²", "d1234567890123456789"])
def test_what_is_no_id_is_said_and_nothing_is_brought_back(four: Shop, orderbell: Command, id_: str) -> None:
    retried = orderbell("retry", "d1", "--", id_)
    assert retried.returncode == 2
    assert retried.stderr.splitlines() == [
        f"{id_!r} is not an id: they look like d12 or c7; `orderbell failed` lists them"
    ]
    assert four.back() == []


def test_ids_of_what_has_not_failed_are_said_and_the_others_come_back(four: Shop, orderbell: Command) -> None:
    retried = orderbell("retry", "d1", "d4", "c99")
    assert retried.returncode == 1
    assert retried.stderr.splitlines() == ["2 of those ids are not in the list of `orderbell failed`"]
    assert four.back() == [1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say what to bring back: ids, --channel, --error or --all"),
        (["--all", "--channel", "sms"], "--all is everything"),
        (["--channel", "sms", "c7"], "a change has no channel: leave out c7"),
    ],
)
def test_a_call_that_is_not_clear_brings_back_nothing(
    four: Shop, orderbell: Command, arguments: list[str], said: str
) -> None:
    retried = orderbell("retry", *arguments)
    assert (retried.returncode, retried.stdout) == (2, "")
    assert retried.stderr.startswith(said)
    assert four.failed() == [1, 2, 3, 4]


def test_many_come_back_in_batches(shop: Shop, orderbell: Command) -> None:
    shop.delivery(1)
    shop.sql(
        "INSERT INTO orderbell.delivery_history (id, notification_id, channel, address, state, attempt, finished_at)"
        " SELECT n, 1, 'email', 'ada@example.com', 'failed', 1, now() FROM generate_series(2, 2500) n"
    )
    assert orderbell("retry", "--channel", "email").stdout == "2,500 deliveries and 0 changes brought back.\n"
    assert shop.failed() == []
    written = shop.sql("SELECT count(*) AS rows FROM orderbell.delivery GROUP BY xmin ORDER BY rows")
    assert [row["rows"] for row in written] == [500, 1000, 1000]


def test_a_set_aside_change_keeps_what_it_said_and_when(four: Shop, orderbell: Command) -> None:
    (before,) = four.sql("SELECT watch, op, key, old, new, captured_at FROM orderbell.change_failed")
    orderbell("retry", "c7")
    assert four.sql("SELECT watch, op, key, old, new, captured_at FROM orderbell.change") == [before]


async def test_what_is_sent_again_keeps_its_id_and_may_have_been_sent_before(four: Shop, orderbell: Command) -> None:
    orderbell("retry", "d1")
    (row,) = four.sql("SELECT id, state, attempt, uncertain, error, due_at <= now() AS due FROM orderbell.delivery")
    assert row == {
        "id": 1, "state": "pending", "attempt": 0, "uncertain": True, "error": GREYLISTED, "due": True,
    }  # fmt: skip
    channel, queue = Channel("email"), Queue(four.url)
    async with working(four.url, channel):
        await queue.until(lambda: queue.rows("SELECT FROM orderbell.delivery") == [])
    (sent,) = channel.sent
    assert (sent.id, sent.uncertain, sent.subject) == (1, True, "order:7")
    assert four.sql("SELECT state, attempt FROM orderbell.delivery_history WHERE id = 1") == [
        {"state": "sent", "attempt": 1}
    ]
    queue.close()


async def test_what_is_outdated_by_now_is_not_sent(shop: Shop, orderbell: Command) -> None:
    shop.delivery(1)
    shop.delivery(2, state="sent")
    orderbell("retry", "d1")
    channel, queue = Channel("email"), Queue(shop.url)
    async with working(shop.url, channel):
        await queue.until(lambda: queue.rows("SELECT FROM orderbell.delivery") == [])
    assert channel.sent == []
    assert shop.sql("SELECT state, reason FROM orderbell.delivery_history WHERE id = 1") == [
        {"state": "skipped", "reason": "superseded"}
    ]
    queue.close()


# --- both ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["failed"], ["retry", "--all"]])
def test_before_the_install_both_say_what_to_run(
    empty_database: str, orderbell: Command, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "orderbell.toml").write_text(f'[database]\nurl = "{empty_database}"\n', encoding="utf-8")
    ran = orderbell(*command)
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == ["Orderbell is not installed in this database: run `orderbell install`"]
