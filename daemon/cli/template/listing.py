"""``template list``."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from psycopg.rows import tuple_row
from rich.table import Table
from rich.text import Text

from daemon.cli.call import ConfigOption, settings_from
from daemon.cli.console import out
from daemon.cli.database import connected
from daemon.cli.template.kept import SQL
from daemon.planning.catalogue.locales import tag_of

KEYS = ("id", "event", "audience", "channel", "locale", "version", "state", "author", "created_at", "published_at")


class State(StrEnum):
    """What has become of a template."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


def list_(
    config: ConfigOption = None,
    event: Annotated[str | None, typer.Option(help="Only of this event.")] = None,
    audience: Annotated[str | None, typer.Option(help="Only for this audience.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only for this channel.")] = None,
    locale: Annotated[str | None, typer.Option(help="Only in this locale.")] = None,
    state: Annotated[State | None, typer.Option(help="Only those that are this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="So many at most.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """List templates with every version, the newest first."""
    chosen: dict[str, Any] = {"event": event, "audience": audience, "channel": channel, "state": state}
    chosen["locale"] = tag_of(locale) if locale else None
    narrowed = any(value is not None for value in chosen.values())
    with connected(settings_from(config), "template") as connection, connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(SQL["list"], {**chosen, "limit": limit + 1}).fetchall()
    if as_json:
        out.print_json(json.dumps([dict(zip(KEYS, row, strict=True)) for row in rows[:limit]], default=_iso))
    elif not rows:
        out.print("There is no template like that." if narrowed else "There is no template.")
    else:
        out.print(_table(rows[:limit]))
        if len(rows) > limit:
            out.print(f"These are the first {limit}: --limit shows more.", highlight=False)


def _table(rows: list[Any]) -> Table:
    table = Table(*KEYS[:8], box=None, pad_edge=False)
    for id_, *place, version, state, author, _, published_at in rows:
        since = f" since {published_at.astimezone():%Y-%m-%d %H:%M}" if state == State.PUBLISHED else ""
        table.add_row(str(id_), *map(Text, place), str(version), f"{state}{since}", Text(author))
    return table


def _iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
