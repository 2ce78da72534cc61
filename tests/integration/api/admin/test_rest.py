"""Suppressions, the audit, and how things stand."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.api.admin.conftest import Office


async def test_an_address_is_closed_and_opened_as_it_is_compared(office: "Office") -> None:
    closed = await office.post("/suppressions", {"channel": "email", "address": " Ann@Example.COM ", "detail": "asked"})
    assert closed == {"channel": "email", "address": "ann@example.com", "added": True}
    assert (await office.post("/suppressions", {"channel": "email", "address": "ANN@example.com"}))["added"] is False
    ((channel, address, reason, detail),) = await office.rows(
        "SELECT channel, address, reason, detail FROM orderbell.suppression"
    )
    assert (channel, address, reason, detail) == ("email", "ann@example.com", "manual", "asked")
    gone = {"channel": "email", "address": "aNN@example.com"}
    await office.ask("DELETE", "/suppressions", gone, 204)
    await office.ask("DELETE", "/suppressions", gone, 404)
    assert await office.audited() == [
        ("suppression.add", "email:a…@example.com", None),
        ("suppression.remove", "email:a…@example.com", {"reason": "manual"}),
    ]


async def test_suppressions_are_listed_newest_first_page_by_page(office: "Office") -> None:
    # All at the same moment: nothing but the address tells them apart.
    await office.sql(
        "INSERT INTO orderbell.suppression (channel, address, reason)"
        " SELECT 'email', 'a' || n || '@example.com', 'bounce' FROM generate_series(1, 7) n"
    )
    await office.post("/suppressions", {"channel": "sms", "address": "+1 202 555 0123"})
    listed = await office.pages("/suppressions", limit=3)
    assert listed[0]["address"] == "+12025550123"
    assert sorted(each["address"] for each in listed[1:]) == [f"a{n}@example.com" for n in range(1, 8)]
    assert len(await office.pages("/suppressions", channel="email")) == 7
    assert len(await office.pages("/suppressions", reason="manual")) == 1
    (found,) = await office.pages("/suppressions", channel="email", address="A3@example.com")
    assert found["address"] == "a3@example.com"


@pytest.mark.parametrize(
    "body",
    [
        {"channel": "telegram", "address": "x"},
        {"channel": "inbox", "address": "x"},
        {"channel": "email", "address": ""},
        {"channel": "email", "address": "  "},
        {"channel": "email", "address": "a\0@b.cd"},
        {"channel": "email", "address": "\ud800@b.cd"},
        {"channel": "email"},
        {"channel": "email", "address": 5},
    ],
)
async def test_what_is_no_address_is_refused(office: "Office", body: Any) -> None:
    await office.post("/suppressions", body, 422)
    await office.ask("DELETE", "/suppressions", body, 422)
    assert await office.audited() == []


async def test_an_address_is_looked_for_on_a_channel(office: "Office") -> None:
    for query in ("address=x", "channel=telegram", "channel=email&address=%00", "reason=none", "cursor=W10"):
        await office.ask("GET", f"/suppressions?{query}", status=422)


async def test_the_audit_is_listed_newest_first_and_can_be_narrowed_down(office: "Office") -> None:
    for number in range(5):
        await office.post("/announcements", {"title": f"No {number}"}, 201)
    await office.post("/announcements/2/withdraw")
    entries = await office.pages("/audit", limit=2)
    assert [entry["action"] for entry in entries] == ["announcement.withdraw", *["announcement.create"] * 5]
    assert {entry["actor"] for entry in entries} == {"ada"}
    assert entries[1]["detail"] == {"level": "info", "title": "No 4"}
    for query, count in (
        ({"actor": "ada"}, 6),
        ({"actor": "bob"}, 0),
        ({"action": "announcement.withdraw"}, 1),
        ({"target": "announcement:2"}, 2),
        ({"since": "2000-01-01T00:00:00Z"}, 6),
        ({"since": "9000-01-01T00:00:00Z"}, 0),
    ):
        assert len(await office.pages("/audit", **query)) == count, query


@pytest.mark.parametrize(
    "query", ["actor=%00", "since=infinity", "since=now", "limit=1e9", "cursor=WzBd0", "cursor=Wy0xXQ"]
)
async def test_an_audit_query_that_makes_no_sense_is_a_problem(office: "Office", query: str) -> None:
    await office.ask("GET", f"/audit?{query}", status=422)


async def test_the_overview_of_an_empty_database(office: "Office") -> None:
    overview = await office.get("/overview")
    assert overview["deliveries"] == {}
    assert set(overview["queue"].values()) == {0, None}
    assert overview["connected_people"] == overview["connected_daemons"] == 0


async def test_the_overview_counts_the_last_day_and_who_is_there(office: "Office") -> None:
    await office.told(1)
    await office.ended(1, "sent")
    await office.ended(2, "sent")
    await office.ended(3, "failed", channel="sms")
    await office.ended(4, "sent", finished_at="yesterday 0:00")
    await office.waits(5, due_at="2026-01-01")
    await office.waits(6, due_at="9000-01-01")
    await office.waits(7, hold="quiet")
    await office.waits(8, state="sending", attempt=1)
    await office.sql("INSERT INTO orderbell.node (name, seen_at) VALUES ('a', now()), ('b', now()), ('c', 'yesterday')")
    await office.sql(
        "INSERT INTO orderbell.online (user_id, node) VALUES ('ann', 'a'), ('ann', 'b'), ('bob', 'a'), ('cy', 'c')"
    )
    await office.post("/events", {"event": "order.ready", "key": "1"}, 202)
    overview = await office.get("/overview")
    assert overview["deliveries"] == {"email": {"pending": 3, "sending": 1, "sent": 2}, "sms": {"failed": 1}}
    queue = overview["queue"]
    assert (queue["deliveries"], queue["due"], queue["sending"], queue["held"]) == (4, 1, 1, 1)
    assert queue["oldest_due_at"].startswith("2026-01-01")
    assert queue["changes"] == 1
    assert (overview["connected_people"], overview["connected_daemons"]) == (2, 2)
