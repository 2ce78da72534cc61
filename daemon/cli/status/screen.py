"""What ``orderbell status`` shows, drawn for a width. Colours only for what is wrong. Pure."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from daemon.cli.status.values import ChangeLog, ChannelFlow, Flow, Latency, Node, Planner, Provider, Queue, Status
from daemon.cli.status.verdict import LATE_SECONDS, SILENT_SECONDS, UNKNOWN, said, size

WIDE = 110
"""Columns from which more is shown, and things stand beside each other."""

BARS = " ▁▂▃▄▅▆▇█"
FIRST = 18
"""Columns of what a line is about, its gap included."""
FACTS_NARROW, FACTS_WIDE = (12, 17, 6), (14, 18, 8)
"""Columns of the figures at the top."""
SPARKS = 30
WRONG, QUIET, STRONG = "red", "dim", "bold"


def screen(status: Status, width: int, *, hint: str = "", dense: bool = False) -> RenderableType:
    """All of it; ``hint`` is the last line, ``dense`` without lines between the parts."""
    wide = width >= WIDE
    parts: list[RenderableType] = [_head(status)]
    if status.troubles:
        parts.append(_lines((trouble.says for trouble in status.troubles), WRONG, "✗ "))
    parts += [_facts(status, wide), _channels(status, wide)]
    if wide:
        beside = Table.grid(padding=(0, 6, 0, 0))
        beside.add_row(_providers(status.flow), _daemons(status))
        parts.append(beside)
    else:
        parts += [_providers(status.flow)] if status.flow else []
        parts.append(_daemons(status))
    if status.standing.change_log is not None:
        parts.append(_change_log(status.standing.change_log, wide))
    if status.notes:
        parts.append(_lines(status.notes, QUIET))
    if hint:
        parts.append(Text(hint, style=QUIET))
    spaced = [part if number == 0 or dense else Padding(part, (1, 0, 0, 0)) for number, part in enumerate(parts)]
    return Padding(Group(*spaced), (0, 1))


def rate(value: float | None) -> str:
    """In a second: a dash for none, so that zeros do not shout."""
    if not value or value < 0.05:
        return UNKNOWN
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.1f}"


def sparkline(values: Sequence[float], width: int) -> str:
    """The newest values as bars, the newest at the right; nothing where nothing has happened."""
    shown = list(values)[-width:]
    most = max(shown, default=0.0)
    if most <= 0:
        return ""
    steps = len(BARS) - 1
    return "".join(BARS[min(steps, 1 + int((steps - 1) * value / most)) if value > 0 else 0] for value in shown)


def _head(status: Status) -> RenderableType:
    count = len(status.troubles)
    well = (
        Text("● all is well")
        if not count
        else Text(f"● {count} thing{'s are' if count > 1 else ' is'} wrong", style=f"{STRONG} {WRONG}")
    )
    row = Table.grid(expand=True)
    row.add_column(no_wrap=True)
    row.add_column(justify="right", no_wrap=True, style=QUIET, overflow="ellipsis")
    at = f"{status.standing.at.astimezone():%H:%M:%S}"
    row.add_row(Text.assemble(("Orderbell", STRONG), "  ", well), Text(f"{status.standing.database} · {at}"))
    return row


def _facts(status: Status, wide: bool) -> RenderableType:  # noqa: FBT001 - of one layout or the other
    standing, flow = status.standing, status.flow
    late = (standing.changes_oldest_seconds or 0.0) > LATE_SECONDS
    waiting = Text(f"{standing.changes_waiting:,}", style=WRONG if late else "")
    if standing.changes_waiting and standing.changes_oldest_seconds is not None:
        waiting.append(f"  {said(standing.changes_oldest_seconds)}", style=WRONG if late else QUIET)
    planned = flow.commit_to_planned if flow else Latency()
    cells: list[tuple[str, Text]] = [
        ("events/s", Text(rate(flow.events if flow else None))),
        ("planned in", _percentiles(planned)),
        ("connections", Text(f"{flow.connections:,}" if flow else UNKNOWN)),
        ("unplanned", waiting),
        ("set aside", Text(f"{standing.set_aside:,}", style=WRONG if standing.set_aside else "")),
        ("frames/s", Text(rate(flow.frames if flow else None))),
        ("scheduled", Text(f"{standing.scheduled:,}")),
        ("failed, 1 h", Text(f"{standing.failed_last_hour:,}")),
        ("online", Text(f"{sum(node.people for node in standing.nodes):,}")),
    ]
    table = Table.grid(padding=(0, 2, 0, 0))
    for least in FACTS_WIDE if wide else FACTS_NARROW:
        table.add_column(style=QUIET, no_wrap=True, min_width=9)
        table.add_column(min_width=least, no_wrap=True)
    if wide:
        table.add_column(no_wrap=True, style=QUIET)
    for start in range(0, len(cells), 3):
        row: list[RenderableType] = [part for name, value in cells[start : start + 3] for part in (Text(name), value)]
        table.add_row(*row, *([Text(sparkline(status.events, SPARKS).rjust(SPARKS))] if wide and start == 0 else []))
    return table


def _channels(status: Status, wide: bool) -> RenderableType:  # noqa: FBT001 - as above
    queues = {queue.channel: queue for queue in status.standing.queues}
    flows = status.flow.channels if status.flow else {}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=QUIET, expand=False)
    table.add_column("channel", min_width=9, no_wrap=True)
    figures = ["due", "sending", "retrying", "later", "held", "oldest", "sent/s", "failed/s", "sent after", "p99"]
    if not wide:
        figures = ["due", "sending", "later", "held", "oldest", "sent/s", "sent after", "p99"]
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True, min_width=8 if wide else 5)
    for channel in sorted(queues.keys() | flows.keys()):
        row = _figures(queues.get(channel, Queue(channel)), flows.get(channel), wide)
        table.add_row(Text(channel), *(row[name] for name in figures))
    if not table.row_count:
        return Text("no deliveries wait", style=QUIET)
    return table


def _figures(queue: Queue, flow: ChannelFlow | None, wide: bool) -> dict[str, Text]:  # noqa: FBT001 - as above
    late = WRONG if (queue.oldest_seconds or 0.0) > LATE_SECONDS else ""
    sent_after = flow.commit_to_sent if flow else Latency()
    return {
        "due": Text(_number(queue.due), style=late),
        "sending": Text(_number(queue.sending)),
        "retrying": Text(_number(queue.retrying)),
        "later": Text(_number(queue.later + (0 if wide else queue.retrying))),
        "held": Text(_number(queue.held)),
        "oldest": Text(said(queue.oldest_seconds), style=late),
        "sent/s": Text(rate(flow.sent if flow else None)),
        "failed/s": Text(rate(flow.failed if flow else None)),
        "sent after": Text(said(sent_after.p50)),
        "p99": Text(said(sent_after.p99)),
    }


def _providers(flow: Flow | None) -> RenderableType:
    table = _list("provider", "", "requests/s")
    for provider in flow.providers if flow else ():
        table.add_row(
            Text(f"{provider.channel} {provider.name}".strip()), _state(provider), Text(rate(provider.requests))
        )
    if table.row_count:
        return table
    return Text("no provider has been asked yet" if flow else "", style=QUIET)


def _state(provider: Provider) -> Text:
    if provider.state == "down":
        return Text("✗ down", style=WRONG)
    if provider.paused_seconds is not None:
        return Text(f"asks for a pause of {said(provider.paused_seconds)}")
    return Text("● well" if provider.state == "well" else "○ is tried again")


def _daemons(status: Status) -> RenderableType:
    table = _list("daemon", "", "people")
    for node in status.standing.nodes:
        table.add_row(Text(node.name), _heard(node), Text(f"{node.people:,}"))
    planner = _planner(status.standing.planners, status.flow)
    return Group(table, planner) if table.row_count else planner


def _heard(node: Node) -> Text:
    silent = node.seen_seconds > SILENT_SECONDS
    return Text(f"heard {said(node.seen_seconds)} ago" if silent else "● well")


def _planner(planners: Sequence[Planner], flow: Flow | None) -> Text:
    active = next((planner for planner in planners if planner.active), None)
    if active is None:
        return Text("✗ nobody plans", style=WRONG)
    by = len(planners) - 1
    where = "this daemon" if flow is not None and flow.plans and by == 0 else (active.address or "this machine")
    text = Text.assemble(("planner".ljust(FIRST), QUIET), f"{where}, for {said(active.since_seconds)}")
    return text.append(f"; {by} stand{'s' if by == 1 else ''} by") if by else text


def _change_log(log: ChangeLog, wide: bool) -> RenderableType:  # noqa: FBT001 - as above
    lost = not log.exists or log.state == "lost"
    text = Text.assemble(
        ("change log".ljust(FIRST), QUIET),
        f"{log.slot}  ",
        ("gone" if not log.exists else (log.state or "?"), WRONG if lost else ""),
        "" if log.active else ("  not read", WRONG),
        ("  behind ", QUIET),
        size(log.lag_bytes),
    )
    if wide and log.committed_seconds is not None:
        text.append("  last commit ", style=QUIET).append(f"{said(log.committed_seconds)} ago")
    return text


def _percentiles(latency: Latency) -> Text:
    if latency.p50 is None:
        return Text(UNKNOWN)
    return Text.assemble(said(latency.p50), ("  p99 ", QUIET), said(latency.p99))


def _number(value: int) -> str:
    return f"{value:,}" if value else UNKNOWN


def _list(first: str, second: str, third: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=QUIET)
    table.add_column(first, min_width=FIRST - 2, no_wrap=True)
    table.add_column(second, min_width=10, no_wrap=True)
    table.add_column(third, justify="right", no_wrap=True)
    return table


def _lines(lines: Iterable[str], style: str, mark: str = "") -> Text:
    return Text("\n".join(f"{mark}{line}" for line in lines), style=style)
