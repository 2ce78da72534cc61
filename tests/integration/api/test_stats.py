"""How much a person was told, and how soon they read it."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, Build

PATH = "/api/notifications/stats"
NOTHING = {"notifications": 0, "delivered": 0, "read": 0, "median": None, "p90": None}


@pytest.fixture(autouse=True)
async def of_one_day() -> None:
    """What is stored today is asked for today: a test that would go over midnight (UTC) waits for it."""
    now = datetime.now(UTC)
    left = datetime.combine(now.date() + timedelta(days=1), time(), UTC) - now
    if left < timedelta(seconds=40):
        await asyncio.sleep(left.total_seconds() + 0.1)


async def deliver(api: "Api", notification: int, channel: str, state: str, reason: str | None = None) -> None:
    await api.database.execute(
        "INSERT INTO orderbell.delivery_history (id, notification_id, channel, state, reason, attempt, finished_at)"
        " SELECT count(*) + 1, %s, %s, %s, %s, 1, now() FROM orderbell.delivery_history",
        (notification, channel, state, reason),
    )


async def stats(api: "Api", **query: Any) -> Any:
    answer = await (await api.of("ann")).get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_empty_inbox_has_a_row_for_each_day_and_nothing_in_it(api: "Api") -> None:
    found = await stats(api, days=3)
    assert found["total"] == NOTHING
    assert (found["types"], found["channels"]) == ([], [])
    today = datetime.now(UTC).date()
    assert [day["day"] for day in found["days"]] == [str(today - timedelta(days=n)) for n in (2, 1, 0)]
    assert found["since"] == found["days"][0]["day"]
    assert len((await stats(api))["days"]) == 30


async def test_types_channels_and_days_are_counted(api: "Api") -> None:
    await api.store("ann", 1, 2, 3)
    await api.store("ann", 4, event="order.sent", created_at=datetime.now(UTC) - timedelta(days=1))
    await api.store("ann", 5, created_at=datetime.now(UTC) - timedelta(days=40))
    await api.store("bob", 9)
    await deliver(api, 1, "email", "sent")
    await deliver(api, 1, "sms", "delivered")
    await deliver(api, 2, "email", "failed")
    await deliver(api, 4, "email", "skipped", "preference")
    await deliver(api, 9, "email", "sent")
    await deliver(api, 9, "sms", "failed")
    await api.database.execute(
        "INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state, due_at,"
        " expires_at, user_id, subject, audience)"
        " VALUES (78, 9, 'webpush', 'a', '', 'en', 'pending', now(), now(), 'bob', 'order:1', 'customer')"
    )
    await api.database.execute(
        "INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state, due_at,"
        " expires_at, user_id, subject, audience)"
        " VALUES (77, 3, 'email', 'a', '', 'en', 'pending', now(), now(), 'ann', 'order:1', 'customer')"
    )
    await api.database.execute(
        "UPDATE orderbell.notification SET read_at = created_at + make_interval(secs => id * 10) WHERE id IN (1, 3, 4)"
    )
    found = await stats(api, days=2)
    assert found["total"] == {"notifications": 4, "delivered": 1, "read": 3, "median": 30, "p90": pytest.approx(38)}
    assert [(each["event"], each["notifications"], each["read"]) for each in found["types"]] == [
        ("order.ready", 3, 2),
        ("order.sent", 1, 1),
    ]
    assert [(each["notifications"], each["delivered"], each["median"]) for each in found["days"]] == [
        (1, 0, 40),
        (3, 1, 20),
    ]
    none = {"pending": 0, "sending": 0, "sent": 0, "delivered": 0, "failed": 0, "skipped": 0}
    assert found["channels"] == [
        {"channel": "email"} | none | {"pending": 1, "sent": 1, "failed": 1, "skipped": 1},
        {"channel": "sms"} | none | {"delivered": 1},
    ]


async def test_what_was_withdrawn_does_not_count_and_what_was_deleted_does(api: "Api") -> None:
    await api.store("ann", 1, 2)
    await api.database.execute("UPDATE orderbell.notification SET withdrawn_at = now() WHERE id = 1")
    await (await api.of("ann")).delete("/api/notifications/2")
    total = (await stats(api))["total"]
    assert (total["notifications"], total["read"]) == (1, 1)


async def test_days_of_which_no_delivery_is_kept_any_more_are_left_out(build: "Build") -> None:
    api = await build(delivery={"history_days": 7})
    await api.store("ann", 1)
    await api.store("ann", 2, created_at=datetime.now(UTC) - timedelta(days=8))
    found = await stats(api, days=30)
    assert found["since"] == str(datetime.now(UTC).date() - timedelta(days=6))
    assert (len(found["days"]), found["total"]["notifications"]) == (7, 1)


@pytest.mark.parametrize("days", ["0", "366", "x", "99999999999999999999"])
async def test_days_that_make_no_sense_are_refused(api: "Api", days: str) -> None:
    assert (await (await api.of("ann")).get(PATH, params={"days": days})).status_code == 422
