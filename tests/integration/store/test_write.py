"""A small plan goes in by one statement, a large one by COPY: what stands in the tables afterwards is the same."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from config.names import Category, Priority
from daemon.planning.values import (
    Event,
    Person,
    Plan,
    PlannedDelivery,
    PlannedEvent,
    PlannedMessage,
    PlannedNotification,
    SkippedDelivery,
    Words,
)
from daemon.store import write as writing
from daemon.store.written import Written
from tests.integration.store.conftest import Bench

NOW = datetime(2026, 10, 25, 0, 30, 15, 123456, tzinfo=UTC)
ODD = 'a "quoted"\ttab, a \\ backslash,\nlines, {braces}, 注文 ☎ \\N \\.'
TABLES = {
    "event": "id, name, subject, watch, key, label, data::text, remarks, captured_at, planned_at, idempotency_key",
    "message": "*",
    "notification": "*",
    "delivery": "*",
    "delivery_history": "*",
    "spent": "*",
}


def plan() -> Plan:
    """Something of everything that a plan can hold."""
    ann = Person("ann", ODD, "de-AT", "Europe/Vienna")
    bob = Person("bob")
    ready = Event(
        "order.ready", "order:7", "orders", "7", ODD,
        {"id": 7, "status": "ready", "total": Decimal("12.50"), "note": ODD, "long": "x" * 3_000, "none": None},
        NOW - timedelta(seconds=2), "once",
    )  # fmt: skip
    gone = Event("order.cancelled", "order:8", "orders", "8", "A-8", {"id": 8}, NOW - timedelta(milliseconds=1))
    later = NOW + timedelta(hours=8)
    return Plan(
        events=(PlannedEvent(ready, (ODD, "driver: nobody")), PlannedEvent(gone, ())),
        messages=(
            PlannedMessage(0, "customer", "de", Words(ODD, ODD, "short", "https://shop.example/7", "Look", None)),
            PlannedMessage(1, "vendor", "en", Words("gone", "gone", "gone", None, None, "it failed: " + ODD)),
            PlannedMessage(0, "customer", "de", Words("by mail", "by mail", "by mail", None, None)),
        ),
        notifications=(
            PlannedNotification(0, 0, ann, "customer", Category.ORDER, Priority.NORMAL, later),
            PlannedNotification(1, 1, bob, "vendor", Category.SECURITY, Priority.URGENT, later, critical=True),
            PlannedNotification(0, 0, bob, "vendor", Category.ORDER, Priority.NORMAL, later, withdrawn=True),
        ),
        deliveries=(
            PlannedDelivery(0, "email", "ann@example.com", NOW, message=2),
            PlannedDelivery(0, "sms", ODD, later, step=1, hold="quiet", zone="Europe/Vienna"),
            PlannedDelivery(1, "email", "bob@example.com", NOW),
            PlannedDelivery(1, "email", "bob@example.org", NOW - timedelta(seconds=1)),
        ),
        skipped=(
            SkippedDelivery(1, "webpush", "no_address", "this person has none"),
            SkippedDelivery(0, "webpush", "suppressed", ODD, "https://push.example/1"),
        ),
        spent=(("ann", "sms"),),
    )


async def written_with(bench: Bench, most: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Written, dict[str, Any]]:
    """Write it where plans of at most so many rows are small; what was said, and what stands in the tables, with ids
    that begin at 1.
    """
    monkeypatch.setattr(writing, "SMALL", most)
    bench.sql("TRUNCATE orderbell." + ", orderbell.".join(TABLES))
    for sequence in ("event", "message", "notification", "delivery"):
        bench.sql(f"SELECT setval('orderbell.{sequence}_id_seq', 41)")
    connection = await bench.connections.open("a writer")
    async with connection, connection.transaction(), connection.cursor() as cursor:
        said = await writing.write(cursor, plan(), {"email": 2}, "here", 120, NOW)
    tables = {
        table: bench.rows(f"SELECT {columns} FROM orderbell.{table} ORDER BY 1, 2") for table, columns in TABLES.items()
    }
    return said, tables


async def test_both_ways_write_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, tables_at_once = await written_with(bench, 10_000, monkeypatch)
    by_copy, tables_by_copy = await written_with(bench, 0, monkeypatch)
    assert tables_at_once == tables_by_copy
    assert at_once == by_copy
    assert {table: len(rows) for table, rows in tables_at_once.items()} == {
        "event": 2, "message": 3, "notification": 3, "delivery": 4, "delivery_history": 2, "spent": 1,
    }  # fmt: skip


async def test_ids_are_the_next_ones_and_name_each_other(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    said, tables = await written_with(bench, 10_000, monkeypatch)
    assert (said.ids.events, said.ids.messages, said.ids.notifications, said.ids.deliveries) == (42, 42, 42, 42)
    assert [(row["id"], row["event_id"], row["message_id"]) for row in tables["notification"]] == [
        (42, 42, 42), (43, 43, 43), (44, 42, 42),
    ]  # fmt: skip
    assert [(row["id"], row["notification_id"], row["message_id"]) for row in tables["delivery"]] == [
        (42, 42, 44), (43, 42, None), (44, 43, None), (45, 43, None),
    ]  # fmt: skip
    assert [(row["id"], row["notification_id"]) for row in tables["delivery_history"]] == [(46, 43), (47, 42)]
    assert bench.rows("SELECT nextval('orderbell.delivery_id_seq')") == [{"nextval": 48}]


async def test_what_there_is_room_for_is_born_leased_and_handed_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, tables = await written_with(bench, 10_000, monkeypatch)
    assert [(row["id"], row["state"], row["leased_by"], row["attempt"]) for row in tables["delivery"]] == [
        (42, "sending", "here", 1), (43, "pending", None, 0), (44, "sending", "here", 1), (45, "pending", None, 0),
    ]  # fmt: skip
    first, second = said.leased()
    assert (first.id, first.title, first.address, first.step) == (42, "by mail", "ann@example.com", 0)
    assert (second.id, second.title, second.critical, second.event_id) == (44, "gone", True, 43)


async def test_screens_get_what_was_not_taken_back_for_those_concerned(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, _ = await written_with(bench, 10_000, monkeypatch)
    assert [(each.notification_id, each.address) for each in said.live(lambda _: True)] == [(42, "ann"), (43, "bob")]
    assert [each.address for each in said.live(lambda user: user == "bob")] == ["bob"]


@pytest.mark.parametrize("rows", [0, 10_000])
async def test_what_no_column_can_hold_is_refused_without_being_repeated(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(writing, "SMALL", rows)
    bad = plan()
    bad.messages[0].words.body = "Ann lives at 12 Mill Lane\0"
    connection = await bench.connections.open("a writer")
    with pytest.raises(psycopg.DataError, match="NUL") as refused:
        async with connection, connection.transaction(), connection.cursor() as cursor:
            await writing.write(cursor, bad, {}, "here", 120, NOW)
    assert "Mill Lane" not in str(refused.value)
