"""Templates as the database has them: keeping a draft, publishing, retiring. For the command line and the REST API."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from daemon.planning.catalogue.templates import Template
from schema.queries import statements

SQL = statements("template")

Run = Callable[[LiteralString, Mapping[str, Any]], Awaitable[Sequence[Sequence[Any]]]]
"""Runs a statement in the caller's transaction and gives its rows, whatever driver that has."""

PUBLISHED = "published"
RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Before:
    """What a template was until its state was set."""

    state: str
    was_published: bool
    """People have read it, now or at some time."""
    others_version: int | None
    """The version that they read until now, in its place."""


async def template_of(run: Run, id_: int) -> Template | None:
    """The one with this id, if there is one."""
    rows = await run(SQL["templates"], {"ids": [id_]})
    return Template(*rows[0]) if rows else None


async def keep_draft(run: Run, template: Template, author: str) -> int:
    """Keep its words as the next version of its place; returns the id."""
    values = {
        "event": template.event,
        "audience": template.audience,
        "channel": template.channel,
        "locale": template.locale,
        "title": template.title,
        "body": template.body,
        "text": template.text,
        "action": template.action,
        "author": author,
    }
    await run(SQL["lock"], {})
    ((id_, _version),) = await run(SQL["draft"], values)
    return int(id_)


async def set_state(run: Run, id_: int, state: str) -> Before | None:
    """Publish or retire it; None where there is none. What is in that state already is left alone."""
    await run(SQL["lock"], {})
    rows = await run(SQL["state_of"], {"id": id_})
    if not rows:
        return None
    before = Before(*rows[0])
    if before.state != state:
        await run(SQL["set_state"], {"id": id_, "state": state})
    return before
