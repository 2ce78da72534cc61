"""Templates as the database has them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, LiteralString

import psycopg
import typer
from psycopg.rows import tuple_row

from daemon.cli.call import problem
from daemon.planning.catalogue.templates import Template
from daemon.store.templates import Run
from daemon.store.templates import template_of as stored
from schema.queries import statements

SQL = statements("template")

IdArgument = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="As `orderbell template list` has it.")]


def running(connection: psycopg.Connection[Any]) -> Run:
    """Runs what :mod:`daemon.store.templates` asks for, on this connection."""

    async def run(statement: LiteralString, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        with connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    return run


def template_of(connection: psycopg.Connection[Any], id_: int) -> Template:
    """The one with this id; where there is none, the command ends."""
    template = asyncio.run(stored(running(connection), id_))
    if template is None:
        problem(f"there is no template {id_}; `orderbell template list` has them")
        raise typer.Exit(1)
    return template


def state_of(connection: psycopg.Connection[Any], id_: int) -> str | None:
    """Draft, published or retired; None where it is gone."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(SQL["state_of"], {"id": id_}).fetchone()
    return None if row is None else str(row[0])


def published(connection: psycopg.Connection[Any]) -> list[Template]:
    """All that people read."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [Template(*row) for row in cursor.execute(SQL["published"]).fetchall()]


def name_of(template: Template) -> str:
    """As ``template 12 (order.ready to customer by sms in de, version 3)``."""
    by = f" by {template.channel}" if template.channel else ""
    place = f"{template.event} to {template.audience}{by} in {template.locale}"
    return f"template {template.id} ({place}, version {template.version})"
