"""Announcements: shown at their time, to whom they are for, until they are over."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import pytest

from config.mapping import Audience
from daemon.bulletins import Bulletins
from daemon.connections import Pool
from daemon.store.lookup import Lookup
from dispatchers.websocket.contract import Announcement

if TYPE_CHECKING:
    from tests.integration.live.conftest import Sql

DRIVERS = {"drivers": Audience.model_validate({"query": "SELECT unnest(ARRAY['dee', 'dan'])"})}
NOBODY: frozenset[str] = frozenset()


class Screens:
    """What the hub is asked to show and to take away."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, str, Collection[str] | None]] = []
        self.ended: list[int] = []

    def announce(self, announcement: Announcement, people: Collection[str] | None) -> None:
        self.shown.append((announcement.id, announcement.title, people))

    def end(self, announcement: int) -> None:
        self.ended.append(announcement)


@pytest.fixture
def bulletins(pool: Pool) -> Bulletins:
    return Bulletins(pool, DRIVERS, Lookup(DRIVERS, None))


@pytest.fixture
def screens() -> Screens:
    return Screens()


def write(sql: "Sql", **columns: Any) -> int:
    columns = {"title": "Snow", **columns}
    names, marks = ", ".join(columns), ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    marks = marks.replace("$", "%s").translate(str.maketrans("", "", "0123456789"))
    (row,) = sql(f"INSERT INTO orderbell.announcement ({names}) VALUES ({marks}) RETURNING id", *columns.values())
    id_: int = row["id"]
    return id_


async def test_it_is_shown_once_to_everybody(bulletins: Bulletins, screens: Screens, sql: "Sql") -> None:
    id_ = write(sql)
    for _ in range(2):
        await bulletins.look(screens.announce, screens.end)
    assert screens.shown == [(id_, "Snow", None)]
    (current,) = await bulletins.current("anybody", NOBODY)
    assert (current.id, current.level, current.ends_at) == (id_, "info", None)


async def test_one_for_an_audience_is_shown_to_its_people_only(
    bulletins: Bulletins, screens: Screens, sql: "Sql"
) -> None:
    id_ = write(sql, audience="drivers")
    await bulletins.look(screens.announce, screens.end)
    assert screens.shown == [(id_, "Snow", frozenset({"dee", "dan"}))]
    assert len(await bulletins.current("dee", NOBODY)) == 1
    assert await bulletins.current("cora", NOBODY) == []


async def test_one_for_an_audience_that_nobody_knows_is_shown_to_nobody(
    bulletins: Bulletins, screens: Screens, sql: "Sql"
) -> None:
    write(sql, audience="dragons")
    await bulletins.look(screens.announce, screens.end)
    assert [people for _, _, people in screens.shown] == [frozenset()]
    assert await bulletins.current("dee", NOBODY) == []


async def test_one_that_is_to_come_waits_for_its_time(bulletins: Bulletins, screens: Screens, sql: "Sql") -> None:
    write(sql, starts_at="2999-01-01T00:00:00Z")
    await bulletins.look(screens.announce, screens.end)
    assert screens.shown == []
    sql("UPDATE orderbell.announcement SET starts_at = now()")
    await bulletins.look(screens.announce, screens.end)
    assert len(screens.shown) == 1


@pytest.mark.parametrize("over", ["withdrawn_at = now()", "starts_at = now() - interval '2 days', ends_at = now()"])
async def test_one_that_is_over_goes(bulletins: Bulletins, screens: Screens, sql: "Sql", over: str) -> None:
    id_ = write(sql)
    await bulletins.look(screens.announce, screens.end)
    sql(f"UPDATE orderbell.announcement SET {over}")
    await bulletins.look(screens.announce, screens.end)
    assert screens.ended == [id_]
    assert await bulletins.current("anybody", NOBODY) == []


async def test_one_that_is_changed_is_shown_again(bulletins: Bulletins, screens: Screens, sql: "Sql") -> None:
    id_ = write(sql)
    await bulletins.look(screens.announce, screens.end)
    sql("UPDATE orderbell.announcement SET title = 'Ice'")
    await bulletins.look(screens.announce, screens.end)
    assert screens.shown == [(id_, "Snow", None), (id_, "Ice", None)]
    assert screens.ended == []


async def test_one_that_gets_another_audience_goes_from_the_screens_that_it_is_not_for(
    bulletins: Bulletins, screens: Screens, sql: "Sql"
) -> None:
    id_ = write(sql)
    await bulletins.look(screens.announce, screens.end)
    sql("UPDATE orderbell.announcement SET audience = 'drivers'")
    await bulletins.look(screens.announce, screens.end)
    assert screens.ended == [id_]
    assert screens.shown[-1] == (id_, "Snow", frozenset({"dee", "dan"}))
