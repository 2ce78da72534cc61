"""Who waits for a connection: first come, first served, and not for ever."""

import asyncio

import pytest

from dispatchers.email.reply import Broken, Stage
from dispatchers.email.slots import Slots
from tests.clocks import MoveOn


async def hold(slots: Slots, order: list[int], number: int, until: asyncio.Event | None = None) -> None:
    async with slots:
        order.append(number)
        await (until.wait() if until is not None else asyncio.sleep(0))


async def test_there_are_never_more_than_so_many_and_they_go_in_order() -> None:
    slots, held, most = Slots(2, 5.0), 0, 0
    order: list[int] = []

    async def one(number: int) -> None:
        nonlocal held, most
        async with slots:
            held += 1
            most = max(most, held)
            order.append(number)
            await asyncio.sleep(0)
            held -= 1

    await asyncio.gather(*map(one, range(50)))
    assert most == 2
    assert order == list(range(50))


async def test_who_waits_too_long_is_told_and_keeps_nobody_else_from_it(move_on: MoveOn) -> None:
    slots, order, gate = Slots(1, 100.0), list[int](), asyncio.Event()
    holder = asyncio.create_task(hold(slots, order, 0, gate))
    await asyncio.sleep(0)
    first = asyncio.create_task(hold(slots, order, 1))
    await asyncio.sleep(0)
    move_on(60.0)
    second = asyncio.create_task(hold(slots, order, 2))
    await asyncio.sleep(0.01)
    assert not first.done()
    move_on(60.0)
    with pytest.raises(Broken) as raised:
        await asyncio.wait_for(first, 20)
    assert raised.value.stage is Stage.CONNECT
    assert not second.done()  # its own time is not over
    gate.set()
    await asyncio.gather(holder, second)
    assert order == [0, 2]


async def test_who_is_cancelled_while_waiting_is_passed_over() -> None:
    slots, order, gate = Slots(1, 5.0), list[int](), asyncio.Event()
    holder = asyncio.create_task(hold(slots, order, 0, gate))
    gone, stays = (asyncio.create_task(hold(slots, order, number)) for number in (1, 2))
    await asyncio.sleep(0)
    gone.cancel()
    gate.set()
    await asyncio.gather(holder, stays, gone, return_exceptions=True)
    assert order == [0, 2]
    await asyncio.wait_for(hold(slots, order, 3), 30)


async def test_a_slot_that_comes_together_with_a_cancellation_is_not_lost() -> None:
    slots, order, gate = Slots(1, 5.0), list[int](), asyncio.Event()
    holder = asyncio.create_task(hold(slots, order, 0, gate))
    await asyncio.sleep(0)
    gone = asyncio.create_task(hold(slots, order, 1))
    await asyncio.sleep(0)
    await slots.__aexit__(None, None, None)  # handed on, and the waiter has not run yet
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    await asyncio.wait_for(hold(slots, order, 2), 30)
    holder.cancel()
    await asyncio.gather(holder, return_exceptions=True)


async def test_it_is_free_again_after_an_error() -> None:
    slots = Slots(1, 5.0)
    with pytest.raises(ZeroDivisionError):
        async with slots:
            raise ZeroDivisionError
    await asyncio.wait_for(hold(slots, [], 1), 30)
