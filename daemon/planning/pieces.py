"""A batch in pieces that fit into memory: a broadcast to 100,000 people is planned some thousands at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from daemon.planning.known import Audiences
from daemon.planning.values import Event

PEOPLE = 5_000
"""In one piece; a single piece of this size takes some hundredths of a second."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some events, or some of the people of one."""

    first: int
    """Index of the first event in the batch."""
    events: Sequence[Event]
    audiences: Audiences
    mentioned: Mapping[str, Sequence[str]] | None = None
    """Where this goes on with an event that an earlier piece began: the first person of each of its audiences."""


def pieces(events: Sequence[Event], audiences: Audiences, people: int = PEOPLE) -> Iterator[Piece]:
    """``events`` in their order, with at most about ``people`` people to be told in each piece."""
    begun = taken = 0
    for index, told in enumerate(audiences):
        count = sum(map(len, told.values()))
        if index > begun and taken + count > people:
            yield Piece(begun, events[begun:index], audiences[begun:index])
            begun, taken = index, 0
        if count > people:
            yield from _broadcast(index, events[index], told, people)
            begun, taken = index + 1, 0
        else:
            taken += count
    if begun < len(events):
        yield Piece(begun, events[begun:], audiences[begun:])


def _broadcast(index: int, event: Event, told: Mapping[str, Sequence[str]], people: int) -> Iterator[Piece]:
    """One event in pieces: the first has the head of every audience, each other goes on with one of them."""
    share = max(1, people // len(told))
    mentioned = {audience: users[:1] for audience, users in told.items()}
    # Once over the whole: a person who is named twice might stand in two pieces.
    alone = {audience: list(dict.fromkeys(users)) for audience, users in told.items()}
    yield Piece(index, [event], [{audience: users[:share] for audience, users in alone.items()}])
    for audience, users in alone.items():
        for start in range(share, len(users), people):
            yield Piece(index, [event], [{audience: users[start : start + people]}], mentioned)
