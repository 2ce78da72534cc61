"""A person's inbox over REST."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from config.settings import Database
from daemon.api import create_engine
from daemon.api.inbox.session import Session, TooSlow

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, Build


def counts(total: int = 0, unread: int = 0, unseen: int = 0, archived: int = 0) -> dict[str, int]:
    return {"total": total, "unread": unread, "unseen": unseen, "archived": archived}


async def listed(api: "Api", **query: Any) -> list[int]:
    answer = await (await api.of("ann")).get("/api/notifications", params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


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
        "seen_at": None,
        "archived_at": None,
        "expires_at": None,
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
    assert (await client.get("/api/notifications/count")).json() == counts(total=1, unread=1, unseen=1)
    assert (await client.get("/api/notifications/2")).status_code == 404
    assert (await client.post("/api/notifications/2/read")).status_code == 404


async def test_a_strangers_inbox_is_as_if_it_were_not_there(api: "Api") -> None:
    await api.store("bob", 1)
    ann = await api.of("ann")
    assert (await ann.get("/api/notifications")).json()["items"] == []
    strange, none = [await ann.post(f"/api/notifications/{number}/read") for number in (1, 2)]
    assert strange.status_code == none.status_code == 404
    assert strange.json() == none.json()
    assert await api.rows("SELECT read_at FROM orderbell.notification") == [(None,)]


async def test_without_a_secret_the_api_says_what_is_missing(build: "Build") -> None:
    api = await build(auth={})
    for headers in ({}, {"Authorization": "Bearer x"}):
        answer = await (await api.of(None, **headers)).get("/api/notifications")
        assert answer.status_code == 503
        assert "auth.secret" in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "before=0",
        "before=-1",
        "before=9223372036854775808",
        "before=" + "9" * 5000,
        "unread=2",
        "q=",
        "q=" + "x" * 201,
        "q=a%00b",
        "order=%00",
        "subject=" + "x" * 300,
        "unknown=1",
    ],
)
async def test_a_query_that_makes_no_sense_is_a_problem_that_says_where(api: "Api", query: str) -> None:
    answer = await (await api.of("ann")).get(f"/api/notifications?{query}")
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["at"] == ["query", query.partition("=")[0]]


@pytest.mark.parametrize("query", ["type=Ready", "category=nonsense", "priority=4", "type=order.ready&" * 21])
async def test_values_that_are_none_are_a_problem(api: "Api", query: str) -> None:
    answer = await (await api.of("ann")).get(f"/api/notifications?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["at"][:2] == ["query", query.partition("=")[0]]


async def test_bytes_that_are_no_text_find_nothing(api: "Api") -> None:
    await api.store("ann", 1)
    answer = await (await api.of("ann")).get("/api/notifications?q=%ff%ed%a0%80")
    assert answer.json()["items"] == []


async def test_a_database_that_is_away_is_a_problem_and_not_a_crash(build: "Build") -> None:
    api = await build(database={"url": "host=127.0.0.1 port=1 dbname=x", "connect_timeout_seconds": 1})
    answer = await (await api.of("ann")).get("/api/notifications")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "5"


async def test_events_categories_and_priorities_can_be_asked_for(api: "Api") -> None:
    await api.store("ann", 1)
    await api.store("ann", 2, event="order.sent", category="delivery", priority="urgent")
    await api.store("ann", 3, event="cart.left", category="promotion", priority="low")
    assert await listed(api, type="order.ready") == [1]
    assert await listed(api, type=["order.ready", "order.sent"]) == [2, 1]
    assert await listed(api, category=["delivery", "promotion"]) == [3, 2]
    assert await listed(api, priority="low") == [3]
    assert await listed(api, urgent=True) == [2]
    assert await listed(api, urgent=False) == [3, 1]
    assert await listed(api, urgent=True, category="promotion") == []


async def test_the_archive_is_listed_where_it_is_asked_for_and_only_there(api: "Api") -> None:
    await api.store("ann", 1, 2)
    await (await api.of("ann")).post("/api/notifications/1/archive")
    assert await listed(api) == [2]
    assert await listed(api, archived=True) == [1]


async def test_what_is_about_an_order_can_be_asked_for(api: "Api") -> None:
    await api.store("ann", 1)
    await api.store("ann", 2, subject="order:2")
    await api.store("ann", 3, subject="ticket:2")
    assert await listed(api, order="2") == [2]
    assert await listed(api, subject="ticket:2") == [3]
    assert await listed(api, order="2", subject="ticket:2") == []


async def test_what_is_over_can_be_left_out(api: "Api") -> None:
    now = datetime.now(UTC)
    await api.store("ann", 1, expires_at=now - timedelta(seconds=1))
    await api.store("ann", 2, expires_at=now + timedelta(hours=1))
    await api.store("ann", 3)
    assert await listed(api, expired=True) == [1]
    assert await listed(api, expired=False) == [3, 2]


async def test_what_is_still_to_be_sent_can_be_asked_for(api: "Api") -> None:
    await api.store("ann", 1, 2)
    await api.store("bob", 3)
    await api.database.execute(
        "INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state, due_at,"
        " expires_at, user_id, subject, audience) SELECT n, n, 'email', 'a', '', 'en', 'pending', now(), now(), u,"
        " 'order:1', 'customer' FROM (VALUES (2, 'ann'), (3, 'bob')) v (n, u)"
    )
    assert await listed(api, scheduled=True) == [2]
    assert await listed(api, scheduled=False) == [1]


@pytest.mark.parametrize(
    ("q", "found"),
    [("PIZZA", [1]), ("100%", [2]), ("100_", []), ("\\", [3]), ("soon", [2, 1]), ("%", [2]), ("'; --", [])],
)
async def test_a_search_takes_what_is_written_literally_and_in_any_case(api: "Api", q: str, found: list[int]) -> None:
    await api.store("ann", 1, title="Your pizza")
    await api.store("ann", 2, title="100% done")
    await api.store("ann", 3, title="Ready", body="C:\\orders")
    await api.store("bob", 4, title="Your pizza, 100% soon")
    assert await listed(api, q=q) == found


async def test_a_search_that_takes_too_long_is_broken_off(api: "Api") -> None:
    await api.store("ann", 1)
    session = Session(create_engine(Database(url=SecretStr(api.database.info.dsn))), seconds=0.05)
    with pytest.raises(TooSlow) as slow:
        await session.rows(select(func.pg_sleep(5)))
    assert slow.value.status_code == 503
    await session._engine.dispose()


async def test_one_notification_can_be_looked_at_also_in_the_archive(api: "Api") -> None:
    await api.store("ann", 1)
    client = await api.of("ann")
    (item,) = (await client.get("/api/notifications")).json()["items"]
    assert (await client.get("/api/notifications/1")).json() == item
    await client.post("/api/notifications/1/archive")
    assert (await client.get("/api/notifications/1")).json()["archived_at"] is not None
    assert (await client.get("/api/notifications/2")).status_code == 404


async def test_counts_tell_inbox_archive_and_what_nobody_has_seen_apart(api: "Api") -> None:
    await api.store("ann", 1, 2, 3, 4, 5)
    await api.store("bob", 6)
    client = await api.of("ann")
    for number, action in ((1, "archive"), (2, "seen"), (3, "read")):
        await client.post(f"/api/notifications/{number}/{action}")
    await client.delete("/api/notifications/5")
    assert (await client.get("/api/notifications/count")).json() == counts(total=3, unread=2, unseen=1, archived=1)
