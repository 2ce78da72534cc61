"""What a person chooses over REST, and that the planner obeys it."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from config import Settings
from config.quiet import QuietWindow
from daemon.planning.plan import plan
from daemon.planning.values import Event, Plan
from daemon.policy import planning_of

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, Build

PATH = "/api/settings"
CHANNELS = ["email", "sms", "webpush"]
NIGHT = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "22:00", "end": "07:00"}
RULES = [
    {"event": "order.ready", "audience": "customer", "channels": ["email", "sms"]},
    {"event": "order.offer", "audience": "customer", "channels": ["email"], "category": "promotion"},
    {"event": "order.recalled", "audience": "customer", "channels": ["email"], "critical": True},
    {"event": "order.lost", "audience": "buyer", "channels": ["email"], "critical": True},
    {"event": "order.lost", "audience": "finder", "channels": ["sms", "email"], "critical": True},
]
SHOP: dict[str, Any] = {
    "people": {"query": "SELECT user_id, email, phone, locale, time_zone FROM people WHERE user_id = ANY(:ids)"},
    "watch": [{"table": "orders"}],
    "audience": {
        "customer": {"query": "SELECT user_id FROM people"},
        "buyer": {"column": "customer_id"},
        "finder": {"query": "SELECT o, 'bob' FROM unnest(CAST(:keys AS text[])) o"},
    },
    "rule": RULES,
    "quiet_hours": {"time_zone": "Europe/Zurich", "window": [NIGHT]},
}

Told = Callable[..., Awaitable[Plan]]


@pytest.fixture
async def shop(build: "Build", database: str) -> "Api":
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute(
            "CREATE TABLE people (user_id text, email text, phone text, locale text, time_zone text)"
        )
        await connection.execute(
            "INSERT INTO people VALUES ('ann', 'ann@example.com', '+442079460001', 'de_AT', 'Europe/Vienna'),"
            " ('bob', 'bob@example.com', NULL, NULL, NULL)"
        )
    return await build(**SHOP)


@pytest.fixture
async def ann(shop: "Api") -> httpx.AsyncClient:
    return await shop.of("ann")


@pytest.fixture
async def told(shop: "Api", database: str) -> Told:
    """What the planner makes of an event now, for ann."""
    planning = planning_of(Settings.model_validate({"database": {"url": database}} | SHOP), CHANNELS, "test")

    async def told(name: str = "order.ready", now: datetime | None = None) -> Plan:
        now = now or datetime.now(UTC)
        event = Event(name, "order:1", "orders", "1", "1", {}, now)
        audiences = [{"customer": ["ann"]}]
        async with shop.database.cursor() as cursor:
            known = await planning.lookup.known(cursor, audiences, planning.policy)
        return plan([event], audiences, known, planning.policy, now)

    return told


def noon() -> datetime:
    """In Europe, and not long ago."""
    return datetime.now(UTC).replace(hour=11, minute=0, second=0, microsecond=0)


def sent(made: Plan) -> list[str]:
    return [delivery.channel for delivery in made.deliveries]


async def saved(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_until_somebody_chooses_the_application_and_the_configuration_say(ann: httpx.AsyncClient) -> None:
    settings = await saved(await ann.get(PATH))
    assert settings["locale"] == {"value": "de-AT", "own": False}
    assert settings["time_zone"] == {"value": "Europe/Vienna", "own": False}
    assert settings["quiet_hours"] == {"windows": [NIGHT], "own": False}
    assert (settings["do_not_disturb"], settings["snoozed_until"]) == (False, None)
    assert [(c["channel"], c["enabled"], c["own"], c["reachable"]) for c in settings["channels"]] == [
        ("email", True, False, True),
        ("sms", True, False, True),
        ("webpush", True, False, False),
    ]
    assert len(settings["preferences"]) == 8 * 3
    assert {p["category"] for p in settings["preferences"] if not p["enabled"]} == {"promotion"}
    assert not any(p["own"] for p in settings["preferences"])
    assert settings["not_declined"] == ["security", "verification"]


async def test_of_what_is_critical_only_that_is_said_which_may_be_about_anybody(ann: httpx.AsyncClient) -> None:
    settings = await saved(await ann.get(PATH))
    # Not what is told to the same people whatever has happened, and to nobody as whom.
    assert settings["critical"] == [{"event": "order.lost", "channels": ["email", "sms"]}]


@pytest.mark.parametrize("user", ["bob", "nobody the application knows"])
async def test_where_the_application_says_nothing_the_defaults_hold(shop: "Api", user: str) -> None:
    settings = await saved(await (await shop.of(user)).get(PATH))
    assert settings["locale"] == {"value": "en", "own": False}
    assert settings["time_zone"] == {"value": "Europe/Zurich", "own": False}


async def test_without_the_applications_answer_the_rest_is_said(
    shop: "Api", ann: httpx.AsyncClient, told: Told
) -> None:
    await ann.patch(PATH, json={"locale": "fr"})
    await shop.database.execute("ALTER TABLE people RENAME TO persons")
    settings = await saved(await ann.get(PATH))
    assert settings["locale"] == {"value": "fr", "own": True}
    assert [channel["reachable"] for channel in settings["channels"]] == [False] * 3


async def test_a_locked_table_of_the_application_is_not_waited_for(
    shop: "Api", ann: httpx.AsyncClient, database: str
) -> None:
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("LOCK TABLE people")
        assert (await saved(await ann.get(PATH)))["time_zone"]["value"] == "Europe/Zurich"


async def test_an_address_that_nothing_is_sent_to_is_not_reachable(shop: "Api", ann: httpx.AsyncClient) -> None:
    await shop.database.execute(
        "INSERT INTO orderbell.suppression (channel, address, reason) VALUES ('email', 'ann@example.com', 'bounce')"
    )
    channels = (await saved(await ann.get(PATH)))["channels"]
    assert [channel["reachable"] for channel in channels] == [False, True, False]


async def test_an_own_language_and_time_zone_are_obeyed_until_they_are_taken_back(
    ann: httpx.AsyncClient, told: Told
) -> None:
    settings = await saved(await ann.patch(PATH, json={"locale": "pt_br", "time_zone": "Asia/Tokyo"}))
    assert settings["locale"] == {"value": "pt-BR", "own": True}
    assert settings["time_zone"] == {"value": "Asia/Tokyo", "own": True}
    (notification,) = (await told()).notifications
    assert (notification.person.locale, notification.person.time_zone) == ("pt-BR", "Asia/Tokyo")
    assert (await saved(await ann.patch(PATH, json={"time_zone": None})))["locale"]["own"]
    (notification,) = (await told()).notifications
    assert (notification.person.locale, notification.person.time_zone) == ("pt-BR", "Europe/Vienna")


async def test_who_does_not_want_to_be_disturbed_is_not(ann: httpx.AsyncClient, told: Told) -> None:
    assert (await saved(await ann.patch(PATH, json={"do_not_disturb": True})))["do_not_disturb"]
    assert sent(await told(now=noon())) == []
    assert sent(await told("order.recalled", noon())) == ["email"]
    assert not (await saved(await ann.patch(PATH, json={"do_not_disturb": None})))["do_not_disturb"]
    assert sent(await told(now=noon())) == ["email", "sms"]


NO_SETTINGS: Any = [
    {"locale": "tlhingan"},
    {"locale": ""},
    {"locale": "de\x00"},
    {"locale": "\ud800"},
    {"locale": "x" * 100},
    {"time_zone": "Middle/Earth"},
    {"time_zone": "localtime"},
    {"time_zone": "\ud800"},
    {"time_zone": "Europe/" + "x" * 1000},
    {"do_not_disturb": "yes"},
    {"name": "x"},
    [],
]


async def test_what_is_no_setting_is_refused(shop: "Api", ann: httpx.AsyncClient) -> None:
    # Not httpx's own JSON, which would not write half of a surrogate pair.
    headers = {"Content-Type": "application/json"}
    for bad in NO_SETTINGS:
        assert (await ann.patch(PATH, content=json.dumps(bad), headers=headers)).status_code == 422, bad
    assert await shop.rows("SELECT FROM orderbell.person") == []


async def test_own_quiet_hours_are_obeyed(ann: httpx.AsyncClient, told: Told) -> None:
    now = noon()
    day = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "10:00", "end": "15:00"}
    settings = await saved(await ann.put(f"{PATH}/quiet-hours", json={"windows": [day]}))
    assert settings["quiet_hours"] == {"windows": [day], "own": True}
    made = await told(now=now)
    assert {delivery.hold for delivery in made.deliveries} == {"quiet"}
    assert made.notifications[0].person.quiet == (QuietWindow.model_validate(day),)
    await saved(await ann.put(f"{PATH}/quiet-hours", json={"windows": []}))
    assert {delivery.hold for delivery in (await told(now=now.replace(hour=1))).deliveries} == {None}
    assert (await saved(await ann.put(f"{PATH}/quiet-hours", json={"windows": None})))["quiet_hours"]["own"] is False
    assert {delivery.hold for delivery in (await told(now=now.replace(hour=1))).deliveries} == {"quiet"}


async def test_days_and_times_have_defaults(ann: httpx.AsyncClient) -> None:
    assert (await saved(await ann.put(f"{PATH}/quiet-hours", json={"windows": [{}]})))["quiet_hours"]["windows"] == [
        NIGHT
    ]


NO_HOURS: Any = [
    [{"start": "25:00"}],
    [{"start": "22:00", "end": "22:00"}],
    [{"days": []}],
    [{"days": ["mon", "mon"]}],
    [{"days": ["someday"]}],
    [{"start": "00:00", "end": "24:00"}],
    [{"start": "00:00", "end": "12:00"}, {"start": "12:00", "end": "24:00"}],
    [{"begin": "22:00"}],
    [{}] * 51,
    "night",
    [None],
]


async def test_hours_that_make_no_sense_or_never_end_are_refused(shop: "Api", ann: httpx.AsyncClient) -> None:
    for windows in NO_HOURS:
        answer = await ann.put(f"{PATH}/quiet-hours", json={"windows": windows})
        assert answer.status_code == 422, windows
    assert await shop.rows("SELECT FROM orderbell.person") == []


async def test_a_snooze_is_waited_for_until_it_is_ended(ann: httpx.AsyncClient, told: Told) -> None:
    settings = await saved(await ann.post(f"{PATH}/snooze", json={"minutes": 10_080}))
    until = datetime.fromisoformat(settings["snoozed_until"])
    assert timedelta(days=6, hours=23) < until - datetime.now(UTC) <= timedelta(days=7)
    assert datetime.fromisoformat(settings["quiet_until"]) >= until
    (notification,) = (await told()).notifications
    assert notification.person.snoozed_until == until
    # A day is what a delivery lives.
    assert sent(await told()) == []
    assert (await saved(await ann.delete(f"{PATH}/snooze")))["snoozed_until"] is None
    assert sent(await told(now=noon())) == ["email", "sms"]
    assert (await ann.delete(f"{PATH}/snooze")).status_code == 200


async def test_a_snooze_may_have_an_end_in_any_time_zone(ann: httpx.AsyncClient) -> None:
    until = (datetime.now(UTC) + timedelta(hours=3)).replace(microsecond=0)
    written = (until + timedelta(hours=5, minutes=30)).replace(tzinfo=None).isoformat() + "+05:30"
    settings = await saved(await ann.post(f"{PATH}/snooze", json={"until": written}))
    assert datetime.fromisoformat(settings["snoozed_until"]) == until


NO_SNOOZES: Any = [
    {},
    {"minutes": 0},
    {"minutes": 10_081},
    {"minutes": 1.5},
    {"minutes": True},
    {"minutes": 10**400},
    {"minutes": 5, "until": "2099-01-01T00:00:00Z"},
    {"until": "2020-01-01T00:00:00Z"},
    {"until": "2099-01-01T00:00:00"},
    {"until": "9999-12-31T23:59:59-14:00"},
    {"until": "0001-01-01T00:00:00+14:00"},
    {"until": 1e308},
    {"until": "tomorrow"},
]


async def test_a_snooze_that_makes_no_sense_is_refused(shop: "Api", ann: httpx.AsyncClient) -> None:
    for bad in NO_SNOOZES:
        assert (await ann.post(f"{PATH}/snooze", json=bad)).status_code == 422, bad
    assert await shop.rows("SELECT FROM orderbell.person") == []


def chosen(settings: Any, category: str, channel: str) -> tuple[bool, bool]:
    (found,) = [p for p in settings["preferences"] if (p["category"], p["channel"]) == (category, channel)]
    return found["enabled"], found["own"]


async def test_categories_are_switched_and_the_planner_obeys(ann: httpx.AsyncClient, told: Told) -> None:
    settings = await saved(
        await ann.put(
            f"{PATH}/preferences",
            json=[
                {"category": "order", "channel": "email", "enabled": False},
                {"category": "promotion", "enabled": True},
            ],
        )
    )
    assert chosen(settings, "order", "email") == (False, True)
    assert chosen(settings, "order", "sms") == (True, False)
    assert chosen(settings, "promotion", "email") == (True, True)
    assert sent(await told(now=noon())) == ["sms"]
    assert sent(await told("order.offer", noon())) == ["email"]
    settings = await saved(
        await ann.put(f"{PATH}/preferences", json=[{"category": "order", "channel": "email", "enabled": None}])
    )
    assert chosen(settings, "order", "email") == (True, False)
    assert chosen(settings, "promotion", "sms") == (True, True)
    assert sent(await told(now=noon())) == ["email", "sms"]


async def test_a_whole_channel_is_switched_and_what_is_critical_is_sent_all_the_same(
    ann: httpx.AsyncClient, told: Told
) -> None:
    settings = await saved(await ann.put(f"{PATH}/channels/email", json={"enabled": False}))
    assert settings["channels"][0] | {"waits": True} == {
        "channel": "email",
        "enabled": False,
        "own": True,
        "waits": True,
        "reachable": True,
    }
    assert chosen(settings, "order", "email") == (False, True)
    assert sent(await told(now=noon())) == ["sms"]
    assert sent(await told("order.recalled", noon())) == ["email"]
    settings = await saved(await ann.put(f"{PATH}/channels/email", json={"enabled": True}))
    assert (settings["channels"][0]["enabled"], settings["channels"][0]["own"]) == (True, True)
    settings = await saved(await ann.put(f"{PATH}/channels/email", json={"enabled": None}))
    assert (settings["channels"][0]["enabled"], settings["channels"][0]["own"]) == (True, False)
    assert sent(await told(now=noon())) == ["email", "sms"]


@pytest.mark.parametrize("channel", ["inbox", "pigeon", "EMAIL", "%00", "x" * 300])
async def test_a_channel_that_is_not_there_cannot_be_switched(
    shop: "Api", ann: httpx.AsyncClient, channel: str
) -> None:
    assert (await ann.put(f"{PATH}/channels/{channel}", json={"enabled": False})).status_code in {404, 422}
    assert await shop.rows("SELECT FROM orderbell.preference") == []


NO_CHOICES: Any = [
    [],
    {},
    [{"category": "security", "enabled": False}],
    [{"category": "verification", "channel": "email", "enabled": False}],
    [{"category": "gossip", "enabled": True}],
    [{"category": "order", "channel": "pigeon", "enabled": True}],
    [{"category": "order", "channel": "email"}],
    [{"category": "order", "channel": "email", "enabled": "no"}],
    [{"category": "order", "enabled": True}, {"category": "order", "enabled": False}],
    [{"category": "order", "channel": "email", "enabled": True}] * 201,
    [{"category": "order", "channel": "", "enabled": True}],
    [{"category": "order", "channel": "e\x00", "enabled": None}],
]


async def test_choices_that_cannot_be_made_are_refused_and_none_of_them_is_kept(
    shop: "Api", ann: httpx.AsyncClient
) -> None:
    for bad in NO_CHOICES:
        answer = await ann.put(f"{PATH}/preferences", json=bad)
        assert answer.status_code == 422, bad
        assert answer.json()["errors"], bad
    assert await shop.rows("SELECT FROM orderbell.preference") == []


async def test_a_choice_that_is_taken_back_is_taken_back_for_that_person_only(shop: "Api") -> None:
    path, clients = f"{PATH}/preferences", [await shop.of("ann"), await shop.of("bob")]
    for client in clients:
        await saved(await client.put(path, json=[{"category": "order", "channel": "email", "enabled": False}]))
    await saved(await clients[0].put(path, json=[{"category": "order", "channel": "email", "enabled": None}]))
    kept = await shop.rows("SELECT user_id, category, channel, enabled FROM orderbell.preference")
    assert kept == [("bob", "order", "email", False)]


async def test_what_one_person_chooses_is_nobody_elses(shop: "Api", ann: httpx.AsyncClient, told: Told) -> None:
    bob = await shop.of("bob")
    for method, path, body in (
        ("PATCH", "", {"locale": "fr", "do_not_disturb": True}),
        ("PUT", "/channels/sms", {"enabled": False}),
        ("PUT", "/quiet-hours", {"windows": []}),
        ("POST", "/snooze", {"minutes": 30}),
        ("PUT", "/preferences", [{"category": "order", "enabled": False}]),
    ):
        await saved(await bob.request(method, PATH + path, json=body))
    assert sent(await told(now=noon())) == ["email", "sms"]
    assert (await saved(await ann.get(PATH)))["locale"] == {"value": "de-AT", "own": False}
