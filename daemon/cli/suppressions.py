"""``suppressed``, ``suppress``, ``unsuppress``: addresses that nothing is sent to, why, and opening them again."""

import json
from typing import Annotated

import typer
from psycopg.rows import tuple_row
from rich.table import Table
from rich.text import Text

from config import Settings
from config.check import known_channels
from config.names import INBOX, Closed
from daemon.cli import completion
from daemon.cli.call import ConfigOption, problem, settings_from
from daemon.cli.console import done, out
from daemon.cli.database import connected
from dispatchers.canonical import canonical
from schema.queries import statements

SQL = statements("feedback")

ChannelArgument = Annotated[str, typer.Argument(help="email or sms.", autocompletion=completion.channels)]
AddressArgument = Annotated[str, typer.Argument(help="As your application has it.")]


def suppressed(
    config: ConfigOption = None,
    channel: Annotated[str | None, typer.Option(help="Only this channel.", autocompletion=completion.channels)] = None,
    reason: Annotated[Closed | None, typer.Option(help="Only for this reason.")] = None,
    address: Annotated[str | None, typer.Option(help="Only this address; needs --channel.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="The newest so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """List the addresses that nothing is sent to any more, the newest first."""
    settings = settings_from(config)
    if address is not None and channel is None:
        problem("--address needs --channel: the same text may be an address on several")
        raise typer.Exit(2)
    spelled = None if address is None else canonical(channel or "", address, settings.sms.default_region)
    chosen = {"channel": channel, "reason": reason, "address": spelled, "limit": limit + 1}
    with connected(settings, "suppression") as connection, connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(SQL["suppressions"], chosen).fetchall()
    if as_json:
        keys = ("channel", "address", "reason", "detail", "since")
        out.print_json(json.dumps([dict(zip(keys, row, strict=True)) for row in rows[:limit]], default=str))
        return
    if not rows:
        out.print("No address is closed." if not (channel or reason) else "No address is closed like that.")
        return
    table = Table("channel", "address", "reason", "since", "detail", box=None, pad_edge=False)
    for on, where, why, detail, since in rows[:limit]:
        table.add_row(on, Text(where), why, f"{since:%Y-%m-%d %H:%M}", Text(detail))
    out.print(table)
    if len(rows) > limit:
        out.print(f"These are the newest {limit}: --limit shows more.", highlight=False)


def suppress(
    channel: ChannelArgument,
    address: AddressArgument,
    config: ConfigOption = None,
    detail: Annotated[str, typer.Option(help="Why, for whoever looks later.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Send nothing to this address any more, what waits included."""
    settings = settings_from(config)
    spelled = _spelled(settings, channel, address)
    values = {"channel": channel, "address": spelled, "reason": Closed.MANUAL, "detail": detail or None}
    with connected(settings, "suppression") as connection, connection.cursor() as cursor:
        added = cursor.execute(SQL["suppress"], values).fetchone() is not None
    if as_json:
        out.print_json(json.dumps({"channel": channel, "address": spelled, "added": added}))
    else:
        done(f"{spelled} is closed" if added else f"{spelled} was closed already")


def unsuppress(
    channel: ChannelArgument,
    address: AddressArgument,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Send to this address again, whatever had closed it.

    Of numbers whose owners said STOP, Twilio keeps a list of its own, until they say START.
    """
    settings = settings_from(config)
    spelled = _spelled(settings, channel, address)
    with connected(settings, "suppression") as connection, connection.cursor(row_factory=tuple_row) as cursor:
        values = {"channel": channel, "address": spelled, "reasons": None}
        lifted = cursor.execute(SQL["lift"], values).fetchone()
    if as_json:
        found = {"channel": channel, "address": spelled, "opened": lifted is not None}
        out.print_json(json.dumps(found | {"reason": lifted[0] if lifted else None}))
    if lifted is None:
        problem(f"{spelled} was not closed on {channel}")
        raise typer.Exit(1)
    if not as_json:
        done(f"{spelled} is open again; it was closed for: {lifted[0]}")


def _spelled(settings: Settings, channel: str, address: str) -> str:
    known = [name for name in known_channels() if name != INBOX]
    if channel not in known:
        problem(f'there is no channel "{channel}"; there is {", ".join(known)}')
        raise typer.Exit(2)
    return canonical(channel, address, settings.sms.default_region)
