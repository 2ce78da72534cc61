"""``template publish`` and ``template retire``."""

import asyncio
import json
from typing import Annotated, Any

import psycopg
import typer

from config import Settings
from config.errors import Mistake
from daemon.cli.call import ConfigOption, problem, settings_from
from daemon.cli.console import done, out
from daemon.cli.database import connected
from daemon.cli.template.kept import IdArgument, name_of, published, running, state_of, template_of
from daemon.planning.catalogue.check import faults
from daemon.planning.catalogue.templates import Template
from daemon.policy import catalogue_of
from daemon.store.templates import PUBLISHED, RETIRED, Before, set_state

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


def publish(
    id_: IdArgument,
    config: ConfigOption = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Though something is wrong with it.")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002 - typer's way
) -> None:
    """Let people read it, in place of the version that they read now. One that was retired is published again."""
    settings = settings_from(config)
    with connected(settings, "template") as connection:
        template = template_of(connection, id_)
        wrong = [str(mistake) for mistake in faults(template, settings, catalogue_of(settings))]
        for line in wrong:
            problem(line)
        if wrong and not anyway:
            if as_json:
                state = state_of(connection, id_)
                _print(template, state, changed=False, retired_version=None, problems=wrong)
            problem(f"template {id_} is not published; with --anyway it would be")
            raise typer.Exit(1)
        before = _set_state(connection, id_, PUBLISHED)
    changed = before.state != PUBLISHED
    if as_json:
        retired = before.others_version if changed else None
        _print(template, PUBLISHED, changed=changed, retired_version=retired, problems=wrong)
        return
    if not changed:
        done(f"{name_of(template)} was published already")
        return
    again = " again" if before.was_published else ""
    instead = f"; version {before.others_version} is retired" if before.others_version else ""
    done(f"{name_of(template)} is published{again}{instead}")


def retire(id_: IdArgument, config: ConfigOption = None, as_json: AsJson = False) -> None:  # noqa: FBT002 - typer's way
    """Let nobody read it any more: the words of the catalogue are back. A draft is given up."""
    with connected(settings_from(config), "template") as connection:
        template = template_of(connection, id_)
        before = _set_state(connection, id_, RETIRED)
    changed = before.state != RETIRED
    if as_json:
        _print(template, RETIRED, changed=changed)
    else:
        done(f"{name_of(template)} {'is retired' if changed else 'was retired already'}")


def faults_of_published(connection: psycopg.Connection[Any], settings: Settings) -> list[Mistake]:
    """As :func:`daemon.planning.catalogue.check.faults`, of everything that people read: for ``orderbell check``."""
    templates = published(connection)
    if not templates:
        return []
    catalogue = catalogue_of(settings)
    return [fault for template in templates for fault in faults(template, settings, catalogue)]


def _print(template: Template, state: str | None, **more: Any) -> None:
    out.print_json(json.dumps({"id": template.id, "version": template.version, "state": state, **more}))


def _set_state(connection: psycopg.Connection[Any], id_: int, state: str) -> Before:
    with connection.transaction():
        before = asyncio.run(set_state(running(connection), id_, state))
    if before is None:
        problem(f"template {id_} was deleted at this moment")
        raise typer.Exit(1)
    return before
