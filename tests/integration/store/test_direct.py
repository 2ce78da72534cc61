"""Messages in somebody's own words: from ``orderbell.tell`` to the inbox and the queue, like any other event."""

import json
from typing import Any

import pytest

from config.settings import Database
from daemon.connections import Connections
from daemon.delivery.holds import Holds
from daemon.delivery.lastlook import LastLook
from daemon.planning.catalogue import Catalogue
from tests.integration.store.conftest import Bench

TOLD = """
SELECT n.user_id, n.audience, n.category, n.priority, n.critical, m.title, m.body, m.url, m.action, n.subject
FROM orderbell.notification n JOIN orderbell.message m ON m.id = n.message_id
WHERE n.withdrawn_at IS NULL ORDER BY n.user_id
"""


def tell(bench: Bench, key: str = "k1", **message: Any) -> None:
    bench.sql("SELECT orderbell.tell(%s::json, %s)", json.dumps(message), key)


async def test_a_message_reaches_the_people_that_it_names(bench: Bench) -> None:
    tell(bench, people=["1", "4"], title="We close at six", body="Snow.", url="https://shop.example", action="More")
    await bench.plan()
    told = bench.rows(TOLD)
    assert [row["user_id"] for row in told] == ["1", "4"]
    assert {row["title"] for row in told} == {"We close at six"}
    assert told[0] == {
        "user_id": "1",
        "audience": "people",
        "category": "system",
        "priority": "normal",
        "critical": False,
        "title": "We close at six",
        "body": "Snow.",
        "url": "https://shop.example",
        "action": "More",
        "subject": "message:k1",
    }
    assert bench.rows("SELECT FROM orderbell.delivery") == []


async def test_a_message_goes_out_on_the_channels_that_it_names_to_who_can_be_reached_there(bench: Bench) -> None:
    tell(bench, people=["2", "4"], title="Call us", channels=["inbox", "email", "sms"], priority="urgent")
    await bench.plan()
    sent = bench.rows("SELECT channel, user_id FROM orderbell.delivery ORDER BY channel, user_id")
    assert [(row["channel"], row["user_id"]) for row in sent] == [("email", "2"), ("email", "4"), ("sms", "4")]


async def test_a_message_reaches_an_audience_that_is_the_same_for_every_event(bench: Bench) -> None:
    tell(bench, audience="staff", title="Inventory")
    await bench.plan()
    assert [row["user_id"] for row in bench.rows(TOLD)] == ["1", "2"]


async def test_who_is_not_among_the_people_is_remarked(bench: Bench) -> None:
    tell(bench, people=["1", "99"], title="Hello")
    await bench.plan()
    assert [row["user_id"] for row in bench.rows(TOLD)] == ["1"]
    (event,) = bench.rows("SELECT remarks FROM orderbell.event")
    assert event["remarks"] == ["people: user 99 is not among the people"]


async def test_the_same_key_twice_is_one_message(bench: Bench) -> None:
    tell(bench, people=["1"], title="First")
    await bench.plan()
    tell(bench, people=["1"], title="Second")
    await bench.plan()
    assert [row["title"] for row in bench.rows(TOLD)] == ["First"]


async def test_a_preference_counts_unless_the_message_is_critical(bench: Bench) -> None:
    bench.sql("INSERT INTO orderbell.preference VALUES ('1', 'system', 'email', false)")
    tell(bench, "k1", people=["1"], title="News", channels=["email"])
    tell(bench, "k2", people=["1"], title="Recall", channels=["email"], critical=True)
    await bench.plan()
    sent = bench.rows("SELECT subject FROM orderbell.delivery")
    assert [row["subject"] for row in sent] == ["message:k2"]


async def test_a_message_can_be_taken_back(bench: Bench) -> None:
    tell(bench, people=["1"], title="Wrong", channels=["email"])
    await bench.plan()
    assert bench.rows("SELECT orderbell.cancel('k1') AS known") == [{"known": True}]
    await bench.plan()
    assert bench.rows(TOLD) == []
    assert bench.rows("SELECT FROM orderbell.delivery") == []
    assert [gone.user_id for gone in bench.taken_back] == ["1"]


async def test_a_message_that_is_not_planned_yet_can_be_taken_back(bench: Bench) -> None:
    tell(bench, people=["1"], title="Wrong")
    assert bench.rows("SELECT orderbell.cancel('k1') AS known") == [{"known": True}]
    await bench.plan()
    assert bench.rows(TOLD) == []


async def test_a_message_for_later_is_told_when_its_time_has_come(bench: Bench) -> None:
    message = json.dumps({"people": ["1"], "title": "Good morning"})
    bench.sql("SELECT orderbell.tell(%s::json, 'k1', now() + interval '1 hour')", message)
    await bench.plan()
    assert bench.rows(TOLD) == []
    bench.sql("UPDATE orderbell.scheduled SET scheduled_for = now()")
    pool = Connections(Database.model_validate({"url": bench.url})).queue()
    async with pool:
        await Holds(
            pool, Catalogue({"en": {"fallback": {"title": "t", "body": "b"}}}, "en"), LastLook(), 1.0
        ).send_scheduled()
    await bench.plan()
    assert [row["title"] for row in bench.rows(TOLD)] == ["Good morning"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"people": ["1"]}, "title"),
        ({"title": "To nobody"}, "audience or people"),
        ({"title": "To both", "people": ["1"], "audience": "staff"}, "audience or people"),
        ({"title": "x" * 201, "people": ["1"]}, "title"),
        ({"title": "A link", "people": ["1"], "url": "javascript:alert(1)"}, "url"),
        ({"title": "Typo", "people": ["1"], "chanels": ["sms"]}, "chanels"),
        ({"title": "Kind", "people": ["1"], "category": "gossip"}, "category"),
        ({"title": "Many", "people": [str(n) for n in range(1001)]}, "people"),
    ],
)
async def test_a_message_that_cannot_be_used_is_set_aside_with_its_reason(
    bench: Bench, message: dict[str, Any], said: str
) -> None:
    tell(bench, "bad", **message)
    tell(bench, "good", people=["2"], title="Goes on")
    await bench.plan()
    assert [row["title"] for row in bench.rows(TOLD)] == ["Goes on"]
    (failed,) = bench.rows("SELECT error FROM orderbell.change_failed")
    assert said in failed["error"]
    assert "orderbell.tell" in failed["error"]
