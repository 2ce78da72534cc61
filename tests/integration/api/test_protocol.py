"""The inbox as the hub asks of it: nothing is missed, and nobody else's is seen."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from config.settings import Database
from daemon.api import Inbox, create_engine
from dispatchers.websocket.contract import Mark, Standing
from tests.inboxes import calm
from tests.integration.api.test_fairness import until_waiting

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api


@pytest.fixture
async def inbox(api: "Api", database: str) -> AsyncIterator[Inbox]:
    engine = create_engine(Database.model_validate({"url": database}))
    yield Inbox(engine)
    await engine.dispose()


async def changed(inbox: Inbox, user: str, since: str, *, up_to: int = 100, limit: int = 100) -> list[int] | None:
    found = await inbox.changes(user, since, up_to, limit)
    return None if found is None else [standing.id for standing in found]


async def test_the_summary_counts_what_is_unread_and_knows_the_newest_also_where_it_is_gone(
    api: "Api", inbox: Inbox
) -> None:
    await api.store("ann", 1, 2, 3, 4)
    await api.database.execute("UPDATE orderbell.notification SET withdrawn_at = now() WHERE id = 4")
    await inbox.mark("ann", [3], Mark.DELETED)
    await inbox.mark("ann", [2], Mark.ARCHIVED)
    summary = await inbox.summary("ann")
    assert (summary.last_id, summary.unread_count) == (4, 1)
    assert (await inbox.summary("bob")).last_id == 0


async def test_a_replay_is_in_order_without_what_is_gone(api: "Api", inbox: Inbox) -> None:
    await api.store("ann", *range(1, 7))
    await api.store("bob", 10)
    await inbox.mark("ann", [2], Mark.DELETED)
    await api.database.execute("UPDATE orderbell.notification SET withdrawn_at = now() WHERE id = 4")
    assert [one.id for one in await inbox.replay("ann", 1, 2)] == [3, 5]
    assert [one.id for one in await inbox.replay("ann", 0, 100)] == [1, 3, 5, 6]


async def test_what_was_changed_since_a_summary_is_found_up_to_a_bound(api: "Api", inbox: Inbox) -> None:
    await api.store("ann", *range(1, 6))
    await api.store("bob", 10)
    await inbox.mark("ann", [5], Mark.READ)
    await calm(api.database)
    since = (await inbox.summary("ann")).since
    assert await changed(inbox, "ann", since) == []
    await inbox.mark("ann", [4, 1, 2], Mark.READ)
    await inbox.mark("bob", [10], Mark.READ)
    assert await changed(inbox, "ann", since) == [1, 2, 4]
    assert await changed(inbox, "ann", since, up_to=3) == [1, 2]
    assert await changed(inbox, "ann", since, limit=1) == [1]


async def test_what_is_gone_is_among_the_changes(api: "Api", inbox: Inbox) -> None:
    await api.store("ann", 1, 2)
    since = (await inbox.summary("ann")).since
    await inbox.mark("ann", [1], Mark.DELETED)
    await api.database.execute(
        "UPDATE orderbell.notification SET withdrawn_at = now(), changed = pg_current_xact_id() WHERE id = 2"
    )
    assert [one.gone for one in await inbox.changes("ann", since, 9, 9) or ()] == [True, True]


async def test_a_change_that_is_in_the_making_at_a_summary_is_after_it(api: "Api", inbox: Inbox, database: str) -> None:
    await api.store("ann", 1)
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("UPDATE orderbell.notification SET read_at = now(), changed = pg_current_xact_id()")
        summary = await inbox.summary("ann")
        assert summary.unread_count == 1
    assert await changed(inbox, "ann", summary.since) == [1]


NO_MOMENTS: Any = [
    "",
    "0",
    "-1",
    "x",
    "1e3",
    "1.5",
    " 1",
    "1\n",
    "\x00",
    "٣",
    "9" * 20,
    "18446744073709551616",
    "9" * 5000,
]


async def test_what_is_no_moment_of_this_database_is_told_from_one_without_changes(api: "Api", inbox: Inbox) -> None:
    for since in NO_MOMENTS:
        assert await inbox.changes("ann", since, 10, 10) is None, since
        assert await inbox.missed_changes(["ann"], since, 10) is None, since


async def test_a_moment_that_this_database_has_not_come_to_is_none_of_its(api: "Api", inbox: Inbox) -> None:
    ahead = str(int((await inbox.summary("ann")).since) + 100_000)
    assert await inbox.changes("ann", ahead, 10, 10) is None


@pytest.mark.parametrize("mark", [*Mark])
async def test_marks_are_of_ones_own_only(api: "Api", inbox: Inbox, mark: Mark) -> None:
    await api.store("bob", 1)
    before = await api.rows("SELECT n::text FROM orderbell.notification n")
    assert await inbox.mark("ann", [1, 2, -1, 2**63 - 1], mark) == []
    assert await api.rows("SELECT n::text FROM orderbell.notification n") == before


async def test_what_was_deleted_says_once_that_it_is_gone_and_whether_it_was_unread(api: "Api", inbox: Inbox) -> None:
    await api.store("ann", 1, 2)
    await inbox.mark("ann", [2], Mark.READ)
    gone = await inbox.mark("ann", [2, 1], Mark.DELETED)
    assert [(one.id, one.gone, one.unread) for one in gone] == [(1, True, True), (2, True, False)]
    assert await inbox.mark("ann", [1, 2], Mark.DELETED) == []
    assert await inbox.mark("ann", [1, 2], Mark.READ) == []


async def test_what_is_withdrawn_cannot_be_marked(api: "Api", inbox: Inbox) -> None:
    await api.store("ann", 1)
    await api.database.execute("UPDATE orderbell.notification SET withdrawn_at = now()")
    assert [await inbox.mark("ann", [1], mark) for mark in Mark] == [[]] * len(Mark)
    await inbox.mark_all("ann", Mark.READ)
    assert await api.rows("SELECT read_at, changed FROM orderbell.notification") == [(None, None)]


@pytest.mark.parametrize(
    ("mark", "then"),
    [(Mark.READ, (True, True, False)), (Mark.SEEN, (False, True, False)), (Mark.ARCHIVED, (True, True, True))],
)
async def test_everything_is_marked_at_one_moment(
    api: "Api", inbox: Inbox, mark: Mark, then: tuple[bool, bool, bool]
) -> None:
    await api.store("ann", 1, 2)
    await api.store("bob", 3)
    since = (await inbox.summary("ann")).since
    done = await inbox.mark_all("ann", mark)
    assert (done.up_to, done.mark) == (2, mark)
    standings = await inbox.changes("ann", since, 9, 9) or ()
    assert [_marked(one) for one in standings] == [then, then]
    assert {at for one in standings for at in (one.read_at, one.seen_at, one.archived_at)} - {None} == {done.at}
    assert await changed(inbox, "bob", since) == []


@pytest.mark.parametrize("mark", [Mark.UNREAD, Mark.UNARCHIVED, Mark.DELETED])
async def test_a_whole_inbox_is_not_unmarked_or_deleted_at_once(api: "Api", inbox: Inbox, mark: Mark) -> None:
    with pytest.raises(ValueError, match=mark.value):
        await inbox.mark_all("ann", mark)


async def test_a_hub_that_was_cut_off_asks_for_all_its_people_at_once(api: "Api", inbox: Inbox) -> None:
    await api.store("ann", 1, 4, 6)
    await api.store("bob", 2, 5)
    await api.store("cid", 3)
    since = (await inbox.summary("ann")).since
    found = await inbox.missed(["ann", "bob", "dan"], 1, 100)
    assert [(user, one.id) for user, one in found] == [("bob", 2), ("ann", 4), ("bob", 5), ("ann", 6)]
    assert [one.id for _, one in await inbox.missed(["ann", "bob"], 1, 3)] == [2, 4, 5]
    assert await inbox.missed([], 0, 10) == []
    for user, id_, mark in (("bob", 5, Mark.READ), ("ann", 4, Mark.DELETED), ("cid", 3, Mark.READ)):
        await inbox.mark(user, [id_], mark)
    changes = await inbox.missed_changes(["ann", "bob"], since, 100) or ()
    assert [(user, one.id, one.gone) for user, one in changes] == [("ann", 4, True), ("bob", 5, False)]
    await calm(api.database)
    assert await inbox.missed_changes(["cid"], (await inbox.summary("cid")).since, 10) == []


@pytest.mark.usefixtures("no_limits")
async def test_a_mark_that_meets_a_withdrawal_head_on_comes_through(api: "Api", inbox: Inbox, database: str) -> None:
    """Each holds what the other wants; PostgreSQL ends one of the two, and ours is tried again."""
    await api.store("ann", 1, 2)
    take_back = "UPDATE orderbell.notification SET withdrawn_at = now(), changed = pg_current_xact_id() WHERE id = %s"
    # Ours looks first, so it is ours that is ended; and once: the other must wait as well by then.
    name = str(conninfo_to_dict(database)["dbname"])
    await api.database.execute(SQL("ALTER DATABASE {} SET deadlock_timeout = '5s'").format(Identifier(name)))
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("SET LOCAL deadlock_timeout = '60s'")
        await other.execute(take_back, (2,))
        marking = asyncio.create_task(inbox.mark("ann", [1, 2], Mark.READ))
        await until_waiting(api)
        await other.execute(take_back, (1,))
    assert await marking == []


@pytest.mark.usefixtures("no_limits")
async def test_what_was_read_while_it_was_deleted_had_not_counted_as_unread(
    api: "Api", inbox: Inbox, database: str
) -> None:
    await api.store("ann", 1)
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute("UPDATE orderbell.notification SET read_at = now()")
        deleting = asyncio.create_task(inbox.mark("ann", [1], Mark.DELETED))
        await until_waiting(api)
    assert [(one.id, one.gone, one.unread) for one in await deleting] == [(1, True, False)]


def _marked(standing: Standing) -> tuple[bool, ...]:
    values: tuple[Any, ...] = (standing.read_at, standing.seen_at, standing.archived_at)
    return tuple(value is not None for value in values)
