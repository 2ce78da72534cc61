"""``template publish`` and ``template retire``."""

import asyncio
from typing import Annotated, Any

import psycopg
import typer

from config import Settings
from config.errors import Mistake
from daemon.cli.console import ConfigOption, done, problem, settings_from
from daemon.cli.database import connected
from daemon.cli.template.kept import IdArgument, name_of, published, running, template_of
from daemon.planning.catalogue.check import faults
from daemon.policy import catalogue_of
from daemon.store.templates import PUBLISHED, RETIRED, Before, set_state


def publish(
    id_: IdArgument,
    config: ConfigOption = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Though something is wrong with it.")] = False,  # noqa: FBT002
) -> None:
    """Let people read it, in place of the version that they read now. One that was retired is published again."""
    settings = settings_from(config)
    with connected(settings, "template") as connection:
        template = template_of(connection, id_)
        wrong = faults(template, settings, catalogue_of(settings))
        for mistake in wrong:
            problem(str(mistake))
        if wrong and not anyway:
            problem(f"template {id_} is not published; with --anyway it would be")
            raise typer.Exit(1)
        before = _set_state(connection, id_, PUBLISHED)
    if before.state == PUBLISHED:
        done(f"{name_of(template)} was published already")
        return
    again = " again" if before.was_published else ""
    instead = f"; version {before.others_version} is retired" if before.others_version else ""
    done(f"{name_of(template)} is published{again}{instead}")


def retire(id_: IdArgument, config: ConfigOption = None) -> None:
    """Let nobody read it any more: the words of the catalogue are back. A draft is given up."""
    with connected(settings_from(config), "template") as connection:
        template = template_of(connection, id_)
        before = _set_state(connection, id_, RETIRED)
    done(f"{name_of(template)} {'was retired already' if before.state == RETIRED else 'is retired'}")


def faults_of_published(connection: psycopg.Connection[Any], settings: Settings) -> list[Mistake]:
    """As :func:`daemon.planning.catalogue.check.faults`, of everything that people read: for ``orderbell check``."""
    templates = published(connection)
    if not templates:
        return []
    catalogue = catalogue_of(settings)
    return [fault for template in templates for fault in faults(template, settings, catalogue)]


def _set_state(connection: psycopg.Connection[Any], id_: int, state: str) -> Before:
    with connection.transaction():
        before = asyncio.run(set_state(running(connection), id_, state))
    if before is None:
        problem(f"template {id_} was deleted at this moment")
        raise typer.Exit(1)
    return before
