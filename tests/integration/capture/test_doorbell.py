"""The doorbell: no commit is left waiting, and steady traffic is silent."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import psycopg
import pytest

from config import Settings
from config.settings import Capture, Database
from daemon.capture.doorbell import REST_MAX_SECONDS, Doorbell, _rest_after
from daemon.connections import Connections
from schema.install import install

PLACE = "INSERT INTO orders (status) VALUES ('pending')"

WITHOUT_SAFETY_POLL = Capture(safety_poll_seconds=0, linger_seconds=0.02, heartbeat_seconds=600)

AWAKE_SECONDS = 600.0


@pytest.fixture
def shop(any_empty_database: str) -> str:
    with psycopg.connect(any_empty_database) as connection:
        connection.execute("CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status text)")
    watch = {"table": "orders"}
    install(Settings.model_validate({"database": {"url": any_empty_database}, "watch": [watch]}))
    return any_empty_database


class Drained:
    """Consumes changes and remembers their keys and how many looks it took."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.looks = 0
        self.arrived = asyncio.Condition()
        self.found: Callable[[], Awaitable[None]] | None = None
        """Called before a look that found something returns."""
        self.connection: psycopg.AsyncConnection[tuple[object, ...]]

    async def __call__(self) -> int:
        self.looks += 1
        cursor = await self.connection.execute("DELETE FROM orderbell.change RETURNING key")
        rows = await cursor.fetchall()
        self.keys += [str(row[0]) for row in rows]
        if rows:
            async with self.arrived:
                self.arrived.notify_all()
            if self.found is not None:
                await self.found()
        return len(rows)

    async def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds), self.arrived:
            await self.arrived.wait_for(condition)


@pytest.fixture
async def drained(shop: str) -> AsyncIterator[Drained]:
    made = Drained()
    made.connection = await Connections(Database.model_validate({"url": shop})).open("test drain")
    yield made
    await made.connection.close()


@pytest.fixture
def doorbell(shop: str) -> Doorbell:
    return Doorbell(Connections(Database.model_validate({"url": shop})).open, WITHOUT_SAFETY_POLL)


@pytest.fixture
async def task(doorbell: Doorbell, drained: Drained) -> AsyncIterator[asyncio.Task[None]]:
    """The doorbell, running and live."""
    live = asyncio.Event()
    task = asyncio.create_task(doorbell.run(drained, live.set, [drained.connection]))
    await live.wait()
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def ringing(doorbell: Doorbell, drained: Drained, task: asyncio.Task[None]) -> tuple[Doorbell, Drained]:
    return doorbell, drained


async def asleep(doorbell: Doorbell) -> None:
    async with asyncio.timeout(30):
        await doorbell.asleep.wait()


async def test_a_commit_wakes_the_sleeping_daemon(shop: str, ringing: tuple[Doorbell, Drained]) -> None:
    doorbell, drained = ringing
    async with await psycopg.AsyncConnection.connect(shop, autocommit=True) as writer:
        for n in range(1, 20):
            await asleep(doorbell)
            await writer.execute("INSERT INTO orders (status) VALUES ('pending')")
            await drained.until(lambda n=n: len(drained.keys) == n)  # type: ignore[misc]


async def test_asleep_it_does_not_look(shop: str, ringing: tuple[Doorbell, Drained]) -> None:
    doorbell, drained = ringing
    await asleep(doorbell)
    looks = drained.looks
    await asyncio.sleep(0.5)
    assert drained.looks == looks


async def test_a_silent_writer_that_commits_late_is_not_left_waiting(
    shop: str, ringing: tuple[Doorbell, Drained]
) -> None:
    """It got the gate, so it does not ring; the daemon must not sleep before it has ended."""
    doorbell, drained = ringing
    async with (
        await psycopg.AsyncConnection.connect(shop) as slow,
        await psycopg.AsyncConnection.connect(shop, autocommit=True) as quick,
    ):
        await asleep(doorbell)
        await quick.execute("INSERT INTO orders (status) VALUES ('wakes it')")
        await drained.until(lambda: len(drained.keys) == 1)
        await slow.execute("INSERT INTO orders (status) VALUES ('silent')")
        # Meanwhile it wants to sleep and cannot; others still get through.
        for n in range(2, 12):
            await quick.execute("INSERT INTO orders (status) VALUES ('meanwhile')")
            await drained.until(lambda n=n: len(drained.keys) == n)  # type: ignore[misc]
        await slow.commit()
        await drained.until(lambda: len(drained.keys) == 12)
        await asleep(doorbell)


async def test_no_commit_is_left_waiting_under_random_pauses_and_rollbacks(
    shop: str, ringing: tuple[Doorbell, Drained]
) -> None:
    """Many writers, the safety poll off: every committed change is drained, and nothing waits when all is over."""
    doorbell, drained = ringing
    chance = random.Random(20261121)
    committed: set[str] = set()

    async def write(seed: int) -> None:
        own = random.Random(seed)
        async with await psycopg.AsyncConnection.connect(shop) as writer:
            for _ in range(60):
                cursor = await writer.execute("INSERT INTO orders (status) VALUES ('pending') RETURNING id")
                row = await cursor.fetchone()
                assert row is not None
                await pause(own, 0.03)
                if own.random() < 0.25:
                    await writer.rollback()
                else:
                    await writer.commit()
                    committed.add(str(row[0]))
                # Sometimes long enough for the daemon to fall asleep in between.
                await pause(own, 0.15)

    await asyncio.gather(*(write(chance.getrandbits(32)) for _ in range(8)))
    await drained.until(lambda: committed <= set(drained.keys))
    assert sorted(drained.keys) == sorted(committed)
    await asleep(doorbell)


async def pause(chance: random.Random, longest: float) -> None:
    if chance.random() < 0.5:
        await asyncio.sleep(chance.uniform(0, longest))


async def test_steady_traffic_is_silent(shop: str, ringing: tuple[Doorbell, Drained]) -> None:
    """One ring wakes it; after that it is awake, for as long as it goes on."""
    doorbell, drained = ringing
    await asleep(doorbell)
    # Longer than a loaded machine stops for, and shorter than the traffic lasts.
    lingers(doorbell, 2.5)
    assert await rings_of(shop, lambda: wakes(shop, drained)) == 1
    await the_gate_is_open(shop)

    async def traffic() -> None:
        ends_at, number = asyncio.get_running_loop().time() + 3.5, 0
        while number < 300 or asyncio.get_running_loop().time() < ends_at:
            await writer.execute(PLACE)
            number += 1
        await drained.until(lambda: len(drained.keys) == 1 + number)

    async with await writing(shop) as writer:
        assert await rings_of(shop, traffic) == 0


@pytest.mark.parametrize("lost", ["orderbell listener", "orderbell gate", "test drain"])
async def test_each_connection_that_ends_while_it_sleeps_is_an_error_at_once(
    shop: str, ringing: tuple[Doorbell, Drained], task: asyncio.Task[None], lost: str
) -> None:
    doorbell, _ = ringing
    await asleep(doorbell)
    async with await psycopg.AsyncConnection.connect(shop, autocommit=True) as killer:
        await killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND datname = current_database()",
            (lost,),
        )
    with pytest.raises(psycopg.OperationalError):
        await asyncio.wait_for(asyncio.shield(task), 30)


async def test_whoever_has_rung_is_drained_while_the_gate_opens(doorbell: Doorbell) -> None:
    drained = asyncio.Event()

    async def drain() -> int:
        drained.set()
        return 1

    async with asyncio.timeout(30):
        await doorbell._open_gate(gate_that(drained.wait), drain)


async def test_a_drain_that_takes_long_does_not_keep_the_gate_closed(doorbell: Doorbell) -> None:
    opened = asyncio.Event()

    async def opens() -> None:
        opened.set()

    async def drain() -> int:
        await opened.wait()
        return 1

    async with asyncio.timeout(30):
        await doorbell._open_gate(gate_that(opens), drain)


async def test_a_gate_that_cannot_be_opened_ends_the_drain_and_says_why(doorbell: Doorbell) -> None:
    async def is_lost() -> None:
        raise psycopg.OperationalError("the connection is lost")

    async def drain() -> int:
        await asyncio.Event().wait()
        return 0

    with pytest.raises(psycopg.OperationalError):
        async with asyncio.timeout(30):
            await doorbell._open_gate(gate_that(is_lost), drain)


@pytest.mark.parametrize(
    ("found", "took", "rest"),
    [(1, 0.003, 0.0), (25, 0.008, 0.004), (50, 0.008, 0.008), (500, 0.008, 0.008), (500, 0.4, REST_MAX_SECONDS)],
)
def test_a_rest_is_as_long_as_the_work_where_many_came_and_none_after_few(found: int, took: float, rest: float) -> None:
    assert _rest_after(found, took) == pytest.approx(rest)


def gate_that(opens: Callable[[], Awaitable[object]]) -> Any:
    class Gate:
        async def execute(self, *_: object) -> None:
            await opens()

    return Gate()


def lingers(doorbell: Doorbell, seconds: float) -> None:
    """From now on: awake for so long after the last change."""
    doorbell._settings = WITHOUT_SAFETY_POLL.model_copy(update={"linger_seconds": seconds})


async def wakes(shop: str, drained: Drained) -> None:
    """Somebody rings."""
    before = len(drained.keys)
    async with await writing(shop) as writer:
        await writer.execute("INSERT INTO orders (status) VALUES ('wakes it')")
    await drained.until(lambda: len(drained.keys) > before)


async def awake(shop: str, doorbell: Doorbell, drained: Drained) -> None:
    """Woken, and awake until :func:`tires`: so writers are silent, however slow they are."""
    await asleep(doorbell)
    lingers(doorbell, AWAKE_SECONDS)
    await wakes(shop, drained)
    await the_gate_is_open(shop)


async def tires(shop: str, doorbell: Doorbell) -> None:
    """It wants to sleep, and waits for the gate; once it is awake again, it stays so."""
    lingers(doorbell, 0)
    await is_waiting_for_the_gate(shop)
    lingers(doorbell, AWAKE_SECONDS)


async def is_waiting_for_the_gate(shop: str, *, granted: bool = False) -> None:
    """Or has got it."""
    await the_gate_is(shop, (granted,))


async def the_gate_is_open(shop: str) -> None:
    """The daemon neither has it nor waits for it."""
    await the_gate_is(shop, None)


async def the_gate_is(shop: str, wanted: tuple[bool] | None) -> None:
    async with await writing(shop) as look, asyncio.timeout(30):
        while True:
            cursor = await look.execute(
                "SELECT granted FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            if await cursor.fetchone() == wanted:
                return
            await asyncio.sleep(0.01)


async def writing(shop: str) -> psycopg.AsyncConnection[tuple[object, ...]]:
    return await psycopg.AsyncConnection.connect(shop, autocommit=True)


async def rings_of(shop: str, write: Callable[[], Awaitable[None]]) -> int:
    """How many there are while it writes."""
    async with await writing(shop) as ear:
        await ear.execute("LISTEN orderbell; LISTEN over")
        await write()
        # It comes after all that was rung before it.
        await ear.execute("NOTIFY over")
        rings = 0
        async with asyncio.timeout(30):
            async for ring in ear.notifies():
                if ring.channel == "over":
                    break
                rings += 1
    return rings


def no_look_while_it_waits(doorbell: Doorbell, monkeypatch: pytest.MonkeyPatch) -> None:
    async def only_waits(waiting: asyncio.Future[object], _: float) -> None:
        await asyncio.wait([waiting])

    monkeypatch.setattr(doorbell, "_first_of", only_waits)


class TestWhatOnlyOneDrainCanFind:
    """Each of the two looks around the gate is needed by itself."""

    async def test_a_silent_commit_just_before_the_gate_is_taken_is_found_by_the_drain_after_it(
        self, shop: str, ringing: tuple[Doorbell, Drained], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        doorbell, drained = ringing
        no_look_while_it_waits(doorbell, monkeypatch)
        await awake(shop, doorbell, drained)
        async with await psycopg.AsyncConnection.connect(shop) as silent:
            await silent.execute("INSERT INTO orders (status) VALUES ('silent')")
            await tires(shop, doorbell)
            await silent.commit()
        await drained.until(lambda: len(drained.keys) == 2)

    async def test_a_silent_commit_is_found_while_another_silent_writer_keeps_the_gate(
        self, shop: str, ringing: tuple[Doorbell, Drained]
    ) -> None:
        doorbell, drained = ringing
        await awake(shop, doorbell, drained)
        async with (
            await psycopg.AsyncConnection.connect(shop) as idle,
            await psycopg.AsyncConnection.connect(shop) as silent,
        ):
            await idle.execute("INSERT INTO orders (status) VALUES ('stays open')")
            await silent.execute("INSERT INTO orders (status) VALUES ('silent')")
            await tires(shop, doorbell)
            await silent.commit()
            await drained.until(lambda: len(drained.keys) == 2)
            await idle.rollback()

    async def test_an_open_transaction_does_not_make_every_commit_ring(
        self, shop: str, ringing: tuple[Doorbell, Drained]
    ) -> None:
        """While the daemon waited for the gate, each commit would be a NOTIFY: so it goes back to being awake."""
        doorbell, drained = ringing
        await awake(shop, doorbell, drained)
        async with await psycopg.AsyncConnection.connect(shop) as idle, await writing(shop) as writer:
            await idle.execute("INSERT INTO orders (status) VALUES ('stays open')")
            await tires(shop, doorbell)

            async def orders() -> None:
                await writer.execute(PLACE)
                await the_gate_is_open(shop)
                for _ in range(199):
                    await writer.execute(PLACE)
                await drained.until(lambda: len(drained.keys) == 201)

            rings = await rings_of(shop, orders)
            await idle.rollback()
        assert rings == 1
        lingers(doorbell, 0)
        await asleep(doorbell)

    async def test_a_gate_that_came_during_a_look_is_let_go_when_writers_go_on(
        self, shop: str, ringing: tuple[Doorbell, Drained]
    ) -> None:
        """It was kept, and taken once more at the next quiet moment: then every commit rang, for ever."""
        doorbell, drained = ringing
        await awake(shop, doorbell, drained)
        async with await psycopg.AsyncConnection.connect(shop) as silent, await writing(shop) as writer:
            await silent.execute(PLACE)

            async def the_gate_comes() -> None:
                await silent.commit()
                await is_waiting_for_the_gate(shop, granted=True)
                drained.found = None

            await tires(shop, doorbell)
            drained.found = the_gate_comes
            await writer.execute(PLACE)
            await drained.until(lambda: len(drained.keys) == 3)

            async def orders() -> None:
                for _ in range(50):
                    await writer.execute(PLACE)
                await drained.until(lambda: len(drained.keys) == 53)

            assert await rings_of(shop, orders) <= 5
        lingers(doorbell, 0)
        await asleep(doorbell)

    async def test_a_gate_is_let_go_when_writers_go_on_after_it_was_taken(
        self, shop: str, ringing: tuple[Doorbell, Drained], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It was kept for as long as each look found something, and all that time every commit rang."""
        doorbell, drained = ringing
        no_look_while_it_waits(doorbell, monkeypatch)
        await awake(shop, doorbell, drained)
        async with await psycopg.AsyncConnection.connect(shop) as silent, await writing(shop) as writer:
            await silent.execute(PLACE)
            await tires(shop, doorbell)

            async def another() -> None:
                if len(drained.keys) < 52:
                    await writer.execute(PLACE)
                    await doorbell._rung.wait()  # a ring comes by a connection of its own, and may be late

            async def orders() -> None:
                drained.found = another
                await silent.commit()
                await drained.until(lambda: len(drained.keys) == 52)

            assert await rings_of(shop, orders) <= 10
        lingers(doorbell, 0)
        await asleep(doorbell)
