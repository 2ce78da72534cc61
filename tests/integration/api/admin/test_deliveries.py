"""What became of deliveries, and bringing them back."""

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.api.admin.conftest import Office

DEVICE = json.dumps({"endpoint": "https://push.example.net/send/abc", "keys": {"p256dh": "P", "auth": "A"}})


async def some(office: "Office") -> None:
    """Two notifications to Ann and one to Bob, and one delivery in every state."""
    await office.told(1)
    await office.told(2, subject="order:2")
    await office.told(3, user="bob", subject="order:2")
    await office.ended(11, "sent", 1)
    await office.ended(12, "delivered", 1, channel="sms", address="+12025550123")
    await office.ended(13, "failed", 2, error="550 no mailbox ann@example.com here")
    await office.ended(14, "skipped", 3, reason="preference", attempt=0)
    await office.ended(15, "sent", 3, channel="webpush", address=DEVICE)
    await office.waits(16, 2)
    await office.waits(17, 3, state="sending", attempt=1, user_id="bob", subject="order:2")


async def test_deliveries_are_listed_newest_first_with_their_addresses_masked(office: "Office") -> None:
    await some(office)
    listed = await office.pages("/deliveries", limit=3)
    assert [(each["id"], each["state"]) for each in listed] == [
        (17, "sending"),
        (16, "pending"),
        (15, "sent"),
        (14, "skipped"),
        (13, "failed"),
        (12, "delivered"),
        (11, "sent"),
    ]
    assert {each["address"] for each in listed} == {"a…@example.com", "+1…0123", "push.example.net"}
    failed = listed[4]
    assert failed["error"] == "550 no mailbox a…@example.com here"
    assert (failed["user_id"], failed["subject"], failed["event"]) == ("ann", "order:2", "order.ready")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"state": "sent"}, [15, 11]),
        ({"state": "pending"}, [16]),
        ({"channel": "sms"}, [12]),
        ({"reason": "preference"}, [14]),
        ({"reason": "preference", "state": "pending"}, []),
        ({"user_id": "ann"}, [16, 13, 12, 11]),
        ({"user_id": "bob", "channel": "email"}, [17, 14]),
        ({"subject": "order:2"}, [17, 16, 15, 14, 13]),
        ({"subject": "order:2", "user_id": "bob", "state": "sent"}, [15]),
        ({"subject": "order:3"}, []),
        ({"since": "2000-01-01T00:00:00Z"}, [17, 16, 15, 14, 13, 12, 11]),
        ({"since": "9000-01-01T00:00:00+01:00"}, []),
    ],
)
async def test_deliveries_can_be_narrowed_down(office: "Office", query: dict[str, str], ids: list[int]) -> None:
    await some(office)
    assert [each["id"] for each in await office.pages("/deliveries", **query, limit=2)] == ids


async def test_one_is_shown_with_every_attempt(office: "Office") -> None:
    await some(office)
    for number, outcome in ((1, "retry"), (2, "rejected")):
        await office.sql(
            "INSERT INTO orderbell.attempt"
            " (delivery_id, attempt, provider, started_at, ended_at, outcome, code, detail)"
            " VALUES (13, %s, 'smtp', now(), now() + %s * interval '1 s', %s, '550', 'no ann@example.com here')",
            number,
            number,
            outcome,
        )
    one = await office.get("/deliveries/13")
    assert [(each["number"], each["outcome"], each["detail"]) for each in one["attempts"]] == [
        (1, "retry", "no a…@example.com here"),
        (2, "rejected", "no a…@example.com here"),
    ]
    assert (await office.get("/deliveries/16"))["attempts"] == []
    await office.ask("GET", "/deliveries/99", status=404)


async def test_one_that_failed_is_brought_back(office: "Office") -> None:
    await some(office)
    await office.post("/deliveries/13/retry", status=204)
    ((state, attempt, uncertain),) = await office.rows(
        "SELECT state, attempt, uncertain FROM orderbell.delivery WHERE id = 13"
    )
    assert (state, attempt, uncertain) == ("pending", 0, True)
    assert await office.audited() == [("delivery.retry", "delivery:13", {"deliveries": 1, "changes": 0})]
    for other in (13, 11, 99):
        await office.post(f"/deliveries/{other}/retry", status=404)
    assert len(await office.audited()) == 1


async def test_those_that_failed_are_brought_back_by_id_channel_or_error(office: "Office") -> None:
    await office.told(1)
    for id_, channel, error in ((1, "email", "Down"), (2, "email", "no such"), (3, "sms", "down"), (4, "sms", "x")):
        await office.ended(id_, "failed", channel=channel, error=error)
    assert await office.post("/deliveries/retry", {"ids": [1, 99]}) == {"deliveries": 1, "changes": 0, "left": 0}
    assert await office.post("/deliveries/retry", {"channel": "sms", "error": "DOWN"}) == {
        "deliveries": 1,
        "changes": 0,
        "left": 0,
    }
    assert (await office.post("/deliveries/retry", {"channel": "email"}))["deliveries"] == 1
    assert await office.rows("SELECT id FROM orderbell.delivery ORDER BY id") == [(1,), (2,), (3,)]
    assert (await office.post("/deliveries/retry", {"channel": "email"}))["deliveries"] == 0
    assert len(await office.audited()) == 3


async def test_an_error_alone_brings_back_changes_as_well_as_the_command_does(office: "Office") -> None:
    await office.sql(
        "INSERT INTO orderbell.change_failed (id, watch, op, key, old, new, error)"
        " VALUES (7, 'orders', 'update', '1', '{}', '{}', 'it was Down')"
    )
    assert await office.post("/deliveries/retry", {"error": "down"}) == {"deliveries": 0, "changes": 1, "left": 0}
    assert [op for op, *_ in await office.changes()] == ["update"]
    assert await office.audited() == [("delivery.retry", None, {"error": "down", "deliveries": 0, "changes": 1})]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"ids": [0]},
        {"ids": [2**63]},
        {"ids": ["x"]},
        {"error": ""},
        {"error": "\0"},
        {"all": True},
        [],
    ],
)
async def test_a_retry_of_nothing_in_particular_is_refused(office: "Office", body: Any) -> None:
    await office.post("/deliveries/retry", body, 422)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "state=gone",
        "reason=none",
        "since=infinity",
        "since=1e400",
        "since=2026-01-01",
        "channel=%00",
        "user_id=a%00b",
        "cursor=%00",
        "cursor=nonsense",
        "cursor=WyJhIl0",
        "cursor=WzFlOTldCg",
        "cursor=bnVsbA",
        "cursor=W10",
    ],
)
async def test_a_query_that_makes_no_sense_is_a_problem(office: "Office", query: str) -> None:
    await office.ask("GET", f"/deliveries?{query}", status=422)


async def test_an_explanation_is_what_the_command_says(office: "Office") -> None:
    await some(office)
    told = await office.get("/people/ann/explain", subject="order:2")
    assert told["subject"] == "order:2"
    (event,) = [each for each in told["events"] if each["told"]]
    (person,) = event["told"]
    assert person["user"] == "ann"
    ways = {(way["channel"], way["state"]): way for way in person["ways"]}
    assert ways["email", "failed"]["address"] == "a…@example.com"
    assert ways["email", "failed"]["why"]
    only = await office.get("/people/ann/explain", subject="order:2", channel="sms")
    assert {way["channel"] for event in only["events"] for told in event["told"] for way in told["ways"]} <= {"sms"}


async def test_an_explanation_of_nothing_is_not_found(office: "Office") -> None:
    await office.ask("GET", "/people/ann/explain?subject=order:99", status=404)
    for query in ("subject=order", "subject=", "subject=order:%00", "subject=order:1&channel=telegram", ""):
        await office.ask("GET", f"/people/ann/explain?{query}", status=422)
