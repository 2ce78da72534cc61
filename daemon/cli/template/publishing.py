"""``template publish`` and ``template retire``."""

from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import tuple_row

from config import Settings
from config.errors import Mistake
from daemon.cli.console import ConfigOption, done, problem, settings_from
from daemon.cli.database import connected
from daemon.cli.template.kept import SQL, IdArgument, name_of, published, template_of
from daemon.planning.catalogue.catalogue import Catalogue
from daemon.planning.catalogue.check import mistakes_in_template, unread
from daemon.planning.catalogue.templates import Template
from daemon.policy import catalogue_of


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
        before, was_published, others_version = _set_state(connection, id_, "published")
    if before == "published":
        done(f"{name_of(template)} was published already")
        return
    again = " again" if was_published else ""
    instead = f"; version {others_version} is retired" if others_version else ""
    done(f"{name_of(template)} is published{again}{instead}")


def retire(id_: IdArgument, config: ConfigOption = None) -> None:
    """Let nobody read it any more: the words of the catalogue are back. A draft is given up."""
    with connected(settings_from(config), "template") as connection:
        template = template_of(connection, id_)
        before, *_ = _set_state(connection, id_, "retired")
    done(f"{name_of(template)} {'was retired already' if before == 'retired' else 'is retired'}")


def faults(template: Template, settings: Settings, catalogue: Catalogue) -> list[Mistake]:
    """Why nobody would read it, or would read something else."""
    path = f"template {template.id}"
    misplaced = [Mistake(f"{path}: {found.path}", found.problem) for found in unread(template, settings.rule)]
    return misplaced + mistakes_in_template(template, path, settings, catalogue)


def faults_of_published(connection: psycopg.Connection[Any], settings: Settings) -> list[Mistake]:
    """As :func:`faults`, of everything that people read: for ``orderbell check``."""
    templates = published(connection)
    if not templates:
        return []
    catalogue = catalogue_of(settings)
    return [fault for template in templates for fault in faults(template, settings, catalogue)]


def _set_state(connection: psycopg.Connection[Any], id_: int, state: str) -> tuple[str, bool, int | None]:
    """Its state before, whether people ever read it, and the version that they read until now."""
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(SQL["lock"])
        row = cursor.execute(SQL["state_of"], {"id": id_}).fetchone()
        if row is None:
            problem(f"template {id_} was deleted at this moment")
            raise typer.Exit(1)
        before, was_published, others_version = row
        if before != state:
            cursor.execute(SQL["set_state"], {"id": id_, "state": state})
    return before, was_published, others_version
