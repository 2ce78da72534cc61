"""What is done to Orderbell, when, in an order that a seed decides."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tests.chaos.providers import CHANNELS, Manner
from tests.chaos.wire import Mood


class Kind(StrEnum):
    KILL = "kill"
    PAUSE = "pause"
    RESTART = "restart"
    CUT = "cut"
    PROVIDER = "provider"
    CLOCK = "clock"
    FULL_LOG = "full_log"


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them, as planned."""

    after_seconds: float
    """From the start of the run."""
    kind: Kind
    how: str
    """What of its kind: ``both`` daemons, an ``immediate`` restart, a Mood, a Manner."""
    whom: str = ""
    seconds: float = 0.0
    """How long it lasts, where that is not up to it."""

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return " ".join(filter(None, (self.kind, self.whom, self.how))) + lasting


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many of each; kills and restarts and cuts are promised, whatever else happens."""

    kills: int
    restarts: int
    cuts: int
    pauses: int
    provider: int
    clock: int
    full_log: int


LONGER_THAN_A_LEASE = 6.5
DATABASE_WIRES = ("first", "second")


def schedule(amounts: Amounts, seconds: float, seed: int) -> list[Fault]:
    """All of them, spread over ``seconds`` as ``seed`` decides."""
    dice = random.Random(seed)
    faults = [*_kills(amounts.kills, seconds, dice), *_others(amounts, seconds, dice)]
    return sorted(faults, key=lambda fault: fault.after_seconds)


def _kills(count: int, seconds: float, dice: random.Random) -> Iterator[Fault]:
    while count > 0:
        how = dice.choices(["active", "any", "both"], [5, 2, 2])[0]
        if how == "both" and count < 2:
            how = "active"
        count -= 2 if how == "both" else 1
        yield Fault(dice.uniform(0, seconds), Kind.KILL, how)


def _others(amounts: Amounts, seconds: float, dice: random.Random) -> Iterator[Fault]:
    def at() -> float:
        return dice.uniform(0, seconds)

    moods = [mood for mood in Mood if mood is not Mood.FINE]
    manners = [manner for manner in Manner if manner is not Manner.FINE]
    for number in range(amounts.restarts):
        yield Fault(at(), Kind.RESTART, ("fast", "immediate")[number % 2])
    # Each mood and each manner has its turn before one comes again; whom it meets is up to the dice.
    for number in range(amounts.cuts):
        whom = dice.choice((*DATABASE_WIRES, *CHANNELS))
        yield Fault(at(), Kind.CUT, moods[number % len(moods)].name, whom, dice.uniform(0.5, 4))
    for number in range(amounts.provider):
        whom = CHANNELS[number // len(manners) % len(CHANNELS)]
        yield Fault(at(), Kind.PROVIDER, manners[number % len(manners)].name, whom, dice.uniform(0.5, 3))
    for _ in range(amounts.pauses):
        yield Fault(at(), Kind.PAUSE, dice.choice(["active", "any"]), seconds=LONGER_THAN_A_LEASE)
    for number in range(amounts.clock):
        how = ("3600", "-3600")[number % 2]
        yield Fault(at(), Kind.CLOCK, how, seconds=dice.uniform(2, 5))
    for _ in range(amounts.full_log):
        yield Fault(at(), Kind.FULL_LOG, "", seconds=3)
