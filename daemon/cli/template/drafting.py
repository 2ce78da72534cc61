"""``template draft``."""

import asyncio
import getpass
import json
from pathlib import Path
from typing import Annotated

import typer

from config import ConfigError
from daemon.cli import completion
from daemon.cli.call import ConfigOption, settings_from
from daemon.cli.console import done, err, out
from daemon.cli.database import connected
from daemon.cli.template.kept import name_of, running, template_of
from daemon.cli.template.writing import STDIN, template_in
from daemon.planning.catalogue.check import mistakes_in_template, unread
from daemon.planning.catalogue.locales import tag_of
from daemon.planning.catalogue.templates import EVERY_CHANNEL, Template
from daemon.policy import catalogue_of
from daemon.store.templates import keep_draft


def draft(
    event: Annotated[str, typer.Argument(help="As its rule has it: order.ready.", autocompletion=completion.events)],
    audience: Annotated[
        str, typer.Argument(help="Whom the rule tells: customer.", autocompletion=completion.audiences)
    ],
    file: Annotated[
        Path, typer.Argument(help="TOML with title, body, text, action, as in a catalogue; - is stdin.")
    ] = STDIN,
    locale: Annotated[str | None, typer.Option(help="As de or de-AT. Default: messages.default_locale.")] = None,
    channel: Annotated[str, typer.Option(help="Only on this channel. Default: on all, and in the inbox.")] = "",
    author: Annotated[str | None, typer.Option(help="Who wrote it. Default: you.")] = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Keep words as a new version that nobody reads until it is published."""
    settings = settings_from(config)
    wanted = locale or settings.messages.default_locale
    place = Template(0, event, audience, channel or EVERY_CHANNEL, wanted, 0, "", "")
    misplaced = list(unread(place, settings.rule))
    if misplaced:
        raise ConfigError("orderbell template draft", misplaced)
    written = template_in(file, event, audience, place.channel, tag_of(wanted))
    with connected(settings, "template") as connection:
        with connection.transaction():
            id_ = asyncio.run(keep_draft(running(connection), written, author or _you()))
        kept = template_of(connection, id_)
    if not as_json:
        done(f"{name_of(kept)} is a draft")
    for mistake in mistakes_in_template(kept, f"template {kept.id}", settings, catalogue_of(settings)):
        err.print(str(mistake), style="yellow", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        out.print_json(json.dumps({"id": kept.id, "version": kept.version, "state": "draft"}))
        return
    out.print(
        f"Next: orderbell template preview {kept.id}, orderbell template publish {kept.id}",
        style="dim",
        highlight=False,
        soft_wrap=True,
    )


def _you() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return ""
