"""Who may follow an order live, what they find there, and where a driver is shown."""

from collections.abc import AsyncIterator

import psycopg
import pytest

from config import Settings
from config.settings import Database
from daemon.connections import Connections, Pool
from daemon.policy import planning_of
from daemon.store import rooms as rooms_module
from daemon.store.rooms import Rooms
from dispatchers.websocket.contract import Status
from schema.install import install
from tests.integration.store.conftest import SHOP, Bench, NoRoom, settings_for

NOBODY: frozenset[str] = frozenset()
ROOMS = "SELECT driver_id AS key, 'order:' || id AS room FROM orders WHERE driver_id = ANY(:keys) AND status = 'on_way'"


def live_settings(url: str, *, room: bool | None = None) -> Settings:
    watches = [
        {"table": "orders", "columns": ["customer_id", "vendor_id", "driver_id", "note"]},
        {"name": "positions", "table": "drivers", "live": {"heading": "heading", "rooms": ROOMS}},
    ]
    settings = settings_for(url, watch=watches)
    drivers = settings.audience["available_drivers"].model_copy(update={"room": room})
    return settings.model_copy(update={"audience": {**settings.audience, "available_drivers": drivers}})


@pytest.fixture(autouse=True)
def a_slow_machine_is_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms_module, "PATIENCE", rooms_module.PATIENCE.replace("'2s'", "'30s'"))


@pytest.fixture
async def live(empty_database: str) -> AsyncIterator[Bench]:
    with psycopg.connect(empty_database) as connection:
        connection.execute(SHOP)
        connection.execute(
            "CREATE TABLE drivers (id int PRIMARY KEY, lat numeric, lng numeric, heading int, shift text)"
        )
        connection.execute("INSERT INTO drivers VALUES (3), (4)")
        connection.execute("INSERT INTO orders (status, customer_id, vendor_id, driver_id) VALUES ('on_way', 1, 2, 3)")
    settings = live_settings(empty_database)
    install(settings)
    made = Bench(empty_database, settings, NoRoom())
    yield made
    made.close()


@pytest.fixture
async def pool(live: Bench) -> AsyncIterator[Pool]:
    async with Connections(Database.model_validate({"url": live.url})).pool() as made:
        yield made


@pytest.fixture
def rooms(live: Bench, pool: Pool) -> Rooms:
    settings = live_settings(live.url)
    planning = planning_of(settings, ("email",), "node")
    return Rooms(pool, planning.watches, settings.audience, planning.lookup, ("driver",), "admin")


async def test_an_orders_people_may_follow_it_and_nobody_else(rooms: Rooms) -> None:
    people = [("1", NOBODY), ("2", NOBODY), ("3", NOBODY), ("5", NOBODY), ("staff", frozenset({"admin"}))]
    found = await rooms.admit("order:1", people)
    assert [admission is not None for admission in found] == [True, True, True, False, True]
    assert [admission.locates for admission in found if admission] == [False, False, True, False]


async def test_who_comes_finds_the_status_as_it_is_now(live: Bench, rooms: Rooms) -> None:
    live.sql("UPDATE orders SET status = 'delivered'")
    (found,) = await rooms.admit("order:1", [("1", NOBODY)])
    assert found is not None
    assert found.status is not None
    assert (found.status.event, found.status.status, found.status.room) == ("order.delivered", "delivered", "order:1")


async def test_who_is_no_longer_the_driver_is_not_admitted_any_more(live: Bench, rooms: Rooms) -> None:
    live.sql("UPDATE orders SET driver_id = 4")
    old, new = await rooms.admit("order:1", [("3", NOBODY), ("4", NOBODY)])
    assert old is None
    assert new is not None
    assert new.locates


async def test_who_could_take_any_order_may_follow_none_of_them(rooms: Rooms) -> None:
    """3 and 4 are available for every order of this shop; 3 is this one's driver."""
    (four,) = await rooms.admit("order:1", [("4", NOBODY)])
    assert four is None


async def test_an_audience_that_is_found_by_the_key_is_let_in_where_the_configuration_says_so(
    live: Bench, pool: Pool
) -> None:
    settings = live_settings(live.url, room=True)
    planning = planning_of(settings, ("email",), "node")
    rooms = Rooms(pool, planning.watches, settings.audience, planning.lookup, ("driver",), "admin")
    (four,) = await rooms.admit("order:1", [("4", NOBODY)])
    assert four is not None
    assert not four.locates


@pytest.mark.parametrize(
    "room", ["order:999", "order:", "order", "order:abc", "order:1; DROP TABLE orders", "vendor:1", ""]
)
async def test_what_is_no_row_is_nobodys_room(rooms: Rooms, room: str) -> None:
    assert await rooms.admit(room, [("1", NOBODY), ("staff", frozenset({"admin"}))]) == [None, None]


async def test_a_lock_of_the_applications_is_not_waited_for(live: Bench, rooms: Rooms) -> None:
    with psycopg.connect(live.url) as application:
        application.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await rooms.admit("order:1", [("1", NOBODY)])


async def test_a_driver_who_moves_is_seen_and_nothing_is_kept(live: Bench) -> None:
    live.sql("UPDATE drivers SET lat = 52.52, lng = 13.405, heading = 90 WHERE id = 3")
    await live.plan()
    (seen,) = live.seen
    assert (seen.watch, seen.key, seen.latitude, seen.longitude) == ("positions", "3", 52.52, 13.405)
    assert (seen.heading, seen.speed) == (90.0, None)
    for table in ("event", "notification", "delivery", "change", "change_failed"):
        assert live.rows(f"SELECT FROM orderbell.{table}") == [], table


async def test_of_many_moves_in_one_batch_the_last_is_seen(live: Bench) -> None:
    for step in range(5):
        live.sql("UPDATE drivers SET lat = 52, lng = %s::int WHERE id = 3", step)
    await live.plan()
    assert [seen.longitude for seen in live.seen] == [4.0]


async def test_a_driver_without_a_place_is_seen_nowhere(live: Bench) -> None:
    live.sql("UPDATE drivers SET lat = NULL, lng = NULL WHERE id = 3")
    live.sql("UPDATE drivers SET lat = 91, lng = 1 WHERE id = 3")
    await live.plan()
    assert live.seen == []


async def test_a_column_of_the_drivers_that_is_not_watched_says_nothing(live: Bench) -> None:
    live.sql("UPDATE drivers SET shift = 'late'")
    assert live.rows("SELECT FROM orderbell.change") == []


@pytest.mark.parametrize("room", ["order:01", "order: 1", "order:+1", "order:1 "])
async def test_another_spelling_of_a_key_is_no_room(rooms: Rooms, room: str) -> None:
    """Nothing would ever be shown in it: the trigger spells a key in one way."""
    assert await rooms.admit(room, [("1", NOBODY)]) == [None]


async def test_a_status_is_shown_in_its_orders_room(live: Bench) -> None:
    live.sql("UPDATE orders SET status = 'delivered'")
    await live.plan()
    (shown,) = live.shown
    assert isinstance(shown, Status)
    assert (shown.room, shown.event, shown.status) == ("order:1", "order.delivered", "delivered")
