"""What was done on another device while one was away is told when it comes back."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from dispatchers.websocket import Mark, frames
from dispatchers.websocket.connection import Connection
from tests.inboxes import calm

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Build, House


async def test_what_changed_meanwhile_comes_after_what_was_missed(house: "House") -> None:
    await house.tell("ann", 4)
    phone = await house.come("ann", after=0)
    await phone.ids(4)
    since = await phone.caught_up()
    await phone.socket.close()
    await house.hub.reading.mark("ann", [1], Mark.READ)
    await house.hub.reading.mark("ann", [2], Mark.DELETED)
    await house.database.execute(
        "UPDATE orderbell.notification SET withdrawn_at = now(), changed = pg_current_xact_id() WHERE id = 3"
    )
    await house.hub.reading.mark("bob", [4], Mark.READ)
    await house.tell("ann")
    back = await house.come("ann", after=4, since=since)
    assert back.welcome["unread_count"] == 2
    assert await back.ids(1) == [5]
    read, *gone = await back.frames(3)
    assert (read["type"], read["id"], read["archived_at"]) == ("notification_update", 1, None)
    assert read["read_at"] is not None
    assert gone == [{"type": "notification_withdrawn", "id": number, "unread": False} for number in (2, 3)]
    assert await back.is_quiet()


async def test_who_was_away_while_nothing_changed_is_told_nothing(house: "House") -> None:
    await house.tell("ann", 2)
    await house.hub.reading.mark("ann", [1], Mark.READ)
    await calm(house.database)
    since = await (await house.come("ann")).caught_up()
    assert await (await house.come("ann", after=2, since=since)).is_quiet()


async def test_what_a_stranger_did_is_never_told(house: "House") -> None:
    since = await (await house.come("ann")).caught_up()
    await house.tell("bob", 3)
    await house.hub.reading.mark_all("bob", Mark.READ)
    assert await (await house.come("ann", after=0, since=since)).is_quiet()


@pytest.mark.parametrize(
    "since", ["", "0", "-1", "nonsense", "1 OR 1", "9" * 20, "9" * 64, "9" * 65, "\0", "18446744073709551615", "1e3"]
)
async def test_a_moment_that_is_none_of_ours_means_to_reload(house: "House", since: str) -> None:
    await house.tell("ann", 2)
    client = await house.come("ann", after=1, since=since)
    assert client.welcome["replayed"] == 0
    assert await client.frame() == {"type": "reload"}
    assert await client.is_quiet()


async def test_more_changes_than_the_limit_mean_to_reload(build: "Build") -> None:
    house = await build(replay_limit=5)
    await house.tell("ann", 6)
    since = await (await house.come("ann")).caught_up()
    await house.hub.reading.mark("ann", [1, 2, 3, 4, 5], Mark.READ)
    back = await house.come("ann", after=6, since=since)
    assert [frame["id"] for frame in await back.frames(5)] == [1, 2, 3, 4, 5]
    await house.hub.reading.mark("ann", [6], Mark.READ)
    for _ in range(2):
        await back.frame()
    assert await (await house.come("ann", after=6, since=since)).frame() == {"type": "reload"}


async def test_a_change_that_was_not_committed_when_one_left_is_not_missed(house: "House") -> None:
    """``since`` is of the oldest transaction that was under way, not of the newest that was over."""
    await house.tell("ann", 2)
    async with house.database.transaction():
        await house.database.execute(
            "UPDATE orderbell.notification SET read_at = now(), changed = pg_current_xact_id() WHERE id = 1"
        )
        await house.hub.reading.mark("ann", [2], Mark.SEEN)
        since = await (await house.come("ann")).caught_up()
    back = await house.come("ann", after=2, since=since)
    assert {frame["id"] for frame in await back.frames(2)} >= {1}


async def test_what_happens_while_changes_are_read_ends_in_the_newest_state(
    house: "House", monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.tell("ann", 2)
    since = await (await house.come("ann")).caught_up()
    await house.hub.reading.mark("ann", [1], Mark.READ)
    changes = house.inbox.changes
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*args: Any) -> Any:
        found = await changes(*args)
        reading.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(house.inbox, "changes", slow)
    coming = asyncio.create_task(house.come("ann", after=2, since=since))
    await reading.wait()
    await house.hub.reading.mark("ann", [1], Mark.UNREAD)
    go_on.set()
    back = await coming
    told = await back.frames(4)
    assert [frame["type"] for frame in told] == ["notification_update"] * 2 + ["unread_count"] * 2
    assert [frame["read_at"] is None for frame in told[:2]] == [False, True]
    assert told[-1]["unread_count"] == 2


async def test_what_was_cut_off_right_after_welcome_comes_with_the_next_hello(
    build: "Build", monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await build(messages_per_second=1000, max_buffered_bytes=65_536)
    await house.tell("ann", 2)
    first = await house.come("ann")
    since = await first.caught_up()
    await first.socket.close()
    await house.hub.reading.mark("ann", [1, 2], Mark.READ)
    write = Connection.write

    def cut(connection: Connection, frame: frames.Outgoing) -> bool:
        written = write(connection, frame)
        connection.cut(slow=False)
        return written

    monkeypatch.setattr(Connection, "write", cut)
    train = await house.come("ann", after=2, since=since)
    await train.closed()
    assert "since" not in train.welcome
    assert train.since is None
    monkeypatch.undo()
    back = await house.come("ann", after=2, since=since)
    assert [frame["id"] for frame in await back.frames(2)] == [1, 2]


async def test_a_moment_is_told_after_everything_up_to_it_and_before_what_is_new(house: "House") -> None:
    await house.tell("ann", 2)
    since = await (await house.come("ann")).caught_up()
    await house.hub.reading.mark("ann", [1], Mark.READ)
    back = await house.open()
    back.reads_all = True
    await back.send(type="hello", token=house.tokens.mint("ann"), after=1, since=since)
    types = [frame["type"] for frame in await back.frames(4)]
    assert types == ["welcome", "new_notification", "notification_update", "caught_up"]
    await back.socket.close()
    back = await house.open()
    back.reads_all = True
    await back.send(type="hello", token=house.tokens.mint("ann"), after=1, since="")
    assert [frame["type"] for frame in await back.frames(3)] == ["welcome", "reload", "caught_up"]


class Device:
    """Applies what it is told, and asks for nothing."""

    def __init__(self, house: "House") -> None:
        self.house = house
        self.known: dict[int, tuple[Any, ...]] = {}
        self.since: str | None = None
        self.after = 0

    async def look(self, times: int) -> None:
        """Come, follow what happens for a while, and go."""
        client = await self.house.come("ann", after=self.after, since=self.since)
        for _ in range(times):
            # Answered after everything that hello began.
            await client.send(type="mark_as_read", id=10**9)
            while (frame := await client.frame())["type"] != "error":
                self.take(frame)
        self.since = client.since
        self.after = max(self.known)
        await client.socket.close()

    def take(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "new_notification":
                self.known[frame["id"]] = fields(frame["notification"])
            case "notification_update":
                self.known[frame["id"]] = fields(frame)
            case "notification_withdrawn":
                self.known.pop(frame["id"], None)
            case kind:
                assert kind == "unread_count", frame


def fields(values: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(values[name] is None for name in ("read_at", "seen_at", "archived_at"))


async def test_devices_that_come_and_go_while_much_is_done_end_with_the_database(build: "Build") -> None:
    # With room for all that may happen during one hello, else it ends in a reload.
    house = await build(messages_per_second=1000, replay_limit=100_000)
    total, most, least = 40, 300, 6
    await house.tell("ann", total)
    devices = [Device(house) for _ in range(3)]
    for device in devices:
        await device.look(1)

    looks = [0] * len(devices)

    async def work() -> None:
        marks = [Mark.READ, Mark.UNREAD, Mark.SEEN, Mark.ARCHIVED, Mark.UNARCHIVED]
        step = 0
        # Until each has come and gone some times meanwhile; not all is deleted, however long that takes.
        while step < most or min(looks) < least:
            deleted = step < most and step % 29 == 28
            mark = Mark.DELETED if deleted else marks[(step * 7 + step // 40) % 5]
            await house.hub.reading.mark("ann", [1 + (step * 17) % total], mark)
            step += 1

    working = asyncio.create_task(work())

    async def come_and_go(number: int, times: int) -> None:
        while not working.done():
            await devices[number].look(times)
            looks[number] += 1
        await devices[number].look(1)

    await asyncio.gather(*map(come_and_go, range(len(devices)), (1, 2, 7)))
    await working
    rows = await (
        await house.database.execute(
            "SELECT id, read_at IS NULL, seen_at IS NULL, archived_at IS NULL FROM orderbell.notification"
            " WHERE deleted_at IS NULL"
        )
    ).fetchall()
    expected = {number: tuple(states) for number, *states in rows}
    assert 0 < len(expected) < total
    for device in devices:
        assert device.known == expected
