"""A timeline as people read it: trees in a terminal, indented lines where it is piped."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from daemon.explain.moments import Moments
from daemon.explain.values import Ahead, Attempt, Coming, Happening, Rest, State, Timeline, Told, Way

STYLES = {
    State.PENDING: "yellow",
    State.SENDING: "yellow",
    State.SENT: "green",
    State.DELIVERED: "green",
    State.FAILED: "red",
    State.SKIPPED: "cyan",
    State.ABSENT: "cyan",
}

AHEAD = {Coming.CHANGE: "yellow", Coming.SET_ASIDE: "red", Coming.SCHEDULED: "yellow"}

WORDS = {State.SENDING: "being sent", State.SKIPPED: "not sent", State.ABSENT: "not sent"}
"""Where a state is called otherwise than in the tables."""


@dataclass(slots=True)
class Entry:
    """A line, and what stands under it."""

    line: Text
    under: list["Entry"] = field(default_factory=list)


def show(found: Timeline, console: Console, moment: Moments, now: datetime) -> None:
    """Print ``found``."""
    for entry in entries(found, moment, now):
        if console.is_terminal:
            console.print(_tree(entry), highlight=False)
        else:
            for line in _lines(entry, 0):
                console.print(line, markup=False, highlight=False, soft_wrap=True)


def entries(found: Timeline, moment: Moments, now: datetime) -> Iterator[Entry]:
    """The head, then one entry for each event and for what is no event yet."""
    zone = now.astimezone(moment.zone).strftime("%Z")
    count = f"{len(found.events)} event{'' if len(found.events) == 1 else 's'}"
    only = "".join(f", only {what}" for what in (found.user, found.channel) if what)
    yield Entry(_text((found.subject, "bold"), f": {count}{only}; times are in {zone}"))
    if found.more_events:
        yield Entry(_text(("These are the newest; older ones are left out.", "dim")))
    for event in found.events:
        yield _event(event, moment)
    for ahead in found.ahead:
        yield _ahead(ahead)


def _event(event: Happening, moment: Moments) -> Entry:
    beside = moment.beside(event.captured_at)
    name = f"{event.name} of {event.label}" if event.label else event.name
    head = _text((name, "bold"), f", {moment(event.captured_at)}, planned {beside(event.planned_at)}")
    under = [Entry(_text((note, "cyan"))) for note in event.notes]
    under += [_told(told, beside) for told in event.told]
    if event.rest is not None:
        under.append(Entry(_text((_rest(event.rest), "dim"))))
    if event.remarks:
        more = event.remarks_total - len(event.remarks)
        remarks = [Entry(_text(remark)) for remark in event.remarks]
        remarks += [Entry(_text((f"and {more:,} more", "dim")))] if more else []
        under.append(Entry(_text("could not be told", style="yellow"), remarks))
    return Entry(head, under)


def _told(told: Told, moment: Moments) -> Entry:
    marks = [told.category, told.priority, *(["critical"] if told.critical else [])]
    return Entry(
        _text((told.user, "bold"), f" as {told.audience}: {_inbox(told, moment)} ", (f"({', '.join(marks)})", "dim")),
        [_way(way, moment) for way in told.ways],
    )


def _inbox(told: Told, moment: Moments) -> str:
    if told.withdrawn_at is not None:
        by = f" by {told.withdrawn_by}" if told.withdrawn_by else ""
        read = f"read {moment(told.read_at)}, " if told.read_at else ""
        return f"{read}taken back{by} {moment(told.withdrawn_at)}"
    if told.read_at is not None:
        return f"read {moment(told.read_at)}"
    return f"seen {moment(told.seen_at)}, not read" if told.seen_at is not None else "in the inbox, not read"


def _way(way: Way, moment: Moments) -> Entry:
    to = f" to {way.address}" if way.address else ""
    state = WORDS.get(way.state, way.state.value)
    colon = " " if way.state in {State.SENT, State.DELIVERED, State.FAILED} else ": "
    shown = len(way.attempts) > 1 or any(attempt.outcome != "sent" for attempt in way.attempts)
    return Entry(
        _text(f"{way.channel}{to}: ", (state, STYLES[way.state]), f"{colon}{way.why}"),
        [_attempt(attempt, moment) for attempt in way.attempts] if shown else [],
    )


def _attempt(attempt: Attempt, moment: Moments) -> Entry:
    said = ": ".join(part for part in (attempt.code, attempt.detail) if part)
    line = f"attempt {attempt.number}, {moment(attempt.started_at)}, {attempt.provider or 'no provider'}: "
    return Entry(_text((f"{line}{attempt.outcome}{f' ({said})' if said else ''}", "dim")))


def _rest(rest: Rest) -> str:
    channels: dict[str, list[str]] = {}
    for count in rest.outcomes:
        channels.setdefault(count.channel, []).append(f"{count.count:,} {count.outcome}")
    said = "; ".join(f"{channel} {', '.join(counts)}" for channel, counts in channels.items())
    return f"and {rest.notifications:,} more: {said or 'no messages'}"


def _ahead(ahead: Ahead) -> Entry:
    name = ahead.event or "a change"
    return Entry(_text((name, "bold"), ": ", (ahead.why, AHEAD[ahead.kind])))


def _text(*parts: str | tuple[str, str], style: str = "") -> Text:
    """Whatever a provider or a person wrote cannot steer the terminal."""
    clean = [(_printable(part), "") if isinstance(part, str) else (_printable(part[0]), part[1]) for part in parts]
    return Text.assemble(*clean, style=style)


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)


def _tree(entry: Entry) -> Tree:
    tree = Tree(entry.line, guide_style="dim")
    for each in entry.under:
        tree.children.append(_tree(each))
    return tree


def _lines(entry: Entry, depth: int) -> Iterator[str]:
    yield "  " * depth + entry.line.plain
    for each in entry.under:
        yield from _lines(each, depth + 1)
