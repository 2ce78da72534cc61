"""Words that staff writes, over those of the catalogues: kept, tried out, published."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from config import Settings
from config.errors import Mistake
from daemon.api.admin.cursors import cursor_of, id_in
from daemon.api.admin.desk import SQL, Desk, Statements
from daemon.api.admin.pages import Page
from daemon.connections import Connections
from daemon.planning.catalogue.check import faults, mistakes_in_template
from daemon.planning.catalogue.templates import Template
from daemon.planning.policy import Policy
from daemon.planning.sms import segments
from daemon.planning.trying import Trial, as_text, plausible, rendered
from daemon.store.lookup import Lookup
from daemon.store.templates import PUBLISHED, RETIRED, keep_draft, set_state, template_of
from daemon.store.trial import trial

PREVIEWS_AT_ONCE = 2
"""Each has a connection of its own, and a thread while it renders."""


class State(StrEnum):
    """What has become of a template."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


class Kept(BaseModel):
    """A version of the words for an event and an audience."""

    id: int
    event: str = Field(examples=["order.ready"])
    audience: str = Field(examples=["customer"])
    channel: str = Field(description="empty: for all of them, and the inbox")
    locale: str = Field(examples=["de-AT"])
    version: int
    state: State
    title: str = Field(examples=["Ready: {{ label }}"])
    body: str
    text: str | None = Field(description="for SMS; null: title and body")
    action: str | None = Field(description="the label of the button")
    author: str
    created_at: datetime
    published_at: datetime | None = Field(description="for the last time")


class Fault(BaseModel):
    """Something that is wrong with words, and where."""

    at: str = Field(examples=['"order.ready".customer.body'])
    problem: str = Field(examples=['mentions "lable", which is never there (did you mean "label"?)'])


class Checked(Kept):
    """A template, and what is wrong with it."""

    faults: list[Fault]


class Sms(BaseModel):
    """The text as it would be sent, and what it costs."""

    text: str
    segments: int
    encoding: str
    error: str | None = Field(description="why it was shortened")


class Preview(BaseModel):
    """How somebody would read it."""

    title: str
    body: str
    text: str
    url: str | None
    action: str | None
    error: str | None = Field(description="which field failed and why; these are then other words")
    sms: Sms
    subject: str = Field(description="whose row it was tried with", examples=["order:4711"])
    reader: str = Field(description="the name of who reads it")
    real: bool = Field(description="false: no such event has happened yet, so row and reader are made up")
    faults: list[Fault]


class Templates:
    """What staff does with them. Rows are as the command line writes them."""

    def __init__(self, desk: Desk, connections: Connections) -> None:
        self._desk = desk
        self._connections = connections
        self._previews = asyncio.Semaphore(PREVIEWS_AT_ONCE)

    async def page(self, cursor: str | None, limit: int, **which: str | None) -> Page[Kept]:
        """Every version, the newest first. ``which``: event, audience, channel, locale, state."""
        rows = await self._desk.rows(SQL["templates"], id=None, before=id_in(cursor), limit=limit + 1, **which)
        items = [Kept.model_validate(row) for row in rows[:limit]]
        return Page(items=items, next=cursor_of(items[-1].id) if len(rows) > limit else None)

    async def one(self, id_: int) -> Kept | None:
        """None where there is none."""
        async with self._desk.reading() as reading:
            return await _kept(reading, id_)

    async def draft(self, actor: str, template: Template) -> Kept:
        """Keep it as a new version that nobody reads yet."""
        async with self._desk.change(actor) as change:
            kept = await _kept(change, await keep_draft(change.run, template, actor))
            assert kept is not None  # noqa: S101 - it was written a moment ago
            await change.audit("template.draft", f"template:{kept.id}", **_place(kept))
            return kept

    async def publish(self, actor: str, id_: int) -> Kept | None:
        """Let people read it, in place of the version that they read now. None where there is none."""
        return await self._set(actor, id_, PUBLISHED, "template.publish")

    async def retire(self, actor: str, id_: int) -> Kept | None:
        """Let nobody read it any more. None where there is none."""
        return await self._set(actor, id_, RETIRED, "template.retire")

    async def words(self, id_: int) -> Template | None:
        """As planning knows it; None where there is none."""
        async with self._desk.reading() as reading:
            return await template_of(reading.run, id_)

    async def try_out(
        self, template: Template, settings: Settings, policy: Policy, lookup: Lookup, order: str | None, reader: str
    ) -> Preview | None:
        """With the row whose key is ``order``, else with the newest; None where nothing is known of that order.

        Raises NotRead.
        """
        async with self._previews:
            found = await trial(self._connections, lookup, policy, template.event, template.audience, order)
            if found is None and order is not None:
                return None
            real = found is not None
            return await asyncio.to_thread(_tried, template, settings, policy, found, reader, real=real)

    async def _set(self, actor: str, id_: int, state: str, action: str) -> Kept | None:
        async with self._desk.change(actor) as change:
            before = await set_state(change.run, id_, state)
            kept = await _kept(change, id_)
            if before is not None and kept is not None and before.state != state:
                await change.audit(action, f"template:{id_}", **_place(kept), instead_of=before.others_version)
            return kept


async def wrong_with(template: Template, settings: Settings, policy: Policy) -> list[Fault]:
    """Why nobody would read it, or would read something else."""
    return _faults(await asyncio.to_thread(faults, template, settings, policy.catalogue), template)


async def mistakes_of(template: Template, settings: Settings, policy: Policy) -> list[Fault]:
    """Of words whose place is known to be right."""
    path = f"template {template.id}"
    found = await asyncio.to_thread(mistakes_in_template, template, path, settings, policy.catalogue)
    return _faults(found, template)


def _faults(mistakes: Sequence[Mistake], template: Template) -> list[Fault]:
    prefix = f"template {template.id}: "
    return [Fault(at=mistake.path.removeprefix(prefix), problem=mistake.problem) for mistake in mistakes]


def _tried(
    template: Template, settings: Settings, policy: Policy, found: Trial | None, reader: str, *, real: bool
) -> Preview:
    tried = found or plausible(template, settings.audience, datetime.now(UTC))
    words = rendered(template, tried, policy, reader)
    text = as_text(words, template, policy)
    cost = segments(text.text)
    return Preview(
        title=words.title,
        body=words.body,
        text=words.text,
        url=words.url,
        action=words.action,
        error=words.error,
        sms=Sms(text=text.text, segments=cost.count, encoding=str(cost.encoding), error=text.error),
        subject=tried.event.subject,
        reader=tried.recipient.name,
        real=real,
        faults=_faults(faults(template, settings, policy.catalogue), template),
    )


async def _kept(statements: Statements, id_: int) -> Kept | None:
    narrowed: dict[str, Any] = dict.fromkeys(("before", "event", "audience", "channel", "locale", "state"))
    rows = await statements.rows(SQL["templates"], id=id_, limit=1, **narrowed)
    return Kept.model_validate(rows[0]) if rows else None


def _place(kept: Kept) -> dict[str, Any]:
    return {
        "event": kept.event,
        "audience": kept.audience,
        "channel": kept.channel or None,
        "locale": kept.locale,
        "version": kept.version,
    }
