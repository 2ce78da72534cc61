"""What differs between two outcomes, and how often. Pure; memory for some examples, and none for the rest."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from daemon.planning.values import Words
from daemon.planning.wording import TEXTS
from daemon.replay.values import NOTHING, Ask, Case, Difference, Failure, Kind, Outcome, Past, Way

Rule = tuple[str, str]
"""Event and audience."""


def differences(past: Past, before: Mapping[Way, Outcome], after: Mapping[Way, Outcome]) -> Iterator[Difference]:
    """Everything about ``past`` that is not the same, in the order of people and channels."""
    for way in sorted(before.keys() | after.keys()):
        was, is_now = before.get(way, NOTHING), after.get(way, NOTHING)
        for kind in _kinds(way, was, is_now):
            yield Difference(kind, past, way, was, is_now)


def _kinds(way: Way, was: Outcome, is_now: Outcome) -> Iterator[Kind]:
    if was.told and is_now.told:
        if was.at != is_now.at:
            yield Kind.TIME
        if _read(way.channel, was.words) != _read(way.channel, is_now.words):
            yield Kind.WORDS
        if was.taken_back != is_now.taken_back:
            yield Kind.TAKEN_BACK
    elif was.told:
        yield Kind.LESS
    elif is_now.told:
        yield Kind.MORE
    elif was.label != is_now.label:
        yield Kind.REASON


def _read(channel: str, words: Words | None) -> tuple[str | None, ...]:
    """What the person reads on this channel."""
    if words is None:
        return ()
    return (words.text,) if channel == TEXTS else (words.title, words.body, words.url, words.action)


@dataclass(slots=True)
class Tally:
    """Of one rule: what became of each way, before and after, and what differs."""

    outcomes: tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]] = field(
        default_factory=lambda: (Counter(), Counter())
    )
    """(channel, label) -> ways."""
    kinds: Counter[tuple[str, Kind]] = field(default_factory=Counter)
    """(channel, kind) -> ways."""

    @property
    def channels(self) -> list[str]:
        """The inbox first."""
        found = {channel for counts in self.outcomes for channel, _ in counts}
        return sorted(found, key=lambda channel: (channel != "inbox", channel))


class Summary:
    """The answer, as it grows."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.events = 0
        self.differing = 0
        self.rules: dict[Rule, Tally] = {}
        self.examples: dict[Kind, list[Difference]] = {kind: [] for kind in Kind}
        self.failures: list[Failure] = []
        self.failed: Counter[int] = Counter()
        """Side -> events that it could not plan."""
        self.left_out = 0
        """Events that either side could not plan."""
        self.notes: list[str] = []

    def begin(self, past: Past) -> None:
        """An event is looked at."""
        if self._wanted(past):
            self.events += 1

    def add(self, case: Case) -> None:
        """Everything is known of these people."""
        if not self._wanted(case.past):
            return
        own = self._own(case.outcomes[0]), self._own(case.outcomes[1])
        for side, outcomes in enumerate(own):
            for way, outcome in outcomes.items():
                tally = self.rules.setdefault((case.past.event.name, way.audience), Tally())
                tally.outcomes[side][way.channel, outcome.label] += 1
        for difference in differences(case.past, *own):
            tally = self.rules[case.past.event.name, difference.way.audience]
            tally.kinds[difference.way.channel, difference.kind] += 1
            self._keep(difference)
            self.differing += not case.past.differs
            case.past.differs = True

    def fail(self, failure: Failure) -> None:
        """An event cannot be compared."""
        past = failure.past
        if self._wanted(past) and failure.side not in past.failed:
            self.left_out += not past.failed
            past.failed.add(failure.side)
            self.failed[failure.side] += 1
            # Of one mistake, one example says it all.
            said = {(each.side, each.past.event.name, each.error) for each in self.failures}
            if (failure.side, failure.past.event.name, failure.error) not in said:
                self.failures = [*self.failures, failure][: max(self.ask.limit, 1)]

    def kinds(self) -> Counter[Kind]:
        """How many ways differ in which way."""
        return Counter({kind: self.count(kind) for kind in Kind if self.count(kind)})

    def count(self, kind: Kind) -> int:
        return sum(n for tally in self.rules.values() for (_, each), n in tally.kinds.items() if each is kind)

    def _wanted(self, past: Past) -> bool:
        return self.ask.event in (None, past.event.name)

    def _own(self, outcomes: Mapping[Way, Outcome]) -> Mapping[Way, Outcome]:
        if self.ask.user is None:
            return outcomes
        return {way: outcome for way, outcome in outcomes.items() if way.user == self.ask.user}

    def _keep(self, difference: Difference) -> None:
        """The first of each kind, and rather one of each rule and channel than several of the same."""
        kept = self.examples[difference.kind]
        if len(kept) < self.ask.limit:
            kept.append(difference)
            return
        seen = [_of(each) for each in kept]
        if _of(difference) not in seen:
            twice = next((n for n in range(len(seen) - 1, -1, -1) if seen[n] in seen[:n]), None)
            if twice is not None:
                kept[twice] = difference


def _of(difference: Difference) -> tuple[str, str, str]:
    return difference.past.event.name, difference.way.audience, difference.way.channel
