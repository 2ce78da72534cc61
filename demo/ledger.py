"""Compares what the sinks received with what was expected: nothing may be missing, nothing may come twice."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from demo.arrival import Arrival
from demo.cast import CHANNELS
from demo.expectation import Expectation


@dataclass(frozen=True, slots=True)
class Slot:
    """What is counted together: one message, or all texts about one order, which are only words."""

    channel: str
    user_id: str
    order: str
    event: str | None

    def __str__(self) -> str:
        what = f"{self.event} of order {self.order}" if self.event else f"order {self.order}"
        return f"{self.channel} to user {self.user_id} about {what}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it. ``notifications`` counts (person, order, event) by audience."""

    notifications: dict[str, int]
    received: dict[str, int]
    missing: tuple[str, ...]
    duplicates: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether everyone was told exactly what they should be."""
        return not (self.missing or self.duplicates or self.unexpected)


class Ledger:
    """Expectations on one side, arrivals on the other, in any order: messages can outrun their commit."""

    def __init__(self) -> None:
        self._wanted: Counter[Slot] = Counter()
        self._seen: defaultdict[Slot, Counter[str]] = defaultdict(Counter)
        self._audiences: dict[tuple[str, str, str], str] = {}
        self._outstanding = 0
        self.withdrawn = 0
        """Pushes that took the place of an offer."""
        self._complete = asyncio.Event()
        self._complete.set()
        self._something_came = asyncio.Event()

    @property
    def outstanding(self) -> int:
        """How many expected messages have not come yet."""
        return self._outstanding

    def expect(self, expectations: Iterable[Expectation]) -> None:
        """Add to what must come."""
        for one in expectations:
            event = None if one.channel == "sms" else one.event
            slot = Slot(one.channel, one.user_id, one.order, event)
            before = self._open(slot)
            self._wanted[slot] += 1
            self._audiences[one.user_id, one.order, one.event] = one.audience
            self._count(self._open(slot) - before)

    def excuse(self, slot: Slot) -> None:
        """One that was expected need not come: a newer status has taken its place."""
        before = self._open(slot)
        if before:
            self._wanted[slot] -= 1
            self._count(self._open(slot) - before)

    def saw(self, arrival: Arrival) -> None:
        """Add to what came. What takes an offer back is no message of its own: it tells nobody anything new."""
        self._something_came.set()
        if arrival.withdrawn:
            self.withdrawn += 1
            return
        slot = Slot(arrival.channel, arrival.user_id, arrival.order, arrival.event)
        before = self._open(slot)
        self._seen[slot][arrival.words] += 1
        self._count(self._open(slot) - before)

    async def complete(self, seconds: float) -> bool:
        """Wait until nothing is outstanding; False when it still is after ``seconds``."""
        try:
            await asyncio.wait_for(self._complete.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def quiet(self, seconds: float, at_most: float) -> None:
        """Wait until nothing has come for ``seconds``, but not longer than ``at_most``."""
        try:
            async with asyncio.timeout(at_most):
                while True:
                    self._something_came.clear()
                    try:
                        await asyncio.wait_for(self._something_came.wait(), seconds)
                    except TimeoutError:
                        return
        except TimeoutError:
            return

    def verdict(self) -> Verdict:
        """What came of it so far."""
        missing: list[str] = []
        duplicates: list[str] = []
        unexpected: list[str] = []
        received = dict.fromkeys(CHANNELS, 0)
        for slot in self._wanted.keys() | self._seen.keys():
            seen = self._seen.get(slot, Counter())
            received[slot.channel] += seen.total()
            missing += [str(slot)] * self._open(slot)
            duplicates += [str(slot)] * (seen.total() - len(seen))
            unexpected += [str(slot)] * max(0, len(seen) - self._wanted[slot])
        return Verdict(
            self._notifications(),
            received,
            missing=tuple(sorted(missing)),
            duplicates=tuple(sorted(duplicates)),
            unexpected=tuple(sorted(unexpected)),
        )

    def _notifications(self) -> dict[str, int]:
        told = {(slot.user_id, slot.order, slot.event) for slot in self._seen if slot.event is not None}
        counts: Counter[str] = Counter({"customer": 0, "vendor": 0, "driver": 0, "available_drivers": 0})
        for user_id, order, event in told:
            counts[self._audiences.get((user_id, order, event), "nobody")] += 1
        return dict(counts)

    def _open(self, slot: Slot) -> int:
        return max(0, self._wanted[slot] - len(self._seen.get(slot, ())))

    def _count(self, change: int) -> None:
        self._outstanding += change
        if self._outstanding:
            self._complete.clear()
        else:
            self._complete.set()
