"""From who was seen where to the rooms that are shown it."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from config.mapping import Watch
from config.settings import Hub as Limits
from daemon.connections import Pool
from daemon.planning.whereabouts import Sighting
from daemon.whereabouts import Whereabouts
from dispatchers.websocket.contract import Location

if TYPE_CHECKING:
    from tests.integration.live.conftest import Sql

ROOMS = "SELECT driver AS key, 'order:' || id AS room FROM public.orders WHERE driver = ANY(:keys) ORDER BY id"


class Screens:
    """What the hub is told."""

    def __init__(self) -> None:
        self.limits = Limits()
        self.followed = True
        self.shown: list[Location] = []

    def locate(self, location: Location) -> None:
        self.shown.append(location)


@pytest.fixture
def screens() -> Screens:
    return Screens()


@pytest.fixture
def whereabouts(pool: Pool, screens: Screens, sql: "Sql") -> Whereabouts:
    sql("CREATE TABLE public.orders (id int, driver text)")
    sql("INSERT INTO public.orders VALUES (1, 'dee'), (2, 'dee'), (3, 'dan')")
    return Whereabouts(pool, screens, {"positions": watch(ROOMS)})


def watch(rooms: str) -> Watch:
    return Watch.model_validate({"name": "positions", "table": "drivers", "live": {"rooms": rooms}})


def sighting(key: str = "dee", longitude: float = 13.4, ago: float = 0.0) -> Sighting:
    at = datetime.now(UTC) - timedelta(seconds=ago)
    return Sighting("positions", key, 52.5, longitude, None, 4.0, at)


async def test_a_place_is_shown_in_every_room_that_the_query_names(whereabouts: Whereabouts, screens: Screens) -> None:
    await whereabouts.show([sighting("dee"), sighting("nobody")])
    assert [(shown.room, shown.lat, shown.lng, shown.speed) for shown in screens.shown] == [
        ("order:1", 52.5, 13.4, 4.0),
        ("order:2", 52.5, 13.4, 4.0),
    ]


async def test_a_place_of_long_ago_is_not_where_anybody_is(whereabouts: Whereabouts, screens: Screens) -> None:
    await whereabouts.show([sighting("dee", ago=301), sighting("dan", ago=240)])
    assert [shown.room for shown in screens.shown] == ["order:3"]


async def test_where_nobody_looks_on_nothing_is_asked(whereabouts: Whereabouts, screens: Screens) -> None:
    screens.followed = False
    whereabouts.put([sighting()])
    assert whereabouts._newest == {}


async def test_of_what_comes_while_it_rests_the_newest_is_shown(whereabouts: Whereabouts, screens: Screens) -> None:
    running = asyncio.create_task(whereabouts.run())
    try:
        for longitude in range(100):
            whereabouts.put([sighting("dan", longitude)])
        async with asyncio.timeout(60):
            while not screens.shown:
                await asyncio.sleep(0.01)
        assert [shown.lng for shown in screens.shown] == [99]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    "rooms",
    [
        "SELECT nothing FROM public.not_there WHERE 'x' = ANY(:keys)",
        "SELECT driver FROM public.orders WHERE driver = ANY(:keys)",
        "SELECT driver, 1 / 0 FROM public.orders WHERE driver = ANY(:keys)",
    ],
)
async def test_a_query_that_fails_is_left_alone_for_a_while(
    whereabouts: Whereabouts, screens: Screens, rooms: str
) -> None:
    whereabouts.watches = {"positions": watch(rooms)}
    await whereabouts.show([sighting()])
    whereabouts.watches = {"positions": watch(ROOMS)}
    await whereabouts.show([sighting()])
    assert screens.shown == []
    whereabouts._not_before.clear()
    await whereabouts.show([sighting()])
    assert len(screens.shown) == 2


async def test_a_query_that_takes_too_long_is_ended(whereabouts: Whereabouts, screens: Screens) -> None:
    whereabouts.watches = {"positions": watch("SELECT 'dee', pg_sleep(60)::text WHERE 'dee' = ANY(:keys)")}
    began = time.monotonic()
    await whereabouts.show([sighting()])
    assert screens.shown == []
    assert time.monotonic() - began < 30


async def test_a_watch_that_is_gone_is_not_shown(whereabouts: Whereabouts, screens: Screens) -> None:
    whereabouts.watches = {}
    await whereabouts.show([sighting()])
    assert screens.shown == []
