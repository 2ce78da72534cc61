"""Templates as the database has them."""

from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import tuple_row

from daemon.cli.console import problem
from daemon.planning.catalogue.templates import Template
from schema.queries import statements

SQL = statements("template")

IdArgument = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="As `orderbell template list` has it.")]


def template_of(connection: psycopg.Connection[Any], id_: int) -> Template:
    """The one with this id; where there is none, the command ends."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(SQL["templates"], {"ids": [id_]}).fetchone()
    if row is None:
        problem(f"there is no template {id_}; `orderbell template list` has them")
        raise typer.Exit(1)
    return Template(*row)


def published(connection: psycopg.Connection[Any]) -> list[Template]:
    """All that people read."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [Template(*row) for row in cursor.execute(SQL["published"]).fetchall()]


def name_of(template: Template) -> str:
    """As ``template 12 (order.ready to customer by sms in de, version 3)``."""
    by = f" by {template.channel}" if template.channel else ""
    place = f"{template.event} to {template.audience}{by} in {template.locale}"
    return f"template {template.id} ({place}, version {template.version})"
