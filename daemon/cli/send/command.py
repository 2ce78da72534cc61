"""``send``: what an application does with ``SELECT orderbell.send(...)``, from the shell."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from config import ConfigError, Mistake, Settings
from config.suggestions import did_you_mean
from daemon import logs
from daemon.capture.outbox import Unreadable
from daemon.cli import completion
from daemon.cli.call import ConfigOption, problem, settings_from
from daemon.cli.console import done, out
from daemon.cli.database import connected
from daemon.cli.moments import moment
from daemon.cli.send.told import Told, rehearse, show
from schema.queries import statements

SQL = statements("admin")


def send(
    *,
    event: Annotated[str, typer.Argument(help="As its rule has it: order.ready.", autocompletion=completion.events)],
    key: Annotated[str, typer.Argument(help="What it is about: 4711.")],
    config: ConfigOption = None,
    data: Annotated[
        str, typer.Option(metavar="JSON", help="Its values, an object; @FILE reads a file, - stdin.")
    ] = "{}",
    idempotency_key: Annotated[str | None, typer.Option(help="Sent twice with the same, it is told once.")] = None,
    at: Annotated[str | None, typer.Option(metavar="WHEN", help="2h from now, or an ISO time. Default: now.")] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Nobody is told after this. Default: as the rules say.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who would be told now, and how.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Send an event that no watched table makes. A running daemon tells whom its rules name."""
    settings = settings_from(config)
    _check(event, settings)
    values = _values(data)
    now = datetime.now(UTC)
    scheduled = moment("--at", at, now, ahead=True) if at else None
    end = moment("--expires", expires, now, ahead=True) if expires else None
    if end is not None and end <= (scheduled or now):
        problem("--expires is over before it is sent")
        raise typer.Exit(2)
    if dry_run:
        _say(_rehearsed(settings, event, key, values, end), event, key, as_json=as_json)
        return
    written = {
        "event": event,
        "row": key,
        "data": json.dumps(values),
        "key": idempotency_key,
        "scheduled_for": scheduled,
        "expires_at": end,
    }
    with connected(settings, "send") as connection, connection.transaction():
        known = False
        if idempotency_key is not None:
            connection.execute(SQL["lock_key"], {"key": idempotency_key})
            (known,) = connection.execute(SQL["is_known"], {"key": idempotency_key}).fetchone() or (False,)
        if not known:
            connection.execute(SQL["send"], written)
    later = scheduled is not None and scheduled > now
    if as_json:
        state = "known" if known else "scheduled" if later else "sent"
        said = {"event": event, "key": key, "idempotency_key": idempotency_key, "state": state}
        out.print_json(json.dumps(said | {"scheduled_for": scheduled.isoformat() if scheduled else None}))
    elif known:
        done(f"{event} was sent with {idempotency_key} already: nothing was added")
    else:
        until = f" is told at {scheduled.astimezone():%Y-%m-%d %H:%M:%S %Z}" if scheduled and later else " is sent"
        done(f"{event} of {key}{until}")


def _check(event: str, settings: Settings) -> None:
    known = sorted({rule.event for rule in settings.rule})
    if event not in known:
        there = f"; there are rules for {', '.join(known)}" if known else "; there are no rules"
        problem(f'no rule is for "{event}", so nobody would be told{did_you_mean(event, known)}{there}')
        raise typer.Exit(2)


def _values(text: str) -> dict[str, Any]:
    """The object that was given. Raises ConfigError."""
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8")
        values = json.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigError("--data", [Mistake("", f"cannot be read: {error}")]) from None
    if not isinstance(values, dict):
        raise ConfigError("--data", [Mistake("", 'must be a JSON object, such as {"total": 12.5}')])
    return values


def _rehearsed(settings: Settings, event: str, key: str, values: dict[str, Any], end: datetime | None) -> Told:
    logs.configure(settings.log.model_copy(update={"level": "error"}))
    connected(settings, "send").close()  # whether the schema is ours
    try:
        return asyncio.run(rehearse(settings, event, key, values, end))
    except Unreadable as error:
        problem(str(error))
        raise typer.Exit(2) from None


def _say(told: Told, event: str, key: str, *, as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(told.plain()))
    else:
        show(told, event, key, out)
