"""The values that flow through a replay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from daemon.planning.known import Known
from daemon.planning.values import Event, Words

SIDES = ("before", "after")
"""By the rules in force, and by those that are tried."""

TOLD = "told"
DIGESTED = "digested"
"""Told within another message, as the history of deliveries calls it."""
ABSENT = "absent"
"""No rule tells this person on this channel."""


class Way(NamedTuple):
    """How one person is told of an event."""

    audience: str
    user: str
    channel: str
    address: str
    """Empty for the inbox, and where the person has none."""
    turn: int = 0
    """Of several on the same way: the steps of a rule."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one way."""

    label: str
    """``told``, ``digested``, or the reason why not, as in the history of deliveries."""
    at: datetime | None = None
    """When it is told."""
    words: Words | None = None
    detail: str = ""
    taken_back: bool = False
    """It was told, and a later event took it back."""

    @property
    def told(self) -> bool:
        return self.label in {TOLD, DIGESTED}


NOTHING = Outcome(ABSENT)


@dataclass(slots=True, eq=False)
class Past:
    """An event as it was planned, and when."""

    id: int
    event: Event
    now: datetime
    differs: bool = False
    """Found so far."""
    failed: set[int] = field(default_factory=set)
    """Sides that cannot plan it."""


@dataclass(slots=True, eq=False)
class Case:
    """One event, or some of its people, under both rules: complete once nothing of it waits any more."""

    past: Past
    outcomes: tuple[dict[Way, Outcome], dict[Way, Outcome]] = field(default_factory=lambda: ({}, {}))
    """Before and after."""
    waiting: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What one set of rules plans some events with: each list has an entry per event."""

    audiences: Sequence[Mapping[str, Sequence[str]]]
    known: Known
    mentioned: Mapping[str, Sequence[str]] | None = None
    """As in :func:`daemon.planning.plan.plan`."""

    @property
    def users(self) -> set[str]:
        """Everybody who is told."""
        return {user for told in self.audiences for users in told.values() for user in users}


class Kind(StrEnum):
    """How the two may differ."""

    MORE = "only_after"
    LESS = "only_before"
    TIME = "another_time"
    WORDS = "other_words"
    TAKEN_BACK = "taken_back"
    REASON = "another_reason"


@dataclass(frozen=True, slots=True)
class Difference:
    """One way that is not what it was."""

    kind: Kind
    past: Past
    way: Way
    before: Outcome
    after: Outcome


@dataclass(frozen=True, slots=True)
class Failure:
    """An event that one set of rules cannot plan."""

    side: int
    """0: before; 1: after."""
    past: Past
    error: str


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be shown; everything is planned whatever it is, as a newer event ends what waits of an older one."""

    event: str | None = None
    user: str | None = None
    limit: int = 3
    """Examples of each kind."""
