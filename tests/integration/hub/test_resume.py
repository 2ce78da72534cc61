"""Coming back: no gap and no repeat, whatever happens meanwhile."""

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Build, House


async def test_what_was_missed_is_replayed_oldest_first(house: "House") -> None:
    await house.tell("ann", 5)
    client = await house.come("ann", after=2)
    assert client.welcome == {
        "type": "welcome",
        "user_id": "ann",
        "last_id": 5,
        "unread_count": 5,
        "replayed": 3,
    }
    assert await client.ids(3) == [3, 4, 5]
    assert await client.is_quiet()


async def test_without_after_only_new_ones_come(house: "House") -> None:
    await house.tell("ann", 3)
    client = await house.come("ann")
    assert (client.welcome["last_id"], client.welcome["replayed"]) == (3, 0)
    await house.tell("ann")
    assert await client.ids(1) == [4]


async def test_another_persons_notifications_are_never_replayed(house: "House") -> None:
    await house.tell("bob", 3)
    client = await house.come("ann", after=0)
    assert (client.welcome["last_id"], client.welcome["replayed"]) == (0, 0)
    assert await client.is_quiet()


async def test_withdrawn_notifications_are_not_replayed(house: "House") -> None:
    await house.tell("ann", 3)
    await house.database.execute("UPDATE orderbell.notification SET withdrawn_at = now() WHERE id IN (2, 3)")
    client = await house.come("ann", after=0)
    assert (client.welcome["last_id"], client.welcome["unread_count"]) == (3, 1)
    assert await client.ids(1) == [1]
    # One that has seen a notification which is withdrawn by now is not ahead of the inbox.
    assert await (await house.come("ann", after=3)).is_quiet()


async def test_too_much_is_not_replayed_but_reloaded(build: "Build") -> None:
    house = await build(replay_limit=10)
    await house.tell("ann", 10)
    assert await (await house.come("ann", after=0)).ids(10) == list(range(1, 11))
    await house.tell("ann")
    client = await house.come("ann", after=0)
    assert client.welcome["replayed"] == 0
    assert await client.frame() == {"type": "reload"}
    await house.tell("ann")
    assert await client.ids(1) == [12]


async def test_a_client_that_is_ahead_of_the_inbox_is_told_to_reload(house: "House") -> None:
    await house.tell("ann", 2)
    client = await house.come("ann", after=2**62)
    assert await client.frame() == {"type": "reload"}
    await house.tell("ann")
    assert await client.ids(1) == [3]


async def test_a_replay_larger_than_the_buffer_is_written_at_the_readers_pace(build: "Build") -> None:
    house = await build(max_buffered_bytes=65_536)
    await house.tell("ann", 100, body="x" * 50_000)
    client = await house.come("ann", after=0)
    assert await client.ids(100) == list(range(1, 101))


@pytest.mark.parametrize("pause_ms", [0, 1, 3])
async def test_no_gap_and_no_repeat_while_notifications_keep_coming(build: "Build", pause_ms: int) -> None:
    """Reconnects at odd moments of a steady stream; each time the rest must follow on, to the last one."""
    house = await build(replay_limit=1000)
    total, reconnects = 400, 0
    seen: list[int] = []

    async def plan() -> None:
        while house.last_id < total:
            await house.tell("ann", min(1 + house.last_id % 3, total - house.last_id))
            await asyncio.sleep(pause_ms / 1000)

    planning = asyncio.create_task(plan())
    while len(seen) < total:
        client = await house.come("ann", after=seen[-1] if seen else 0)
        reconnects += 1
        take = 1 + (reconnects * 7) % 9
        for _ in range(min(take, total - len(seen))):
            seen += await client.ids(1)
        await client.socket.close()
    await planning
    assert seen == list(range(1, total + 1))
    assert reconnects > 20


async def test_many_who_join_during_a_stream_each_get_everything_once(house: "House") -> None:
    total = 150

    async def plan() -> None:
        while house.last_id < total:
            await house.tell("ann", 2)

    async def follow() -> list[int]:
        client = await house.come("ann", after=0)
        return await client.ids(total)

    planning = asyncio.create_task(plan())
    followers = [asyncio.create_task(follow()) for _ in range(15)]
    await planning
    for ids in await asyncio.gather(*followers):
        assert ids == list(range(1, total + 1))


async def test_frames_beyond_the_limit_during_a_replay_end_in_a_reload(
    build: "Build", monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await build(replay_limit=5)
    await house.tell("ann", 3)
    reading, go_on = asyncio.Event(), asyncio.Event()
    replay = house.inbox.replay

    async def slow(user_id: str, after: int, limit: int) -> object:
        found = await replay(user_id, after, limit)
        reading.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(house.inbox, "replay", slow)
    coming = asyncio.create_task(house.come("ann", after=0))
    await reading.wait()
    await house.tell("ann", 8)
    go_on.set()
    client = await coming
    assert await client.ids(3 + 5) == list(range(1, 9))
    assert await client.frame() == {"type": "reload"}
    assert await client.frame() == {"type": "unread_count", "unread_count": 11, "last_id": 11}
    await house.tell("ann")
    assert await client.ids(1) == [12]
