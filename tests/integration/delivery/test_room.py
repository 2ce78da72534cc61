"""Room for what is planned: how much is born leased, and that nobody is overtaken."""

import asyncio
from collections.abc import Sequence

import pytest

from config.settings import DeliverySettings
from daemon.delivery.ledger import Ended
from daemon.delivery.workers import Workers
from dispatchers.base import Delivery, Outcome, Sent
from tests.integration.delivery.conftest import QUICK, Channel, Queue, working


@pytest.mark.parametrize("room", [0, 1, 7])
async def test_the_planner_is_given_no_more_room_than_there_is(queue: Queue, room: int) -> None:
    settings = DeliverySettings(batch_size=max(room, 1), poll_seconds=30)
    async with working(queue.url, Channel(concurrency=1), settings=settings) as workers:
        granted = workers.reserve("test", room)
        assert granted == room
        assert workers.reserve("test", 100) == max(8, room) - room
        assert workers.reserve("no such channel", 5) == 0


UNHURRIED = QUICK.model_copy(update={"poll_seconds": 60, "batch_size": 4})
"""Whatever is sent with these was not found by a poll."""


async def room_for(queue: Queue, workers: Workers, count: int) -> bool:
    """Whether a plan is given so much, once nothing waits in the database any more."""

    def given() -> bool:
        granted = workers.reserve("test", count)
        workers.release("test", granted)
        return granted == count

    await queue.until(given)
    return True


class InTurn(Channel):
    """Sends when it is told to."""

    def __init__(self) -> None:
        super().__init__(concurrency=1)
        self._turns = asyncio.Semaphore(0)
        self.answer = self._in_turn

    def let(self, count: int) -> None:
        for _ in range(count):
            self._turns.release()

    async def _in_turn(self, _: Delivery) -> Outcome:
        await self._turns.acquire()
        return Sent()


async def test_what_had_no_room_is_not_overtaken_by_what_is_planned_later(queue: Queue) -> None:
    channel = InTurn()
    async with working(queue.url, channel, settings=UNHURRIED) as workers:
        granted = workers.reserve("test", 20)
        assert 0 < granted < 20
        workers.accept(queue.plan(20, granted))
        channel.let(3)
        await queue.until(lambda: len(channel.sent) == 3 and channel.in_flight == 1)
        workers.accept(queue.plan(1, workers.reserve("test", 1)))
        channel.let(18)
        await queue.until(lambda: queue.finished() == {"sent": 21})
        assert [d.id for d in channel.sent] == sorted(d.id for d in channel.sent)
        assert await room_for(queue, workers, 1)


async def test_what_a_plan_leaves_in_the_database_is_found_at_once_when_it_is_committed(queue: Queue) -> None:
    """Also where it was looked for while the plan's transaction was open."""
    channel = InTurn()
    async with working(queue.url, channel, settings=UNHURRIED) as workers:
        workers.accept(queue.plan(4, workers.reserve("test", 4)))
        await channel.began.wait()
        granted = workers.reserve("test", 20)
        assert 0 < granted < 20
        channel.let(4)
        await queue.until(lambda: queue.finished() == {"sent": 4} and not workers._lanes["test"]._look)
        workers.accept(queue.plan(20, granted))
        channel.let(20)
        await queue.until(lambda: queue.finished() == {"sent": 24})


async def test_a_plan_that_was_given_up_leaves_room_as_before(queue: Queue) -> None:
    async with working(queue.url, Channel(concurrency=1), settings=UNHURRIED) as workers:
        granted = workers.reserve("test", 20)
        workers.release("test", granted)
        assert await room_for(queue, workers, granted)


async def test_a_burst_does_not_make_all_that_follows_be_claimed_where_claims_are_slow(queue: Queue) -> None:
    async with working(queue.url, Channel(concurrency=1), settings=UNHURRIED) as workers:
        lane = workers._lanes["test"]
        claim = lane._leases.claim

        async def slow(channel: str, limit: int) -> tuple[list[Delivery], list[Delivery]]:
            found = await claim(channel, limit)
            await asyncio.sleep(0.02)  # a commit on a slow disk
            return found

        lane._leases.claim = slow  # type: ignore[method-assign]
        workers.accept(queue.plan(20, workers.reserve("test", 20)))
        granted: list[int] = []
        while sum(granted[-50:]) <= 25:
            assert len(granted) < 1000  # far more than a halt of the machine leaves behind
            granted.append(workers.reserve("test", 1))
            await asyncio.sleep(0.005)
            workers.accept(queue.plan(1, granted[-1]))
            await asyncio.sleep(0.005)
        await queue.until(lambda: queue.finished() == {"sent": 20 + len(granted)})


async def test_what_is_sent_and_not_written_yet_takes_room(queue: Queue) -> None:
    async with working(queue.url, Channel(concurrency=1), settings=UNHURRIED) as workers:
        written, lane = asyncio.Event(), workers._lanes["test"]
        write, being_written = workers._ledger._write_all, 0

        async def slow(batch: Sequence[Ended]) -> None:
            nonlocal being_written
            being_written = len(batch)
            await written.wait()
            await write(batch)

        workers._ledger._write_all = slow  # type: ignore[method-assign]
        workers.accept(queue.plan(8, workers.reserve("test", 8)))
        await queue.until(lambda: not lane._held and len(workers._ledger._ended) + being_written == 8)
        assert workers.reserve("test", 8) == being_written  # only what still waits takes room
        workers.release("test", being_written)
        written.set()
        await queue.until(lambda: queue.finished() == {"sent": 8})
