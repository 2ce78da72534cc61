"""What planning is given to know: everything that was looked up for a batch of events."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from daemon.planning.values import Person

Audiences = Sequence[Mapping[str, Sequence[str]]]
"""For each event: audience -> user ids, in the order in which they are told."""

Choices = Mapping[tuple[str, str, str], bool]
"""(user id, category, channel) -> what this person chose; "" stands for every category, or every channel."""

Hold = tuple[str, str, str, str]
"""User id, channel, address and name: what waits under the same becomes one message."""

Failing = Collection[tuple[int, str, int]]
"""(index of the event, audience, step): steps whose ``where`` does not hold."""


@dataclass(frozen=True, slots=True)
class Known:
    """About everyone whom the audiences of a batch name."""

    people: Mapping[str, Person] = field(default_factory=dict)
    """By user id."""
    suppressed: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(channel, address) that nothing is sent to, as the application spells them -> why."""
    choices: Choices = field(default_factory=dict)
    windows: Mapping[Hold, datetime] = field(default_factory=dict)
    """Digests that are open, and nights that messages wait for the end of: when that is."""
    spent: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(user id, throttle) -> messages that counted towards it within its time."""
    failing: Failing = ()
