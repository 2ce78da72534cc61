"""``replay``: past events by other rules, and what would be different."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from psycopg import AsyncConnection
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from config import ConfigError, Settings, load
from config.names import INBOX
from daemon import logs
from daemon.channels import dispatchers_of
from daemon.cli import completion
from daemon.cli.call import ConfigOption, problem, settings_from
from daemon.cli.console import err, out
from daemon.cli.database import connected
from daemon.cli.moments import moment
from daemon.cli.replay_json import as_json
from daemon.cli.replay_report import show
from daemon.connections import parameters
from daemon.policy import planning_of
from daemon.replay.difference import Summary
from daemon.replay.run import SESSION, Span, replay
from daemon.replay.values import Ask
from daemon.store.planner import Planning

AS_TODAY = "audiences and people are as they are today, and so are their settings, preferences and closed addresses"


def replay_(
    since: Annotated[str, typer.Option(metavar="WHEN", help="2h or 7d ago, or an ISO time.")],
    rules: Annotated[Path, typer.Option(help="The rules to try: a whole orderbell.toml.")],
    config: ConfigOption = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Default: now.")] = None,
    event: Annotated[str | None, typer.Option(help="Show only this event.", autocompletion=completion.events)] = None,
    user: Annotated[str | None, typer.Option(help="Show only this person.")] = None,
    limit: Annotated[int, typer.Option(min=0, max=1_000, help="Examples of each kind of difference.")] = 3,
    as_json_: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Try other rules on past events: who would be told more, less, at another time. Sends and writes nothing."""
    settings = settings_from(config)
    now = datetime.now(UTC)
    span = Span(moment("--since", since, now), moment("--until", until, now) if until else now)
    if span.since >= span.until:
        problem("--until is before --since: there is nothing between them")
        raise typer.Exit(2)
    # What the log would say of a configuration, people read below.
    logs.configure(settings.log.model_copy(update={"level": "error"}))
    other = load(rules).model_copy(update={"database": settings.database})
    summary = asyncio.run(_replay(settings, other, str(rules), span, Ask(event, user, limit)))
    if as_json_:
        out.print_json(json.dumps(as_json(summary, span)))
    else:
        show(summary, span, str(rules))


async def _replay(settings: Settings, other: Settings, name: str, span: Span, ask: Ask) -> Summary:
    served = _served(settings)
    either = served | _served(other, name)
    before, after = planning_of(settings, served, ""), _planning(other, either, name)
    connected(settings, "replay").close()  # whether the schema is ours
    given = parameters(settings.database, "orderbell replay", **SESSION)
    async with await AsyncConnection.connect(autocommit=True, **given) as connection:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        ) as bar:
            task = bar.add_task("replaying", total=None)
            summary = await replay(
                connection, before, after, span, ask, lambda done, of: bar.update(task, completed=done, total=of)
            )
    summary.notes[:0] = [AS_TODAY, *_notes(settings, other, either)]
    return summary


def _served(settings: Settings, name: str = "the configuration") -> set[str]:
    """The channels that have a provider. Raises ConfigError."""
    try:
        return {dispatcher.channel for dispatcher in dispatchers_of(settings)}
    except ConfigError as error:
        raise ConfigError(name, error.mistakes) from error


def _planning(settings: Settings, channels: set[str], name: str) -> Planning:
    """Raises ConfigError for words that cannot be used."""
    try:
        return planning_of(settings, channels, "")
    except ConfigError as error:
        raise ConfigError(f"{name}: {error.source}", error.mistakes) from error


def _notes(settings: Settings, other: Settings, channels: set[str]) -> list[str]:
    """What else the answer depends on."""
    notes = []
    steps = [step for each in (settings, other) for rule in each.rule for step in rule.all_steps]
    if any(step.after or step.unless for step in steps):
        notes.append("a later step counts as told when it is due: who would have read before is not known")
    unserved = sorted({channel for rule in other.rule for channel in rule.all_channels} - channels - {INBOX})
    if unserved:
        notes.append(f"neither file has a provider for {', '.join(unserved)}: nobody is told on it")
    captured = {column for watch in settings.watch for column in watch.captured_columns}
    for audience, each in other.audience.items():
        if each.column is not None and each.column not in captured:
            notes.append(f"audience.{audience}: {each.column} was not captured by past events, so nobody is in it")
    return notes
