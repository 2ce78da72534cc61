"""Messages, alerts and events that staff sends."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

if TYPE_CHECKING:
    from tests.integration.api.admin.conftest import BuildOffice, Office

TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


async def test_a_message_to_people_becomes_a_change(office: "Office") -> None:
    message = {"to": {"people": ["ann", "bob"]}, "title": " Closed today ", "body": "Until eight.", "channels": ["sms"]}
    sent = await office.post("/messages", message, 202)
    assert UUID(sent["key"]).version == 4
    ((op, key, old, new),) = await office.changes()
    assert (op, key, old["idempotency_key"]) == ("message", sent["key"], sent["key"])
    assert new == {
        "people": ["ann", "bob"],
        "title": "Closed today",
        "body": "Until eight.",
        "category": "system",
        "priority": "normal",
        "critical": False,
        "channels": ["sms"],
    }
    detail = {"to": {"people": 2}, "title": "Closed today", "channels": ["sms"]}
    assert await office.audited() == [("message.send", f"message:{key}", detail)]


async def test_a_message_can_go_to_an_audience_later_under_a_key(office: "Office") -> None:
    message = {
        "to": {"audience": "admins"},
        "title": "Lunch",
        "idempotency_key": "lunch",
        "scheduled_for": str(TOMORROW),
    }
    assert await office.post("/messages", message, 202) == {"key": "lunch", "new": True}
    ((key, message, at),) = await office.rows("SELECT idempotency_key, message, scheduled_for FROM orderbell.scheduled")
    assert (key, message["audience"], message["channels"], at) == ("lunch", "admins", ["inbox"], TOMORROW)
    assert await office.changes() == []


async def test_everyone_is_an_audience_of_the_configuration(office: "Office", build_office: "BuildOffice") -> None:
    await office.post("/messages", {"to": {"everyone": True}, "title": "Hello"}, 202)
    assert [new["audience"] for *_, new in await office.changes()] == ["everyone"]
    other = await build_office(audience={"customer": {"column": "customer_id"}})
    ((at, problem),) = await other.errors("POST", "/messages", {"to": {"everyone": True}, "title": "Hello"})
    assert at == "body.to.everyone"
    assert problem.startswith('there is no audience "everyone"; there is none')
    ((at, problem),) = await other.errors("POST", "/alerts", {"title": "Fire"})
    assert problem.startswith('there is no audience "admins"')


@pytest.mark.parametrize(
    ("changed", "at", "said"),
    [
        ({"to": {"audience": "admns"}}, "body.to.audience", 'there is no audience "admns" (did you mean "admins"?)'),
        ({"to": {"audience": "customer"}}, "body.to.audience", 'who is in "customer" depends on a row'),
        ({"channels": ["inbox", "smss"]}, "body.channels.1", 'there is no channel "smss" (did you mean "sms"?)'),
        ({"channels": ["webpush"]}, "body.channels.0", "there is inbox, email, sms"),
        ({"to": {}}, "body.to", "needs one of"),
        ({"to": {"people": ["a"], "everyone": True}}, "body.to", "needs one of"),
        ({"to": {"people": []}}, "body.to.people", "at least 1 item"),
        ({"to": {"people": ["x"] * 1001}}, "body.to.people", "at most 1000 items"),
        ({"to": {"people": ["a\0"]}}, "body.to.people.0", "match pattern"),
        ({"title": ""}, "body.title", "at least 1"),
        ({"title": "   "}, "body.title", "at least 1"),
        ({"title": "a\0b"}, "body.title", "match pattern"),
        ({"title": "\ud800"}, "body.title", "valid string"),
        ({"body": "x" * 5001}, "body.body", "at most 5000"),
        ({"url": "javascript:alert(1)"}, "body.url", "match pattern"),
        ({"idempotency_key": ""}, "body.idempotency_key", "at least 1"),
        ({"scheduled_for": "infinity"}, "body.scheduled_for", "valid datetime"),
        ({"scheduled_for": 1e300}, "body.scheduled_for", "valid datetime"),
        ({"scheduled_for": "9999-12-31T23:59:59-23:00"}, "body.scheduled_for", "between 2000 and 9998"),
        ({"scheduled_for": "0001-01-01T00:00:00+23:00"}, "body.scheduled_for", "between 2000 and 9998"),
        ({"scheduled_for": "2026-11-21T12:00:00"}, "body.scheduled_for", "timezone"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "body", "expires_at must be after"),
        ({"priority": "loud"}, "body.priority", "Input should be"),
        ({"colour": "red"}, "body.colour", "Extra inputs"),
    ],
)
async def test_a_message_that_nobody_could_be_told_says_why(
    office: "Office", changed: dict[str, Any], at: str, said: str
) -> None:
    errors = await office.errors("POST", "/messages", {"to": {"people": ["ann"]}, "title": "Hello"} | changed)
    assert any(where == at and said in problem for where, problem in errors), errors
    assert await office.changes() == await office.audited() == []


async def test_an_alert_is_urgent_and_on_every_channel(office: "Office") -> None:
    sent = await office.post("/alerts", {"title": "The oven is cold", "url": "https://shop.example/oven"}, 202)
    ((_, key, _, new),) = await office.changes()
    assert key == sent["key"]
    assert (new["audience"], new["priority"], new["category"]) == ("admins", "urgent", "system")
    assert new["channels"] == ["inbox", "email", "sms"]
    assert [action for action, *_ in await office.audited()] == ["alert.send"]


async def test_an_event_is_sent_as_an_application_would(office: "Office") -> None:
    event = {"event": "order.delayed", "key": "4711", "data": {"minutes": 20}, "idempotency_key": "late"}
    await office.post("/events", event, 202)
    ((op, key, old, new),) = await office.changes()
    assert (op, key, old["event"], old["idempotency_key"], new) == (
        "event",
        "4711",
        "order.delayed",
        "late",
        {"minutes": 20},
    )
    assert await office.audited() == [("event.send", "event:late", {"event": "order.delayed", "row": "4711"})]


def nested(depth: int) -> Any:
    return {"a": nested(depth - 1)} if depth else 1


@pytest.mark.parametrize(
    ("changed", "at", "said"),
    [
        ({"event": "order.delaid"}, "body.event", 'no rule is for "order.delaid" (did you mean "order.delayed"?)'),
        ({"event": "nonsense"}, "body.event", "match pattern"),
        ({"key": ""}, "body.key", "at least 1"),
        ({"data": {"a": ["b", "\0"]}}, "body.data", "has a NUL character"),
        ({"data": {"\ud800": 1}}, "body.data", "lone surrogate"),
        ({"data": nested(40)}, "body.data", "levels deep"),
        ({"data": [1]}, "body.data", "valid dictionary"),
    ],
)
async def test_an_event_that_cannot_be_told_says_why(
    office: "Office", changed: dict[str, Any], at: str, said: str
) -> None:
    errors = await office.errors("POST", "/events", {"event": "order.delayed", "key": "1"} | changed)
    assert any(where == at and said in problem for where, problem in errors), errors
    assert await office.changes() == await office.audited() == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_numbers_that_json_does_not_have_are_refused(office: "Office", number: str) -> None:
    body = f'{{"event": "order.delayed", "key": "1", "data": {{"n": {number}}}}}'
    answer = await office.client.post("/api/admin/events", content=body)
    assert answer.status_code == 422
    assert await office.changes() == []


async def test_what_was_scheduled_is_listed_moved_and_cancelled(office: "Office") -> None:
    for number in range(5):
        at = (TOMORROW + timedelta(hours=number)).isoformat()
        message = {"to": {"everyone": True}, "title": f"No {number}", "idempotency_key": f"n/{number}"}
        await office.post("/messages", message | {"scheduled_for": at}, 202)
    await office.sql("SELECT orderbell.send('order.ready', '1', scheduled_for => 'infinity')")
    await office.sql("""SELECT orderbell.tell('{"title": "\\u0000"}', 'odd', scheduled_for => now() + '9 days')""")
    listed = await office.pages("/scheduled", limit=2)
    assert [(each["key"], each["title"]) for each in listed] == [
        *((f"n/{number}", f"No {number}") for number in range(5)),
        ("odd", None),
        (None, None),
    ]
    await office.post("/scheduled/n/0/reschedule", {"scheduled_for": (TOMORROW + timedelta(days=3)).isoformat()}, 204)
    await office.post("/scheduled/n/1/extend", {"expires_at": (TOMORROW + timedelta(days=3)).isoformat()}, 204)
    await office.post("/scheduled/n/2/cancel", status=204)
    listed = await office.pages("/scheduled")
    assert [each["key"] for each in listed] == ["n/1", "n/3", "n/4", "n/0", "odd", None]
    assert listed[0]["expires_at"] is not None
    assert [(action, target) for action, target, _ in (await office.audited())[5:]] == [
        ("scheduled.reschedule", "key:n/0"),
        ("scheduled.extend", "key:n/1"),
        ("scheduled.cancel", "key:n/2"),
    ]


async def test_what_was_told_already_can_be_taken_back_and_prolonged_and_not_moved(office: "Office") -> None:
    await office.told(1)
    await office.sql("UPDATE orderbell.event SET idempotency_key = 'told'")
    await office.post("/scheduled/told/extend", {"expires_at": TOMORROW.isoformat()}, 204)
    await office.post("/scheduled/told/cancel", status=204)
    assert [op for op, *_ in await office.changes()] == ["extend", "cancel"]
    await office.post("/scheduled/told/reschedule", {"scheduled_for": TOMORROW.isoformat()}, 404)


async def test_a_key_that_nothing_was_sent_with_is_not_found_and_not_audited(office: "Office") -> None:
    await office.post("/scheduled/none/cancel", status=404)
    await office.post("/scheduled/none/reschedule", {"scheduled_for": TOMORROW.isoformat()}, 404)
    await office.post("/scheduled/none/extend", {"expires_at": TOMORROW.isoformat()}, 404)
    await office.post("/scheduled/a%00b/cancel", status=422)
    assert await office.audited() == []


async def test_a_change_that_fails_leaves_no_trace_in_the_audit(office: "Office") -> None:
    await office.sql("ALTER TABLE orderbell.change ADD CHECK (op <> 'message')")
    answer = await office.client.post("/api/admin/messages", json={"to": {"everyone": True}, "title": "x"})
    assert answer.status_code == 500
    assert await office.audited() == []


async def test_a_change_that_cannot_be_audited_is_not_made(office: "Office") -> None:
    await office.sql("ALTER TABLE orderbell.audit ADD CHECK (action <> 'message.send')")
    answer = await office.client.post("/api/admin/messages", json={"to": {"everyone": True}, "title": "x"})
    assert answer.status_code == 500
    assert await office.changes() == []
