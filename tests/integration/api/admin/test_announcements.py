"""Announcements, as staff makes, changes and withdraws them."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.integration.api.admin.conftest import Office


def at(hours: float) -> str:
    """So far from now: not from when the tests were collected, which may be an hour ago."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


async def make(office: "Office", **more: Any) -> Any:
    return await office.post("/announcements", {"title": "No deliveries today"} | more, 201)


async def test_an_announcement_holds_for_everybody_from_now_on(office: "Office") -> None:
    made = await make(office, level="warning", body="Snow.", url="https://shop.example/snow", action="More")
    assert made["state"] == "current"
    assert (made["audience"], made["ends_at"], made["created_by"]) == (None, None, "ada")
    assert await office.get(f"/announcements/{made['id']}") == made
    ((action, target, detail),) = await office.audited()
    assert (action, target) == ("announcement.create", f"announcement:{made['id']}")
    assert detail == {"level": "warning", "title": "No deliveries today"}


async def test_they_are_listed_by_whether_they_are_shown(office: "Office") -> None:
    coming = await make(office, starts_at=at(1), ends_at=at(2))
    current = await make(office, starts_at=at(-1), ends_at=at(1), audience="admins")
    over = await make(office, starts_at=at(-2))
    await office.sql("UPDATE orderbell.announcement SET ends_at = %s WHERE id = %s", at(-1), over["id"])
    withdrawn = await make(office)
    await office.post(f"/announcements/{withdrawn['id']}/withdraw")
    for state, found in (("coming", [coming]), ("current", [current]), ("over", [withdrawn, over])):
        listed = await office.pages("/announcements", state=state, limit=1)
        assert [each["id"] for each in listed] == [each["id"] for each in found]
        assert {each["state"] for each in listed} == {state}
    everything = [each["id"] for each in await office.pages("/announcements", limit=3)]
    assert everything == [each["id"] for each in (withdrawn, over, current, coming)]


async def test_daemons_are_rung_when_something_has_changed(office: "Office", database: str) -> None:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute("LISTEN orderbell_live")
        made = await make(office)
        await office.ask("PATCH", f"/announcements/{made['id']}", {"title": "Fewer deliveries today"})
        await office.post(f"/announcements/{made['id']}/withdraw")
        rings = [ring async for ring in connection.notifies(timeout=30, stop_after=3)]
    assert len(rings) == 3


async def test_what_is_given_is_changed_and_nothing_else(office: "Office") -> None:
    made = await make(office, url="https://shop.example/snow", ends_at=at(1))
    changed = await office.ask(
        "PATCH", f"/announcements/{made['id']}", {"title": "Other", "url": None, "ends_at": None}
    )
    assert changed == made | {"title": "Other", "url": None, "ends_at": None}
    assert await office.ask("PATCH", f"/announcements/{made['id']}", {"title": "Other"}) == changed
    audited = await office.audited()
    assert [action for action, *_ in audited] == ["announcement.create", "announcement.change"]
    assert audited[-1][2] == {"changed": ["ends_at", "title", "url"]}


async def test_one_that_is_over_stays_as_it_is(office: "Office") -> None:
    made = await make(office)
    withdrawn = await office.post(f"/announcements/{made['id']}/withdraw")
    assert withdrawn["state"] == "over"
    assert await office.post(f"/announcements/{made['id']}/withdraw") == withdrawn
    await office.ask("PATCH", f"/announcements/{made['id']}", {"title": "Other"}, 409)
    assert [action for action, *_ in await office.audited()] == ["announcement.create", "announcement.withdraw"]


async def test_one_that_there_is_not_is_not_found(office: "Office") -> None:
    await office.ask("GET", "/announcements/7", status=404)
    await office.ask("PATCH", "/announcements/7", {"title": "x"}, 404)
    await office.post("/announcements/7/withdraw", status=404)
    for id_ in ("0", "-1", str(2**63), "x"):
        await office.ask("GET", f"/announcements/{id_}", status=422)


@pytest.mark.parametrize(
    ("given", "where", "said"),
    [
        ({"title": ""}, "body.title", "at least 1"),
        ({"title": "x" * 201}, "body.title", "at most 200"),
        ({"body": "x" * 2001}, "body.body", "at most 2000"),
        ({"body": "\0"}, "body.body", "match pattern"),
        ({"audience": "admns"}, "body.audience", 'did you mean "admins"?'),
        ({"audience": "customer"}, "body.audience", "depends on a row"),
        ({"level": "loud"}, "body.level", "Input should be"),
        ({"url": "ftp://x"}, "body.url", "match pattern"),
        ({"starts_at": "infinity"}, "body.starts_at", "valid datetime"),
        ({"ends_at": "9999-06-01T00:00:00Z"}, "body.ends_at", "between 2000 and 9998"),
        ({"ends_at": at(-1)}, "body.ends_at", "after its start"),
        ({"starts_at": at(2), "ends_at": at(1)}, "body.ends_at", "after its start"),
    ],
)
async def test_one_that_cannot_be_shown_says_why(
    office: "Office", given: dict[str, Any], where: str, said: str
) -> None:
    errors = await office.errors("POST", "/announcements", {"title": "x"} | given)
    assert any(path == where and said in problem for path, problem in errors), errors
    assert await office.pages("/announcements") == await office.audited() == []


async def test_a_change_that_makes_no_sense_is_refused(office: "Office") -> None:
    made = await make(office, ends_at=at(1))
    for given in ({"title": None}, {"starts_at": at(2)}, {"ends_at": at(-3)}, {"audience": "admins"}, {"level": "x"}):
        await office.ask("PATCH", f"/announcements/{made['id']}", given, 422)
    assert await office.get(f"/announcements/{made['id']}") == made
