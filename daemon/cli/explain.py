"""``explain``: why somebody was told of a subject, or not."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

from config import Settings
from config.check import known_channels
from daemon.cli import completion
from daemon.cli.call import ConfigOption, problem, settings_from
from daemon.cli.console import err, out
from daemon.cli.database import connected
from daemon.cli.timeline import show
from daemon.explain.configured import Configured
from daemon.explain.moments import Moments
from daemon.explain.records import Ask
from daemon.explain.rows import read
from daemon.explain.timeline import timeline
from daemon.explain.values import Timeline


def explain(
    subject: Annotated[str, typer.Argument(help="What it is about: order:4711.", autocompletion=completion.subjects)],
    config: ConfigOption = None,
    user: Annotated[str | None, typer.Option(help="Only this person.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only this channel.", autocompletion=completion.channels)] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="People listed for an event; the rest is counted.")
    ] = 20,
    addresses: Annotated[bool, typer.Option("--addresses", help="Show addresses in full.")] = False,  # noqa: FBT002
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Say why somebody was told about an order, or not: every event, person and channel, in one timeline."""
    settings = settings_from(config)
    if channel is not None and channel not in known_channels():
        problem(f'there is no channel "{channel}"; there is {", ".join(known_channels())}')
        raise typer.Exit(2)
    ask = Ask(_whole(subject, settings), user, channel, limit)
    configured = Configured.of(settings)
    with connected(settings, "explain") as connection:
        rows = read(connection, ask, configured)
    if as_json:
        found = timeline(rows, ask, configured, addresses=addresses)
        if not found.empty:
            out.print_json(json.dumps(_plain(found), default=str))
    else:
        found = timeline(rows, ask, configured, Moments(), addresses=addresses)
        if not found.empty:
            show(found, out, Moments(), rows.now)
    if found.empty:
        _unknown(found, settings)
        raise typer.Exit(1)


def _whole(subject: str, settings: Settings) -> str:
    """``order:4711`` where only ``4711`` was given and there is one kind of row."""
    if ":" in subject:
        return subject
    prefixes = sorted({watch.event_prefix for watch in settings.watch})
    if len(prefixes) != 1:
        known = " or ".join(f"{prefix}:{subject}" for prefix in prefixes) or f"order:{subject}"
        problem(f"say what {subject} is: {known}")
        raise typer.Exit(2)
    whole = f"{prefixes[0]}:{subject}"
    err.print(f"{subject} is taken for {whole}: nothing else is watched", markup=False, highlight=False, soft_wrap=True)
    return whole


def _unknown(found: Timeline, settings: Settings) -> None:
    prefix, _, key = found.subject.partition(":")
    watch = next((watch for watch in settings.watch if watch.event_prefix == prefix), None)
    if watch is None:
        watched = ", ".join(sorted({f"{watch.event_prefix}:…" for watch in settings.watch})) or "nothing"
        hint = f"no [[watch]] makes events of {prefix!r} (watched: {watched}), and none was sent"
    else:
        hint = (
            f"is {key!r} the {watch.key} of a row in {watch.table}, and was it written since `orderbell install`?"
            f" Events are kept for {settings.delivery.inbox_days} days"
        )
    problem(f"nothing is known of {found.subject}: {hint}")


def _plain(value: Any) -> Any:
    """Dataclasses as objects, times in ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return [_plain(each) for each in value]
    return value
