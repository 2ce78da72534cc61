"""``failed`` and ``retry``: what did not work, and bringing it back."""

import json
import re
from datetime import datetime
from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import tuple_row
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from config import Settings
from daemon.cli import completion
from daemon.cli.call import ConfigOption, problem, settings_from
from daemon.cli.console import err, out
from daemon.cli.database import connected
from schema.queries import statements

SQL = statements("retry")

ID = re.compile("[dc][0-9]{1,18}")

BATCH = 1_000
"""Deliveries brought back in one transaction."""

ChannelOption = Annotated[
    str | None,
    typer.Option("--channel", help="Only deliveries on this channel.", autocompletion=completion.channels),
]
ErrorOption = Annotated[str | None, typer.Option("--error", help="Only where the error contains this.")]


def failed(
    config: ConfigOption = None,
    channel: ChannelOption = None,
    error: ErrorOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="The newest so many of each kind.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """List deliveries that failed (d…) and changes that could not be planned (c…), newest first."""
    with connected(settings_from(config), "failures") as connection, connection.cursor(row_factory=tuple_row) as cursor:
        # One more than is shown tells whether there are more.
        chosen = {"channel": channel, "error": error, "limit": limit + 1}
        deliveries = cursor.execute(SQL["failed_deliveries"], chosen).fetchall()
        changes = [] if channel else cursor.execute(SQL["failed_changes"], chosen).fetchall()
    shown = deliveries[:limit], changes[:limit]
    if as_json:
        out.print_json(json.dumps(_as_json(*shown)))
        return
    if not deliveries and not changes:
        out.print(f"Nothing {'like that ' if channel or error else ''}has failed.")
        return
    out.print(_table(*shown))
    if len(deliveries) > limit or len(changes) > limit:
        out.print(f"These are the newest {limit} of each kind: --limit shows more.", highlight=False)
    out.print(
        "Once the cause is mended: orderbell retry ID…, --channel, --error or --all", style="dim", highlight=False
    )


def retry(
    ids: Annotated[list[str] | None, typer.Argument(help="As `orderbell failed` lists them: d12 c7.")] = None,
    config: ConfigOption = None,
    channel: ChannelOption = None,
    error: ErrorOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that failed.")] = False,  # noqa: FBT002
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Bring back what failed, after its cause was mended: by id, by channel, by error, or all of it.

    What is outdated by now is not sent for that: every delivery is looked at again just before.
    """
    if not (ids or channel or error or everything):
        problem("say what to bring back: ids, --channel, --error or --all; `orderbell failed` lists them")
        raise typer.Exit(2)
    if everything and (ids or channel or error):
        problem("--all is everything: leave it out, or the rest")
        raise typer.Exit(2)
    settings = settings_from(config)
    deliveries, changes = _numbers(ids or [], "d"), _numbers(ids or [], "c")
    if channel and changes:
        problem(f"a change has no channel: leave out c{changes[0]} or --channel")
        raise typer.Exit(2)
    with connected(settings, "failures") as connection:
        count = _bring_back(connection, settings, deliveries if ids else None, channel, error)
        rows = 0
        if not channel:
            chosen = {"ids": changes if ids else None, "error": error}
            rows = connection.execute(SQL["bring_back_changes"], chosen).rowcount
    absent = max(0, len(deliveries) + len(changes) - count - rows) if ids else 0
    if as_json:
        out.print_json(json.dumps({"deliveries": count, "changes": rows, "absent": absent}))
    else:
        what = f"{count:,} deliver{'y' if count == 1 else 'ies'} and {rows:,} change{'' if rows == 1 else 's'}"
        out.print(f"{what} brought back.", highlight=False)
    if absent:
        problem(f"{absent} of those ids {'is' if absent == 1 else 'are'} not in the list of `orderbell failed`")
        raise typer.Exit(1)


def _table(deliveries: list[Any], changes: list[Any]) -> Table:
    """Two lines each: what it was, and under it the error in the words of whoever refused it."""
    table = Table("id", "when", "what", box=None, pad_edge=False, header_style="dim")
    table.columns[-1].overflow = "fold"
    for id_, at, channel, subject, event, attempt, reason in deliveries:
        tries = f"{attempt} attempt{'' if attempt == 1 else 's'}"
        table.add_row(
            f"d{id_}", _moment(at), _what(f"{channel}: {event or 'event'} of {subject or '?'}, {tries}", reason)
        )
    for id_, at, watch, key, reason in changes:
        table.add_row(f"c{id_}", _moment(at), _what(f"change of {watch or 'an event'} {key}".rstrip(), reason))
    return table


def _what(line: str, reason: str) -> Text:
    # As Text, so that brackets in an error are brackets.
    return Text.assemble((line, "bold"), "\n", (reason or "no reason was given", "red"))


def _bring_back(
    connection: psycopg.Connection[Any],
    settings: Settings,
    ids: list[int] | None,
    channel: str | None,
    error: str | None,
) -> int:
    """In batches, with a bar where it takes a while; how many."""
    chosen = {"ids": ids, "channel": channel, "error": error}
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(SQL["count_failed_deliveries"], chosen).fetchone()
    total, done = (row[0] if row else 0), 0
    with Progress(console=err, transient=True, disable=total <= BATCH or not err.is_terminal) as progress:
        task = progress.add_task("bringing back", total=total)
        while done < total:
            batch = {**chosen, "limit": BATCH, "lifetime_seconds": settings.delivery.expires_after_seconds}
            brought = connection.execute(SQL["bring_back_deliveries"], batch).rowcount
            if brought == 0:
                break
            done += brought
            progress.update(task, completed=done)
    return done


def _numbers(ids: list[str], kind: str) -> list[int]:
    for one in ids:
        if not ID.fullmatch(one):
            problem(f"{one!r} is not an id: they look like d12 or c7; `orderbell failed` lists them")
            raise typer.Exit(2)
    return sorted({int(one[1:]) for one in ids if one.startswith(kind)})


def _as_json(deliveries: list[Any], changes: list[Any]) -> dict[str, list[dict[str, Any]]]:
    delivery_keys = ("id", "failed_at", "channel", "subject", "event", "attempts", "error")
    change_keys = ("id", "failed_at", "watch", "key", "error")
    return {
        "deliveries": [_named(delivery_keys, row, "d") for row in deliveries],
        "changes": [_named(change_keys, row, "c") for row in changes],
    }


def _named(keys: tuple[str, ...], row: Any, kind: str) -> dict[str, Any]:
    values = dict(zip(keys, row, strict=True))
    return values | {"id": f"{kind}{values['id']}", "failed_at": values["failed_at"].isoformat()}


def _moment(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"
