"""Carries the faults out, and keeps a log of them."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.at_risk import EVERYTHING, InFlight, Whose
from tests.chaos.daemons import Daemon, active
from tests.chaos.database import Database
from tests.chaos.faults import Fault, Kind
from tests.chaos.providers import Manner, Providers
from tests.chaos.wire import Mood, Wire

PATIENCE_SECONDS = 60.0
"""For a daemon to be there to be killed, and for a wire to have something to cut."""

RESTART_SECONDS = 40.0
"""For a restart. A server that sends somebody its log waits for them (a daemon may be paused, a wire may swallow all),
but not as long as it would wait for one that is gone (``wal_sender_timeout``, 60 s)."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that happened; times are the loop's."""

    fault: Fault
    begin: float
    end: float


class Striker:
    """Has every part in its hands."""

    def __init__(
        self,
        daemons: list[Daemon],
        database: Database,
        wires: dict[str, Wire],
        providers: Providers,
        in_flight: InFlight,
        dice: random.Random,
    ) -> None:
        self.counts: Counter[Kind] = Counter()
        self.struck: list[Struck] = []
        self.slow_restarts: list[str] = []
        """What should not happen: a server that waits for a daemon before it ends."""
        self._daemons = daemons
        self._database = database
        self._wires = wires
        self._providers = providers
        self._in_flight = in_flight
        self._dice = dice
        # Of these, one at a time: two restarts at once are one, and a wire has one mood.
        self._server_lock = asyncio.Lock()
        self._locks = {name: asyncio.Lock() for name in [*wires, *providers.manners, *(d.name for d in daemons)]}

    async def run(self, faults: list[Fault], seconds: float, told: Callable[[str], None]) -> None:
        """All of ``faults``, each at its time; they may overlap. Takes ``seconds``, or longer where they do."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for fault in faults:
                await asyncio.sleep(max(0.0, began + fault.after_seconds - loop.time()))
                told(str(fault))
                tasks.create_task(self._strike(fault), name=str(fault))
            await asyncio.sleep(max(0.0, began + seconds - loop.time()))

    async def _strike(self, fault: Fault) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        met = True
        match fault.kind:
            case Kind.KILL:
                await self._kill(fault.how)
            case Kind.PAUSE:
                await self._pause(fault)
            case Kind.RESTART:
                async with self._server_lock, self._in_flight.watched():
                    asked = loop.time()
                    await self._database.restart(fault.how)
                    if loop.time() - asked > RESTART_SECONDS:
                        self.slow_restarts.append(f"{fault} took {loop.time() - asked:.1f} s")
            case Kind.CUT:
                met = await self._cut(self._wires[fault.whom], Mood[fault.how], fault.seconds)
            case Kind.PROVIDER:
                async with self._locks[fault.whom]:  # the provider itself knows what it left unanswered
                    self._providers.manners[fault.whom] = Manner[fault.how]
                    await asyncio.sleep(fault.seconds)
                    self._providers.manners[fault.whom] = Manner.FINE
            case Kind.CLOCK:
                await self._jump(fault)
            case Kind.FULL_LOG:
                met = await self._fill_log(fault.seconds)
        if met and fault.kind is not Kind.KILL:
            self.counts[fault.kind] += 1
        self.struck.append(Struck(fault, begin, loop.time()))

    async def _kill(self, how: str) -> None:
        if how == "both":
            for daemon in self._daemons:
                await self._kill_one(daemon)
            return
        if how == "active":
            await self._kill_one(await active(self._daemons, self._database, self._dice))
        else:
            await self._kill_one(self._dice.choice(self._daemons))

    async def _kill_one(self, daemon: Daemon) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await daemon.running.wait()
        # Held still, so that nothing is begun between the look and the end.
        daemon.signal(signal.SIGSTOP)
        await self._in_flight.look(Whose(node=daemon.node() or ""))
        daemon.kill()
        self.counts[Kind.KILL] += 1

    async def _pause(self, fault: Fault) -> None:
        daemon = self._dice.choice(self._daemons)
        if fault.how == "active":
            daemon = await active(self._daemons, self._database, self._dice)
        async with self._locks[daemon.name]:
            daemon.signal(signal.SIGSTOP)
            await self._in_flight.look(Whose(node=daemon.node() or ""))
            await asyncio.sleep(fault.seconds)
            daemon.signal(signal.SIGCONT)

    async def _cut(self, wire: Wire, mood: Mood, seconds: float) -> bool:
        """Whether there was anything to cut."""
        whose = Whose(channel=wire.name) if wire.name in self._providers.manners else EVERYTHING
        async with self._locks[wire.name], self._in_flight.watched(whose):
            wire.misbehave(mood)
            try:
                # A cut that met nobody is none: wait for somebody to come along.
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await wire.cut_at_work.wait()
                if mood not in {Mood.SEVER_REQUEST, Mood.SEVER_ANSWER}:
                    await asyncio.sleep(seconds)
            except TimeoutError:
                return False
            finally:
                await wire.heal()
        return True

    async def _jump(self, fault: Fault) -> None:
        daemon = await active(self._daemons, self._database, self._dice)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not daemon.is_quick():
                await asyncio.sleep(0.05)
        async with self._locks[daemon.name]:  # nothing is in flight because of it: nothing may come twice
            daemon.jump(float(fault.how))
            await asyncio.sleep(fault.seconds)
            if daemon.is_quick():
                daemon.jump(0.0)

    async def _fill_log(self, seconds: float) -> bool:
        async with self._server_lock, self._in_flight.watched():
            balloon = await self._database.fill_log()
            if balloon is None:
                return False
            await asyncio.sleep(seconds)
            balloon.unlink()
            if not await self._database.is_running():
                await self._database.start()
        return True
