"""A page in parts that fit into memory: what both rules say of the same people is in the same part. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from daemon.planning.known import Audiences
from daemon.planning.pieces import PEOPLE

Told = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Portion:
    """Some events, or some of the people of one; before and after."""

    first: int
    """Index of the first event."""
    audiences: tuple[Audiences, Audiences]
    mentioned: tuple[Told | None, Told | None] = (None, None)

    @property
    def count(self) -> int:
        """Events in it."""
        return len(self.audiences[0])


def portions(before: Audiences, after: Audiences, people: int = PEOPLE) -> Iterator[Portion]:
    """Events in their order, with at most about ``people`` people in each portion."""
    begun = taken = 0
    for index, both in enumerate(zip(before, after, strict=True)):
        size = max(sum(map(len, told.values())) for told in both)
        if index > begun and taken + size > people:
            yield Portion(begun, (before[begun:index], after[begun:index]))
            begun, taken = index, 0
        if size > people:
            yield from _broadcast(index, *both, people)
            begun, taken = index + 1, 0
        else:
            taken += size
    if begun < len(before):
        yield Portion(begun, (before[begun:], after[begun:]))


def _broadcast(index: int, before: Told, after: Told, people: int) -> Iterator[Portion]:
    """One event in portions: the first takes back what it takes back, the others have the people."""
    yield Portion(index, ([{}], [{}]))
    mentioned = _first_of(before), _first_of(after)
    everybody = list(dict.fromkeys(user for told in (before, after) for users in told.values() for user in users))
    share = max(1, people // max(len(before), len(after)))
    for start in range(0, len(everybody), share):
        some = set(everybody[start : start + share])
        yield Portion(index, ([_of(before, some)], [_of(after, some)]), mentioned)


def _first_of(told: Told) -> Told:
    return {audience: users[:1] for audience, users in told.items()}


def _of(told: Told, some: set[str]) -> Told:
    return {audience: [user for user in dict.fromkeys(users) if user in some] for audience, users in told.items()}
