"""``template preview``: how somebody would read it."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from config import ConfigError, Settings
from config.check import known_channels
from config.names import INBOX
from daemon.cli.call import ConfigOption, problem, settings_from
from daemon.cli.console import out
from daemon.cli.database import connected
from daemon.cli.template.kept import name_of, template_of
from daemon.cli.template.writing import template_in
from daemon.connections import Connections
from daemon.planning.catalogue.check import unread
from daemon.planning.catalogue.locales import tag_of
from daemon.planning.catalogue.templates import EVERY_CHANNEL, Template
from daemon.planning.policy import Policy
from daemon.planning.sms import segments
from daemon.planning.trying import NotRead, Trial, as_text, plausible, rendered
from daemon.planning.values import Words
from daemon.planning.wording import TEXTS
from daemon.policy import planning_of
from daemon.store.trial import trial

SENT = {"email": ("title", "body", "action"), "webpush": ("title", "body", "action"), TEXTS: ("text",)}
"""Channel -> what it sends of a message."""


def preview(
    what: Annotated[str, typer.Argument(metavar="ID|FILE", help="A template's id, or a file as `draft` takes it.")],
    config: ConfigOption = None,
    event: Annotated[str | None, typer.Option(help="Of a file: what its words are for.")] = None,
    audience: Annotated[str | None, typer.Option(help="Of a file: whom they are for.")] = None,
    order: Annotated[str | None, typer.Option(help="The key of the row to take. Default: the newest.")] = None,
    locale: Annotated[str | None, typer.Option(help="As somebody of de-AT reads it. Default: its own.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only what this channel sends.")] = None,
) -> None:
    """Render a template with the row of a real event, or with one that might be where there is none yet."""
    settings = settings_from(config)
    channels = [name for name in known_channels() if name != INBOX]
    if channel is not None and channel not in channels:
        problem(f'there is no channel "{channel}"; there is {", ".join(channels)}')
        raise typer.Exit(2)
    template = _template(what, settings, event, audience, locale)
    planning = planning_of(settings, channels, "preview")
    connections, policy = Connections(settings.database), planning.policy
    found = asyncio.run(trial(connections, planning.lookup, policy, template.event, template.audience, order))
    if found is None and order is not None:
        problem(f"nothing is known of {template.event.partition('.')[0]}:{order}")
        raise typer.Exit(1)
    reader = tag_of(locale or template.locale)
    words = _rendered(template, found or plausible(template, settings.audience, datetime.now(UTC)), policy, reader)
    out.print(_heading(template, what, found), style="dim", markup=False, highlight=False, soft_wrap=True)
    out.print(_table(words, policy, template, channel or template.channel))
    if words.error:
        problem(words.error.replace("template 0 of", f"{what}:"))
        raise typer.Exit(1)


def _template(what: str, settings: Settings, event: str | None, audience: str | None, locale: str | None) -> Template:
    if re.fullmatch("[0-9]{1,18}", what):
        with connected(settings, "template") as connection:
            return template_of(connection, int(what))
    if event is None or audience is None:
        problem("say what the words of a file are for: --event order.ready --audience customer")
        raise typer.Exit(2)
    wanted = locale or settings.messages.default_locale
    misplaced = list(unread(Template(0, event, audience, EVERY_CHANNEL, wanted, 0, "", ""), settings.rule))
    if misplaced:
        raise ConfigError("orderbell template preview", misplaced)
    return template_in(Path(what), event, audience, EVERY_CHANNEL, tag_of(wanted))


def _rendered(template: Template, found: Trial, policy: Policy, reader: str) -> Words:
    try:
        return rendered(template, found, policy, reader)
    except NotRead as error:
        problem(str(error))
        raise typer.Exit(1) from None


def _heading(template: Template, what: str, found: Trial | None) -> str:
    name = name_of(template) if template.id else f"{what}, for {template.event} to {template.audience}"
    if found is None:
        return f"{name}, with a row that might be: there is no real {template.event} yet"
    reader = found.recipient.name or "nobody"
    return f"{name}, with {found.event.subject} and {reader}"


def _table(words: Words, policy: Policy, template: Template, channel: str) -> Table:
    """A line for each field that is sent; for a text, what it costs."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    shown = SENT.get(channel, ("title", "body", "text", "action"))
    if "title" in shown:
        table.add_row("title", Text(words.title))
        table.add_row("body", Text(words.body))
    if "text" in shown:
        table.add_row("text", _text(words, policy, template))
    if "action" in shown and words.action:
        table.add_row("action", Text(f"{words.action} → {words.url}" if words.url else words.action))
    return table


def _text(words: Words, policy: Policy, template: Template) -> Text:
    """As it would be sent by SMS, with its price."""
    sized = as_text(words, template, policy)
    cost = segments(sized.text)
    price = f"{cost.count} segment{'' if cost.count == 1 else 's'} of SMS, {cost.encoding}"
    return Text.assemble(sized.text, "\n", (f"({price}{f'; {sized.error}' if sized.error else ''})", "dim"))
