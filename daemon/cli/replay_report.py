"""What a replay found, for people."""

from collections import Counter
from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from daemon.cli.console import out
from daemon.explain.addresses import masked
from daemon.explain.moments import Moments
from daemon.planning.wording import TEXTS
from daemon.replay.difference import Summary
from daemon.replay.run import Span
from daemon.replay.values import SIDES, Difference, Kind, Outcome

TITLES = {
    Kind.MORE: "told only after",
    Kind.LESS: "told only before",
    Kind.TIME: "told at another time",
    Kind.WORDS: "told in other words",
    Kind.TAKEN_BACK: "taken back only before, or only after",
    Kind.REASON: "not told, for another reason",
}


def show(summary: Summary, span: Span, rules: str) -> None:
    """As a table of rules, and examples of each kind under it."""
    moments = Moments()
    _line(f"{_events(summary.events)} from {moments(span.since)} to {moments(span.until)}")
    _line(f"before: as configured; after: {rules}")
    for note in summary.notes:
        _line(f"note: {note}", "yellow")
    for failure in summary.failures:
        past = failure.past
        what_of = f"{past.event.name} of {past.event.subject} (event {past.id})"
        _line(f"cannot be planned by the rules {SIDES[failure.side]}: {what_of}: {failure.error}", "red")
    if summary.left_out:
        _line(f"{_events(summary.left_out)} left out for that", "red")
    if not summary.differing:
        _line(f"no difference in {_events(summary.events - summary.left_out)}", "green")
        return
    _line(f"{summary.differing:,} of them would be told differently")
    out.print(_table(summary))
    same = sum(1 for tally in summary.rules.values() if not tally.kinds)
    if same:
        _line(f"and {same} rule{'' if same == 1 else 's'} without a difference", "dim")
    for kind, found in summary.examples.items():
        if count := summary.count(kind):
            _line("")
            _line(f"{TITLES[kind]}: {count:,}", "bold")
            for difference in sorted(found, key=lambda each: (each.past.id, each.way)):
                _line(f"  {_said(difference, moments)}")


def _table(summary: Summary) -> Table:
    """A line for each channel of a rule that differs."""
    table = Table("rule", "channel", "before", "after", "differences", box=None, pad_edge=False, header_style="dim")
    for (event, audience), tally in sorted(summary.rules.items()):
        name = f"{event} -> {audience}"
        for channel in tally.channels:
            kinds = [(kind, tally.kinds[channel, kind]) for kind in Kind if tally.kinds[channel, kind]]
            if kinds:
                sides = (_counts(outcomes, channel) for outcomes in tally.outcomes)
                said = ", ".join(f"{count:,} {TITLES[kind]}" for kind, count in kinds)
                table.add_row(*(Text(_printable(cell)) for cell in (name, channel, *sides, said)))
                name = ""
    return table


def _counts(outcomes: Counter[tuple[str, str]], channel: str) -> str:
    """``12 told, 3 superseded``."""
    own = sorted(((n, label) for (on, label), n in outcomes.items() if on == channel), reverse=True)
    return ", ".join(f"{n:,} {label}" for n, label in own) or "-"


def _said(difference: Difference, moments: Moments) -> str:
    past, way, was, is_now = difference.past, difference.way, difference.before, difference.after
    address = masked(way.channel, way.address)
    to = f" to {address}" if address else ""
    head = f"{past.event.name} of {past.event.subject}, {way.user} as {way.audience}, {way.channel}{to}: "
    match difference.kind:
        case Kind.WORDS:
            return head + " -> ".join(repr(part) for part in _words(difference))
        case Kind.TAKEN_BACK:
            return head + ("taken back only before" if was.taken_back else "told, and taken back later only after")
        case _:
            beside = moments.beside(past.now)
            return f"{head}{_outcome(was, moments)} -> {_outcome(is_now, beside)}"


def _outcome(outcome: Outcome, moments: Moments) -> str:
    if outcome.told and outcome.at is not None:
        return f"{outcome.label} {moments(outcome.at)}"
    return f"{outcome.label} ({outcome.detail})" if outcome.detail else outcome.label


def _words(difference: Difference) -> Iterator[str]:
    """The first part that differs, before and after."""
    was, is_now = difference.before.words, difference.after.words
    if was is None or is_now is None:
        return
    parts = ("text",) if difference.way.channel == TEXTS else ("title", "body", "url", "action")
    for part in parts:
        if getattr(was, part) != getattr(is_now, part):
            yield from (str(getattr(words, part) or "") for words in (was, is_now))
            return


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"


def _line(text: str, style: str = "") -> None:
    """Whatever an application or a person wrote cannot steer the terminal."""
    out.print(Text(_printable(text), style=style), highlight=False, soft_wrap=True)


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
