"""What is sent under a key that is known already, and times that contradict each other."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.api.admin.conftest import Office

LATER = {"scheduled_for": "2096-01-01T00:00:00Z"}
A_MESSAGE = {"to": {"people": ["ann"]}, "title": "First", "idempotency_key": "k"}
WAYS: Any = [
    ("/messages", A_MESSAGE),
    ("/alerts", {"title": "Fire", "idempotency_key": "k"}),
    ("/events", {"event": "order.delayed", "key": "1", "idempotency_key": "k"}),
]


@pytest.mark.parametrize("first", [{}, LATER])
@pytest.mark.parametrize(("path", "body"), WAYS)
async def test_the_same_key_again_says_that_it_is_known_and_is_not_audited(
    office: "Office", path: str, body: dict[str, Any], first: dict[str, str]
) -> None:
    assert await office.post("/messages", A_MESSAGE | first, 202) == {"key": "k", "new": True}
    before = await office.changes(), await office.rows("SELECT * FROM orderbell.scheduled")
    for again in ({}, LATER):
        assert await office.post(path, body | again, 200) == {"key": "k", "new": False}
    assert before == (await office.changes(), await office.rows("SELECT * FROM orderbell.scheduled"))
    assert [action for action, *_ in await office.audited()] == ["message.send"]


async def test_a_key_that_was_told_long_ago_is_known(office: "Office") -> None:
    await office.told(1)
    await office.sql("UPDATE orderbell.event SET idempotency_key = 'k'")
    assert await office.post("/messages", A_MESSAGE, 200) == {"key": "k", "new": False}
    assert await office.audited() == []


@pytest.mark.usefixtures("no_limits")
async def test_of_several_at_once_one_is_new(office: "Office") -> None:
    said = await asyncio.gather(*(office.client.post("/api/admin/messages", json=A_MESSAGE) for _ in range(8)))
    assert sorted(answer.json()["new"] for answer in said) == [*[False] * 7, True]
    assert len(await office.changes()) == len(await office.audited()) == 1


async def test_what_waits_is_not_moved_past_its_end(office: "Office") -> None:
    await office.post("/messages", A_MESSAGE | LATER | {"expires_at": "2096-01-02T00:00:00Z"}, 202)
    for at in ("2096-01-02T00:00:00Z", "2096-02-01T00:00:00Z"):
        ((where, why),) = await office.errors("POST", "/scheduled/k/reschedule", {"scheduled_for": at})
        assert (where, why[:13]) == ("body.scheduled_for", "would be over")
    for at in ("2095-12-31T00:00:00Z", "2096-01-01T00:00:00Z", "2001-01-01T00:00:00Z"):
        ((where, _),) = await office.errors("POST", "/scheduled/k/extend", {"expires_at": at})
        assert where == "body.expires_at"
    await office.post("/scheduled/k/reschedule", {"scheduled_for": "2096-01-01T23:59:59Z"}, 204)
    await office.post("/scheduled/k/extend", {"expires_at": "2096-01-03T00:00:00Z"}, 204)
    actions = [action for action, *_ in await office.audited()]
    assert actions == ["message.send", "scheduled.reschedule", "scheduled.extend"]


async def test_what_has_an_end_that_is_no_moment_can_be_moved(office: "Office") -> None:
    await office.sql("SELECT orderbell.send('order.ready', '1', '{}', 'k', 'infinity')")
    await office.post("/scheduled/k/reschedule", LATER, 204)


@pytest.mark.parametrize("starts_at", [None, "2000-06-01T00:00:00Z"])
async def test_an_announcement_that_is_over_already_is_refused(office: "Office", starts_at: str | None) -> None:
    body = {"title": "Gone", "starts_at": starts_at, "ends_at": "2001-01-01T00:00:00Z"}
    ((where, _),) = await office.errors("POST", "/announcements", body)
    assert where == "body.ends_at"
    await office.post("/announcements", {"title": "There"}, 201)
    ((where, why),) = await office.errors("PATCH", "/announcements/1", {"ends_at": "2001-01-01T00:00:00Z"})
    assert (where, await office.rows("SELECT ends_at FROM orderbell.announcement")) == ("body.ends_at", [(None,)]), why


async def test_what_can_never_be_brought_back_is_not_left(office: "Office") -> None:
    await office.ended(5, "failed", told=999, error="boom")
    await office.told(1)
    await office.ended(6, "failed", error="boom")
    nothing = {"deliveries": 0, "changes": 0, "left": 0}
    assert await office.post("/deliveries/retry", {"error": "boom"}) == nothing | {"deliveries": 1}
    assert await office.post("/deliveries/retry", {"error": "boom"}) == nothing


async def test_a_channel_that_is_not_there_is_said_to_be_none(office: "Office") -> None:
    said = 'there is no channel "emial" (did you mean "email"?); there is inbox, email, sms'
    ((where, why),) = await office.errors("POST", "/deliveries/retry", {"channel": "emial"})
    assert (where, why[: len(said)]) == ("body.channel", said)
    ((where, why),) = await office.errors("GET", "/deliveries?channel=emial")
    assert (where, why[: len(said)]) == ("query.channel", said)
