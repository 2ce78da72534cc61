"""One run, from an empty database to the account."""

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from config import Settings
from demo.cast import Cast
from demo.shop import Order, Shop
from schema.install import install
from tests.chaos.account import SMS_IS_LOOKED_UP, Account, Books
from tests.chaos.application import Writer
from tests.chaos.at_risk import InFlight
from tests.chaos.configuration import CUSTOMERS, DRIVERS, VENDORS, write
from tests.chaos.daemons import Daemon
from tests.chaos.database import Database, running_database
from tests.chaos.faults import DATABASE_WIRES, Fault, Kind
from tests.chaos.providers import Providers, started
from tests.chaos.strike import Striker
from tests.chaos.wire import Wire
from tests.sources import Source

DRAIN_SECONDS = 120.0
SAVE_SUBSCRIPTION = "INSERT INTO orderbell.push_subscription (user_id, endpoint, p256dh, auth) VALUES (%s, %s, %s, %s)"
UNREAD = "SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn < %s"
LEFT = "SELECT (SELECT count(*) FROM orderbell.change) + (SELECT count(*) FROM orderbell.delivery)"


@dataclass(slots=True)
class Progress:
    """How far it is."""

    orders: int = 0
    commits: int = 0
    received: int = 0
    last: str = ""


@dataclass(slots=True)
class Result:
    """Of one run."""

    seed: int
    counts: Counter[Kind]
    orders: int
    account: Account
    folder: Path
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was lost, and nobody told twice but for what was in flight."""
        account = self.account
        if account.missing or account.wrong or self.notes or len(account.duplicates) > account.in_flight:
            return False
        return len(account.sms_duplicates) <= (0 if SMS_IS_LOOKED_UP else account.in_flight)

    def line(self) -> str:
        """The last line."""
        account, counts = self.account, self.counts
        return (
            f"kills={counts[Kind.KILL]} restarts={counts[Kind.RESTART]} cuts={counts[Kind.CUT]}"
            f" orders={self.orders} expected={account.expected} missing={len(account.missing)}"
            f" duplicates={len(account.duplicates)} in_flight_at_faults={account.in_flight}"
            f" sms_duplicates={len(account.sms_duplicates)}"
        )


@dataclass(slots=True)
class _House:
    """Everything that runs."""

    database: Database
    settings: Settings
    cast: Cast
    providers: Providers
    wires: dict[str, Wire]
    daemons: list[Daemon]
    in_flight: InFlight


async def campaign(
    faults: list[Fault],
    seconds: float,
    seed: int,
    *,
    writers: int = 6,
    source: Source = "outbox",
    tell: Callable[[Progress], None] = lambda _: None,
) -> Result:
    """Run it with ``faults``, for ``seconds`` at least. Its folder, with logs, is left where something was wrong."""
    dice = random.Random(seed)  # what happens meanwhile asks it too, in an order that no seed decides
    folder = Path(tempfile.mkdtemp(prefix="orderbell-chaos-"))
    progress = Progress()
    steps: list[Order] = []

    def committed(order: Order) -> None:
        steps.append(order)
        progress.commits += 1
        progress.orders += order.status == "pending"
        progress.received = sum(map(len, house.providers.received.values()))
        tell(progress)

    def told(fault: str) -> None:
        progress.last = fault
        tell(progress)

    log_apart = any(fault.kind is Kind.FULL_LOG for fault in faults)
    # Nobody is killed or cut off, so nothing has to be taken over from anybody.
    patient = all(fault.kind is Kind.CLOCK for fault in faults)
    async with _open_house(folder, dice, source, log_apart=log_apart, patient=patient) as house:
        striker = Striker(house.daemons, house.database, house.wires, house.providers, house.in_flight, dice)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            keeping = [tasks.create_task(daemon.keep_running()) for daemon in house.daemons]
            crew = [Writer(house.database.url, random.Random(dice.random()), committed) for _ in range(writers)]
            writing = [tasks.create_task(one.run((CUSTOMERS, VENDORS, DRIVERS), 0.2, stop)) for one in crew]
            await striker.run(faults, seconds, told)
            stop.set()
            await asyncio.gather(*writing)
            told("waiting for the queues to drain")
            notes = [] if await _drained(house.database.url) else ["the queues did not drain"]
            notes += striker.slow_restarts
            for daemon in house.daemons:
                notes += await _end(daemon)
            await asyncio.gather(*keeping)
        loop = asyncio.get_running_loop()
        offset = loop.time()

        def around(times: list[float]) -> str:
            near = [
                f"{each.fault} ({each.begin - offset:.1f} to {each.end - offset:.1f})"
                for each in striker.struck
                if any(each.begin - 10 <= at <= each.end + 10 for at in times)
            ]
            return f" at {[round(at - offset, 1) for at in times]}, around: {'; '.join(near)}"

        books = Books(house.settings, house.cast, steps)
        providers = house.providers
        account = await asyncio.to_thread(
            books.close, house.database.url, providers.received, providers.unanswered, house.in_flight.seen, around
        )
    result = Result(seed, striker.counts, progress.orders, account, folder, notes)
    if result.good:
        shutil.rmtree(folder)
    return result


@asynccontextmanager
async def _open_house(
    folder: Path, dice: random.Random, source: Source, *, log_apart: bool, patient: bool
) -> AsyncIterator[_House]:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(running_database(log_apart=log_apart))
        shop = await Shop.connect(database.url)
        await shop.open(customers=CUSTOMERS, vendors=VENDORS)
        await shop.aclose()
        cast = await Cast.read(database.url)
        providers = Providers(cast, dice)
        wires = await stack.enter_async_context(started(providers, dice))
        for name in DATABASE_WIRES:
            wires[name] = Wire(name, database.port, dice)
            await wires[name].start()
            stack.push_async_callback(wires[name].stop)
        if source == "wal":
            await _identify(database.url)
        written = write(folder, database.url, providers, wires, source, patient=patient)
        await asyncio.to_thread(install, written.settings)
        await _subscribe(database.url, providers, cast)
        daemons = [Daemon(name, wires[name], written.file, written.credentials) for name in DATABASE_WIRES]
        in_flight = InFlight(database.url)
        stack.push_async_callback(in_flight.close)
        for daemon in daemons:
            stack.push_async_callback(daemon.stop)
        yield _House(database, written.settings, cast, providers, wires, daemons, in_flight)


async def _identify(url: str) -> None:
    """What the shop's owner does for the change log: it has to say what an order was before."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("ALTER TABLE orders REPLICA IDENTITY FULL")


async def _subscribe(url: str, providers: Providers, cast: Cast) -> None:
    """One device each, as the API would have saved it: there is no daemon yet to ask."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        for user_id in cast.people:
            match providers.push.subscribe(user_id):
                case {"endpoint": endpoint, "keys": {"p256dh": key, "auth": auth}}:
                    await connection.execute(SAVE_SUBSCRIPTION, (user_id, endpoint, key, auth))


async def _drained(url: str) -> bool:
    """Wait until nothing is left to read, to plan or to deliver; False when that takes too long."""
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(DRAIN_SECONDS),
            await psycopg.AsyncConnection.connect(url, autocommit=True) as connection,
        ):
            written = await (await connection.execute("SELECT pg_current_wal_insert_lsn()")).fetchone()
            while True:
                unread = await (await connection.execute(UNREAD, written)).fetchone()
                left = await (await connection.execute(LEFT)).fetchone()
                if (unread, left) == ((0,), (0,)):
                    return True
                await asyncio.sleep(0.1)
    return False


async def _end(daemon: Daemon) -> list[str]:
    """Stop it, once it is there; what is wrong with its end or its log."""
    async with asyncio.timeout(DRAIN_SECONDS):
        while not daemon.is_quick():
            await asyncio.sleep(0.05)
    code = await daemon.stop()
    notes = [f"{daemon.name}: {line}" for line in daemon.tracebacks()]
    if code != 0:
        notes.append(f"{daemon.name} ended with exit status {code} when it was told to stop")
    return notes
