"""A person's inbox over REST."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, Build


async def test_the_inbox_is_listed_newest_first(api: "Api") -> None:
    await api.store("ann", 1, 2, 3)
    page = (await (await api.of("ann")).get("/api/notifications")).json()
    assert [item["id"] for item in page["items"]] == [3, 2, 1]
    assert page["next"] is None
    item = page["items"][0]
    assert datetime.fromisoformat(item.pop("created_at")).tzinfo is not None
    assert item == {
        "id": 3,
        "event": "order.ready",
        "subject": "order:1",
        "audience": "customer",
        "category": "order",
        "priority": "normal",
        "title": "Ready",
        "body": "Soon.",
        "url": "https://shop.example/1",
        "action": "Look",
        "read_at": None,
    }


async def test_pages_follow_on_without_gap_or_repeat_while_new_ones_come(api: "Api") -> None:
    await api.store("ann", *range(1, 26))
    client = await api.of("ann")
    seen: list[int] = []
    query: dict[str, Any] = {"limit": 10}
    while True:
        page = (await client.get("/api/notifications", params=query)).json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
        await api.store("ann", 100 + len(seen))
    assert seen == list(range(25, 0, -1))


async def test_only_unread_ones_can_be_asked_for(api: "Api") -> None:
    await api.store("ann", 1, 2, 3)
    client = await api.of("ann")
    await client.post("/api/notifications/2/read")
    for unread, ids in (("true", [3, 1]), ("false", [2])):
        page = (await client.get("/api/notifications", params={"unread": unread})).json()
        assert [item["id"] for item in page["items"]] == ids


async def test_withdrawn_notifications_are_not_there(api: "Api") -> None:
    await api.store("ann", 1, 2)
    await api.database.execute("UPDATE orderbell.notification SET withdrawn_at = now() WHERE id = 2")
    client = await api.of("ann")
    page = (await client.get("/api/notifications")).json()
    assert [item["id"] for item in page["items"]] == [1]
    assert (await client.get("/api/notifications/count")).json() == {"total": 1, "unread": 1}
    assert (await client.post("/api/notifications/2/read")).status_code == 404


async def test_reading_twice_changes_nothing(api: "Api") -> None:
    await api.store("ann", 1, 2)
    client = await api.of("ann")
    first = (await client.post("/api/notifications/1/read")).json()
    assert (await client.post("/api/notifications/1/read")).json() == first
    assert first["id"] == 1
    assert (await client.get("/api/notifications/count")).json() == {"total": 2, "unread": 1}


async def test_marking_all_keeps_the_moment_of_those_that_were_read_before(api: "Api") -> None:
    await api.store("ann", 1, 2, 3)
    await api.store("bob", 4)
    client = await api.of("ann")
    first = (await client.post("/api/notifications/1/read")).json()
    everything = (await client.post("/api/notifications/mark-all-read")).json()
    assert everything["up_to"] == 3
    items = (await client.get("/api/notifications")).json()["items"]
    assert [item["read_at"] for item in items] == [everything["read_at"]] * 2 + [first["read_at"]]
    assert (await (await api.of("bob")).get("/api/notifications/count")).json()["unread"] == 1


async def test_an_empty_inbox_can_be_marked_and_counted(api: "Api") -> None:
    client = await api.of("ann")
    assert (await client.post("/api/notifications/mark-all-read")).json()["up_to"] == 0
    assert (await client.get("/api/notifications/count")).json() == {"total": 0, "unread": 0}
    assert (await client.get("/api/notifications")).json() == {"items": [], "next": None}


async def test_a_strangers_inbox_is_as_if_it_were_not_there(api: "Api") -> None:
    await api.store("bob", 1)
    ann = await api.of("ann")
    assert (await ann.get("/api/notifications")).json()["items"] == []
    strange, none = [await ann.post(f"/api/notifications/{number}/read") for number in (1, 2)]
    assert strange.status_code == none.status_code == 404
    assert strange.json() == none.json()
    assert await api.rows("SELECT read_at FROM orderbell.notification") == [(None,)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/notifications"),
        ("GET", "/api/notifications/count"),
        ("POST", "/api/notifications/1/read"),
        ("POST", "/api/notifications/mark-all-read"),
        ("POST", "/api/push-subscriptions"),
        ("DELETE", "/api/push-subscriptions"),
    ],
)
async def test_every_route_of_a_person_needs_their_token(api: "Api", method: str, path: str) -> None:
    none = await (await api.of(None)).request(method, path, json={})
    assert none.status_code == 401
    assert none.headers["WWW-Authenticate"] == "Bearer"
    wrong = await (await api.of(None, Authorization="Bearer nonsense")).request(method, path, json={})
    assert wrong.status_code == 401
    assert wrong.headers["Content-Type"] == "application/problem+json"
    assert wrong.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    assert wrong.json()["code"] == "bad_token"


async def test_without_a_secret_the_api_says_what_is_missing(build: "Build") -> None:
    api = await build(auth={})
    for headers in ({}, {"Authorization": "Bearer x"}):
        answer = await (await api.of(None, **headers)).get("/api/notifications")
        assert answer.status_code == 503
        assert "auth.secret" in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "before=0", "before=-1", "before=9223372036854775808", "unread=2"],
)
async def test_a_query_that_makes_no_sense_is_a_problem_that_says_where(api: "Api", query: str) -> None:
    answer = await (await api.of("ann")).get(f"/api/notifications?{query}")
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["at"] == ["query", query.partition("=")[0]]


async def test_a_database_that_is_away_is_a_problem_and_not_a_crash(build: "Build") -> None:
    api = await build(database={"url": "host=127.0.0.1 port=1 dbname=x", "connect_timeout_seconds": 1})
    answer = await (await api.of("ann")).get("/api/notifications")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "5"
