"""What the demo says: progress and complaints on stderr, the result on stdout."""

import json

from rich.console import Console
from rich.table import Table

from demo.ledger import Verdict
from demo.load import LoadResult

MOST_LINES = 20

_people = Console(stderr=True, highlight=False)
_result = Console(highlight=False)


def progress(step: str) -> None:
    """One step."""
    _people.print(f"[dim]•[/dim] {step}")


def once(verdict: Verdict, *, as_json: bool) -> None:
    """One order's verdict: a table, or one line of JSON."""
    _complain(verdict)
    if as_json:
        _line(_figures(verdict))
        return
    table = Table("Audience", "Notifications", title="Who was told, as the providers received it")
    for audience, count in verdict.notifications.items():
        table.add_row(audience.replace("_", " "), str(count))
    _result.print(table)
    _result.print(_channels(verdict))
    _result.print(_summary(verdict))


def load(result: LoadResult, *, as_json: bool) -> None:
    """A load run's verdict: a table, or one line of JSON."""
    _complain(result.verdict)
    figures = result.figures()
    if as_json:
        _line(figures)
        return
    table = Table("", "", title="Load", show_header=False)
    for name, value in figures.items():
        if not isinstance(value, dict):
            table.add_row(name.replace("_", " "), f"{value:,}")
    _result.print(table)
    _result.print(_channels(result.verdict))
    _result.print(_summary(result.verdict))


def _figures(verdict: Verdict) -> dict[str, object]:
    return {
        "notifications": verdict.notifications,
        "received": verdict.received,
        "missing": len(verdict.missing),
        "duplicates": len(verdict.duplicates),
    }


def _channels(verdict: Verdict) -> Table:
    table = Table("Channel", "Received")
    for channel, count in verdict.received.items():
        table.add_row(channel, f"{count:,}")
    return table


def _summary(verdict: Verdict) -> str:
    if verdict.good:
        return "[green]Everyone was told, once.[/green]"
    return f"[red]{len(verdict.missing)} missing, {len(verdict.duplicates)} duplicates.[/red]"


def _complain(verdict: Verdict) -> None:
    for name, lines in {
        "missing": verdict.missing,
        "came twice": verdict.duplicates,
        "not expected": verdict.unexpected,
    }.items():
        for line in lines[:MOST_LINES]:
            _people.print(f"[red]{name}:[/red] {line}")
        if len(lines) > MOST_LINES:
            _people.print(f"[red]{name}:[/red] and {len(lines) - MOST_LINES:,} more")


def _line(figures: dict[str, object]) -> None:
    """Not through rich, which would wrap it."""
    print(json.dumps(figures), flush=True)
