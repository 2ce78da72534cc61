"""One run, from an empty database to the account."""

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from psycopg import AsyncConnection

from daemon.api.auth import Tokens
from tests.acceptance.conftest import configured
from tests.redis import redis_server
from tests.resume.account import PLANNED, Account, Inboxes
from tests.resume.client import Client, Tally
from tests.resume.fleet import KILL, TERM, Place
from tests.resume.marks import act
from tests.resume.shop import SETTINGS, Shop, open_shop
from tests.resume.wire import Wire

HUB: dict[str, Any] = {
    # A connection that leads nowhere is found before it is reset.
    "ping_interval_seconds": 2.0,
    "ping_timeout_seconds": 2.0,
    "close_seconds": 1.0,
}
SILENT_SECONDS = (2.0, 9.0)
LONG_ENOUGH_SECONDS = 60.0
"""For what was written to be planned, and for everybody to be there and up to date."""
SECOND_DEVICE = 10
"""One in so many people has a second client."""
RIGHT_SECONDS = 40.0
"""For the last frames, once everybody is there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done; ``people`` have a client each, every tenth has two."""

    people: int
    rate: float
    """Notifications a second."""
    seconds: float
    restarts: Sequence[str]
    """Spread over that time."""
    seed: int
    daemons: int = 1
    cut_seconds: float = 12.0
    """Between two cuts of one client's wire, on average."""
    mark_seconds: float = 4.0
    """Between two marks by one client, on average."""
    replay_limit: int = 50
    """Of some 2.5 notifications a second: who was away for longer than 20 s is told to reload."""


@dataclass(slots=True)
class Result:
    """Of one run."""

    plan: Plan
    clients: int
    tally: Tally
    marks: Counter[str]
    restarts: Counter[str]
    notifications: int
    withdrawn: int
    deleted: int
    repeats: int
    torn: int
    account: Account
    notes: list[str] = field(default_factory=list)
    """What stands in logs, or was answered, and should not be."""

    @property
    def good(self) -> bool:
        account = self.account
        return not (account.missing or account.wrong or self.tally.out_of_order or self.notes)

    def line(self) -> str:
        """The last line."""
        return (
            f"clients={self.clients} people={self.plan.people} disconnects={self.tally.disconnects}"
            f" daemon_restarts={self.restarts.total()} notifications={self.notifications}"
            f" frames={self.tally.frames.total()} reloads={self.tally.frames['reload']} repeats={self.repeats}"
            f" missing={len(self.account.missing)} wrong={len(self.account.wrong)}"
            f" out_of_order={len(self.tally.out_of_order)}"
        )


@dataclass(slots=True)
class _House:
    """Everything that runs."""

    shop: Shop
    places: list[Place]
    wires: list[Wire]
    clients: list[Client]
    tally: Tally
    http: aiohttp.ClientSession


async def campaign(url: str, plan: Plan, tell: Callable[[str], None] = lambda _: None) -> Result:
    """Run it on the empty database at ``url``."""
    dice = random.Random(plan.seed)
    marks: Counter[str] = Counter()
    async with _open_house(url, plan, dice) as house:
        clients, tally = house.clients, house.tally
        async with _running(client.run() for client in clients):
            await _until(lambda: all(client.settled for client in clients))
            _keep_calm(house, calm=False)
            async with (
                _running(act(client, random.Random(dice.random()), marks, plan.mark_seconds) for client in clients),
                _running(
                    wire.strike(plan.cut_seconds * len(house.wires) / len(clients), SILENT_SECONDS)
                    for wire in house.wires
                ),
            ):
                tell(f"{len(clients)} clients are there; the shop opens")
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(house.shop.trade(plan.seconds))
                    tasks.create_task(_restart(house.places, plan, dice, tell))
                    tasks.create_task(_report(house, plan.seconds, tell))
            tell("no more is written, marked or cut")
            _keep_calm(house, calm=True)
            notes = await _planned(url)
            account = await _compared(url, clients, "before the last return")
            for client in clients:
                client.live.clear()
                client.leave()
            last = await _compared(url, clients, "at the end")
    inboxes = await Inboxes.read(url)
    accounts = [inboxes.audit(house.shop.told), account, last]
    return Result(
        plan,
        clients=len(clients),
        tally=tally,
        marks=marks,
        restarts=sum((place.ended for place in house.places), Counter()),
        notifications=len(inboxes.rows),
        withdrawn=inboxes.withdrawn,
        deleted=inboxes.deleted,
        repeats=sum(client.page.repeats for client in clients),
        torn=sum(wire.torn for wire in house.wires),
        account=Account(
            [line for one in accounts for line in one.missing], [line for one in accounts for line in one.wrong]
        ),
        notes=[*notes, *tally.complaints, *(note for place in house.places for note in place.notes)],
    )


@asynccontextmanager
async def _open_house(url: str, plan: Plan, dice: random.Random) -> AsyncIterator[_House]:
    async with AsyncExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="orderbell-resume-"))
        stack.callback(shutil.rmtree, folder)
        await open_shop(url, plan.people)
        hub = HUB | {"replay_limit": plan.replay_limit}
        if plan.daemons > 1:
            hub["broker_url"] = (await stack.enter_async_context(redis_server())).url
        file, settings = await asyncio.to_thread(configured, folder, url, hub=hub, **SETTINGS)
        places = [await stack.enter_async_context(Place(file)) for _ in range(plan.daemons)]
        wires = [await stack.enter_async_context(Wire(place.port, dice)) for place in places]
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        tokens, tally = Tokens(settings.auth), Tally()
        names = [(f"{person}", "a") for person in range(1, plan.people + 1)]
        names += [(f"{person}", "b") for person in range(1, plan.people + 1, SECOND_DEVICE)]
        clients = [
            Client(f"{person}{device}", person, tokens.mint(person), wires, http, random.Random(dice.random()), tally)
            for person, device in names
        ]
        yield _House(Shop(url, plan.people, plan.rate, dice), places, wires, clients, tally, http)


@asynccontextmanager
async def _running(works: Any) -> AsyncIterator[None]:
    """Run them meanwhile; an error in one ends everything."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        yield
        for task in tasks:
            task.cancel()


def _keep_calm(house: _House, *, calm: bool) -> None:
    """From now on nothing is cut and nobody leaves; or the other way round."""
    for wire in house.wires:
        wire.calm = calm
    for client in house.clients:
        client.calm = calm


async def _restart(places: list[Place], plan: Plan, dice: random.Random, tell: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, how in enumerate(plan.restarts):
        at = plan.seconds * (number + dice.uniform(0.3, 0.7)) / len(plan.restarts)
        await asyncio.sleep(began + at - loop.time())
        place = dice.choice(places)
        tell(f"{how} of a daemon")
        await place.restart(how)


async def _report(house: _House, seconds: float, tell: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        live = sum(client.live.is_set() for client in house.clients)
        house.tally.live.append(live / len(house.clients))
        tell(f"{house.shop.notifications:,} notifications to {live} of {len(house.clients)} clients")
        await asyncio.sleep(1)


async def _planned(url: str) -> list[str]:
    """Wait until nothing is left to plan; what is wrong where that takes too long."""
    end = asyncio.get_running_loop().time() + LONG_ENOUGH_SECONDS
    async with await AsyncConnection.connect(url, autocommit=True) as connection:
        while (left := await (await connection.execute(PLANNED)).fetchone()) != (0, 0):
            if asyncio.get_running_loop().time() > end:
                return [f"(changes, failed changes) that are left: {left}"]
            await asyncio.sleep(0.1)
    return []


async def _compared(url: str, clients: list[Client], when: str) -> Account:
    """Wait until everybody is there and every list is right; what is wrong where that takes too long."""
    with suppress(TimeoutError):
        await _until(lambda: all(client.settled for client in clients))
    end = asyncio.get_running_loop().time() + RIGHT_SECONDS
    while True:
        account = (await Inboxes.read(url)).compare_all(clients, when)
        account.missing += [f"{when}, {client.name} is not there" for client in clients if not client.live.is_set()]
        if not (account.missing or account.wrong) or asyncio.get_running_loop().time() > end:
            return account
        await asyncio.sleep(0.5)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG_ENOUGH_SECONDS):
        while not condition():
            await asyncio.sleep(0.05)


__all__ = ["KILL", "TERM", "Plan", "Result", "campaign"]
