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
    """What the hub is asked to show and to take away, and who is connected to it."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, str, Collection[str] | None]] = []
        self.ended: list[int] = []
        self.here = ["cora", "dan", "dee"]

    def connected(self) -> list[str]:
        return self.here

    def announce(self, announcement: Announcement, people: Collection[str] | None) -> None:
        self.shown.append((announcement.id, announcement.title, people))

    def end_announcement(self, announcement_id: int) -> None:
        self.ended.append(announcement_id)


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
        await bulletins.look(screens)
    assert screens.shown == [(id_, "Snow", None)]
    (current,) = await bulletins.current("anybody", NOBODY)
    assert (current.id, current.level, current.ends_at) == (id_, "info", None)


async def test_one_for_an_audience_is_shown_to_its_people_only(
    bulletins: Bulletins, screens: Screens, sql: "Sql"
) -> None:
    id_ = write(sql, audience="drivers")
    await bulletins.look(screens)
    assert screens.shown == [(id_, "Snow", frozenset({"dee", "dan"}))]
    assert len(await bulletins.current("dee", NOBODY)) == 1
    assert await bulletins.current("cora", NOBODY) == []


async def test_one_for_an_audience_that_nobody_knows_is_shown_to_nobody(
    bulletins: Bulletins, screens: Screens, sql: "Sql"
) -> None:
    write(sql, audience="dragons")
    await bulletins.look(screens)
    assert screens.shown == []
    assert await bulletins.current("dee", NOBODY) == []


async def test_one_that_is_to_come_waits_for_its_time(bulletins: Bulletins, screens: Screens, sql: "Sql") -> None:
    write(sql, starts_at="2999-01-01T00:00:00Z")
    await bulletins.look(screens)
    assert screens.shown == []
    sql("UPDATE orderbell.announcement SET starts_at = now()")
    await bulletins.look(screens)
    assert len(screens.shown) == 1


@pytest.mark.parametrize("over", ["withdrawn_at = now()", "starts_at = now() - interval '2 days', ends_at = now()"])
async def test_one_that_is_over_goes(bulletins: Bulletins, screens: Screens, sql: "Sql", over: str) -> None:
    id_ = write(sql)
    await bulletins.look(screens)
    sql(f"UPDATE orderbell.announcement SET {over}")
    await bulletins.look(screens)
    assert screens.ended == [id_]
    assert await bulletins.current("anybody", NOBODY) == []


async def test_one_that_is_changed_is_shown_again(bulletins: Bulletins, screens: Screens, sql: "Sql") -> None:
    id_ = write(sql)
    await bulletins.look(screens)
    sql("UPDATE orderbell.announcement SET title = 'Ice'")
    await bulletins.look(screens)
    assert screens.shown == [(id_, "Snow", None), (id_, "Ice", None)]
    assert screens.ended == []


async def test_one_that_gets_another_audience_goes_from_the_screens_that_it_is_not_for(
    bulletins: Bulletins, screens: Screens, sql: "Sql"
) -> None:
    id_ = write(sql)
    await bulletins.look(screens)
    sql("UPDATE orderbell.announcement SET audience = 'drivers'")
    await bulletins.look(screens)
    assert screens.ended == [id_]
    assert screens.shown[-1] == (id_, "Snow", frozenset({"dee", "dan"}))


async def test_of_an_audience_only_who_is_connected_is_asked_for(
    bulletins: Bulletins, screens: Screens, sql: "Sql"
) -> None:
    screens.here = ["cora", "dan"]
    id_ = write(sql, audience="drivers")
    await bulletins.look(screens)
    assert screens.shown == [(id_, "Snow", frozenset({"dan"}))]
    assert len(await bulletins.current("dee", NOBODY)) == 1, "who comes later is asked for then"


async def test_who_comes_into_an_audience_while_connected_is_shown_it_too(
    bulletins: Bulletins, screens: Screens, sql: "Sql", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.bulletins.MEMBERS_SECONDS", 0.0)
    sql("CREATE TABLE public.on_shift (name text)")
    sql("INSERT INTO public.on_shift VALUES ('dee')")
    shift = {"drivers": Audience.model_validate({"query": "SELECT name FROM public.on_shift;"})}
    bulletins.obey(shift, Lookup(shift, None))
    id_ = write(sql, audience="drivers")
    await bulletins.look(screens)
    sql("INSERT INTO public.on_shift VALUES ('dan')")
    await bulletins.look(screens)
    await bulletins.look(screens)
    assert screens.shown == [(id_, "Snow", frozenset({"dee"})), (id_, "Snow", frozenset({"dan"}))]


async def test_an_audience_that_cannot_be_asked_for_now_is_shown_it_when_it_can(
    bulletins: Bulletins, screens: Screens, sql: "Sql"
) -> None:
    broken = {"drivers": Audience.model_validate({"query": "SELECT name FROM public.not_there"})}
    bulletins.obey(broken, Lookup(broken, None))
    id_ = write(sql, audience="drivers")
    await bulletins.look(screens)
    assert screens.shown == []
    sql("CREATE TABLE public.not_there AS SELECT 'dee' AS name")
    await bulletins.look(screens)
    assert screens.shown == [(id_, "Snow", frozenset({"dee"}))]


async def test_of_too_many_the_newest_are_shown_oldest_first(
    bulletins: Bulletins, screens: Screens, sql: "Sql", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.bulletins.AT_MOST", 2)
    ids = [write(sql, starts_at=f"2026-01-0{day}T00:00:00Z") for day in (1, 2, 3)]
    await bulletins.look(screens)
    assert [id_ for id_, _, _ in screens.shown] == ids[1:]
