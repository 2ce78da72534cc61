"""Nobody keeps the database from everybody else, and whoever has to wait is told so."""

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from daemon.api.costly import Costly
from daemon.api.rate import TooMany

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

PATH = "/api/notifications"
SEARCH = {"q": "ready"}
WAITING = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def until_waiting(api: "Api", count: int = 1) -> None:
    async with asyncio.timeout(30):
        while len(await api.rows(WAITING)) < count:
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("no_limits")
async def test_the_third_search_of_a_person_in_a_queue_is_refused_and_others_find_a_connection(
    api: "Api", database: str
) -> None:
    await api.store("ann", 1)
    ann, bob = await api.of("ann"), await api.of("bob")
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("LOCK TABLE orderbell.message")
        asked = [asyncio.create_task(ann.get(PATH, params=SEARCH)) for _ in range(10)]
        await until_waiting(api)
        async with asyncio.timeout(30):
            while sum(each.done() for each in asked) < 8:
                await asyncio.sleep(0.01)
        assert (await bob.get(f"{PATH}/count")).status_code == 200
        assert len(await api.rows(WAITING)) == 1
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [200, 200, *[429] * 8]
    assert {answer.headers.get("Retry-After") for answer in answers} == {None, "5"}


@pytest.mark.usefixtures("no_limits")
async def test_searches_of_all_people_take_half_of_the_connections(api: "Api", database: str) -> None:
    people = [await api.of(f"u{number}") for number in range(6)]
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("LOCK TABLE orderbell.message")
        asked = [asyncio.create_task(person.get(PATH, params=SEARCH)) for person in people]
        await until_waiting(api, 2)
        assert (await people[0].get(f"{PATH}/count")).status_code == 200
        assert len(await api.rows(WAITING)) == 2
    assert {(await answer).status_code for answer in asked} == {200}


@pytest.mark.usefixtures("no_limits")
@pytest.mark.parametrize(("method", "path"), [("GET", "stats"), ("POST", "archive-read"), ("DELETE", "read")])
async def test_whatever_looks_through_an_inbox_takes_its_turn(
    api: "Api", database: str, method: str, path: str
) -> None:
    ann = await api.of("ann")
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("LOCK TABLE orderbell.notification")
        asked = [asyncio.create_task(ann.request(method, f"{PATH}/{path}")) for _ in range(3)]
        await until_waiting(api)
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert [answer.result().status_code for answer in done] == [429]
    assert sorted(answer.status_code for answer in await asyncio.gather(*asked)) == [200, 200, 429]


async def test_who_waits_too_long_for_others_is_told_to_come_back() -> None:
    costly = Costly(1, seconds=0.01)
    async with costly.turn("ann"):
        with pytest.raises(Exception, match="Busy: try again") as busy:
            async with costly.turn("bob"):
                raise AssertionError
    assert vars(busy.value)["status_code"] == 503
    async with costly.turn("bob"):
        pass
    assert len(costly) == 0


async def test_a_request_that_is_given_up_leaves_its_place() -> None:
    costly = Costly(1)
    async with costly.turn("ann"):
        waiting = asyncio.create_task(_turn(costly, "ann"))
        await asyncio.sleep(0)
        with pytest.raises(TooMany):
            await _turn(costly, "ann")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await _turn(costly, "ann")
    await _turn(costly, "bob")
    assert len(costly) == 0


async def _turn(costly: Costly, user: str) -> None:
    async with costly.turn(user):
        pass


HELD: Any = [
    ("notification", "POST", f"{PATH}/1/read", None),
    ("person", "PATCH", "/api/settings", {"locale": "fr"}),
    ("preference", "PUT", "/api/settings/channels/email", {"enabled": False}),
    ("push_subscription", "DELETE", "/api/push-subscriptions", {"endpoint": "https://push.example/1"}),
]


async def test_what_is_locked_is_not_waited_for_long(api: "Api", database: str) -> None:
    await api.store("ann", 1)
    ann = await api.of("ann")
    async with await psycopg.AsyncConnection.connect(database) as other:
        for table, *_ in HELD:
            await other.execute(f"LOCK TABLE orderbell.{table} IN EXCLUSIVE MODE".encode())
        answers = await asyncio.gather(*(ann.request(method, path, json=body) for _, method, path, body in HELD))
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json()["detail"] == "Something else is changing this: try again."
        assert answer.headers["Retry-After"] == "2"


@pytest.mark.usefixtures("no_limits")
async def test_two_devices_choose_one_after_the_other(api: "Api") -> None:
    ann = await api.of("ann")
    some = [
        {"category": category, "channel": channel, "enabled": True}
        for category in ("order", "promotion", "delivery")
        for channel in ("email", "sms", "webpush")
    ]
    none = [each | {"enabled": None} for each in reversed(some)]
    ask = [ann.put("/api/settings/preferences", json=some if number % 2 else none) for number in range(60)]
    assert {answer.status_code for answer in await asyncio.gather(*ask)} == {200}


@pytest.mark.usefixtures("no_limits")
async def test_a_choice_waits_for_the_same_persons_other_device_only(api: "Api", database: str) -> None:
    ann, bob = await api.of("ann"), await api.of("bob")
    path, off = "/api/settings/channels/email", {"enabled": False}
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(chr(1), 'orderbell', 'preference', 'ann'), 0))"
        )
        waits = asyncio.create_task(ann.put(path, json=off))
        await until_waiting(api)
        assert (await bob.put(path, json=off)).status_code == 200
        assert not waits.done()
    assert (await waits).status_code == 200
