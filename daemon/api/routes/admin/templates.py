"""Words that staff writes."""

from collections.abc import Sequence
from typing import Annotated, Self

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from config.names import EventName
from daemon.api.admin import Admin
from daemon.api.admin.desk import refused, refused_all
from daemon.api.admin.pages import Page
from daemon.api.admin.templates import Checked, Fault, Kept, Preview, State, mistakes_of, wrong_with
from daemon.api.problems import NotFound, documented
from daemon.api.routes.admin.fields import Cursor, Id, IdInPath, Limit, Narrow, Short, Text
from daemon.api.routes.admin.staff import Staff, WithAdmin, staff_router
from daemon.planning.catalogue.check import unread
from daemon.planning.catalogue.locales import LONGEST_TAG, tag_of
from daemon.planning.catalogue.message import BrokenMessage, message_of
from daemon.planning.catalogue.templates import EVERY_CHANNEL, Template
from daemon.planning.trying import NotRead

router = staff_router("/templates")

SOME_WORDS: dict[str, JsonValue] = {
    "event": "order.ready",
    "audience": "customer",
    "title": "Ready: {{ label }}",
    "body": "Hello {{ customer.name }}, come and get it.",
}
NO_TEMPLATE = "There is no such template."

Source = Annotated[Text, Field(max_length=10_000)]
Tag = Annotated[Text, Field(max_length=LONGEST_TAG)]


class NewTemplate(BaseModel):
    """Words, and their place."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [SOME_WORDS]})

    event: EventName = Field(max_length=256, description="as its rule has it", examples=["order.ready"])
    audience: Short = Field(description="whom the rule tells", examples=["customer"])
    channel: Annotated[Text, Field(max_length=63)] = Field(
        default=EVERY_CHANNEL, description="empty: for all of them, and the inbox", examples=["sms"]
    )
    locale: Tag | None = Field(default=None, description="default: `messages.default_locale`", examples=["de-AT"])
    title: Source = Field(examples=["Ready: {{ label }}"])
    body: Source = Field(examples=["Hello {{ customer.name }}, your order is ready."])
    text: Source | None = Field(default=None, description="for SMS; default: title and body")
    action: Source | None = Field(default=None, description="the label of the button")


class Publish(BaseModel):
    """How it is published."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}, {"anyway": True}]})

    anyway: bool = Field(default=False, description="though something is wrong with it")


class NewPreview(BaseModel):
    """Words to try: of a template that is kept, or new ones."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"words": SOME_WORDS}, {"template": 1}]})

    template: Id | None = Field(default=None, description="one that is kept")
    words: NewTemplate | None = Field(default=None, description="or these")
    order: Short | None = Field(
        default=None, description="the key of the row to take; default: the newest event's", examples=["4711"]
    )
    locale: Tag | None = Field(default=None, description="as somebody of this locale reads it; default: its own")

    @model_validator(mode="after")
    def _of_one(self) -> Self:
        if (self.template is None) == (self.words is None):
            raise ValueError("needs template or words, and not both")
        return self


@router.get("")
async def list_templates(
    _: Staff,
    admin: WithAdmin,
    cursor: Cursor = None,
    limit: Limit = 20,
    event: Annotated[Narrow, Query(description="of this event only", examples=["order.ready"])] = None,
    audience: Annotated[Narrow, Query(description="for this audience only", examples=["customer"])] = None,
    channel: Annotated[Narrow, Query(description="empty: those for all channels")] = None,
    locale: Annotated[Narrow, Query(description="in this locale only", examples=["de-AT"])] = None,
    state: Annotated[State | None, Query(description="drafts, what is published, or what was")] = None,
) -> Page[Kept]:
    """Every version, the newest first."""
    tag = None if locale is None else tag_of(locale)
    return await admin.templates.page(
        cursor, limit, event=event, audience=audience, channel=channel, locale=tag, state=state
    )


@router.post("", status_code=201)
async def draft_template(staff: Staff, admin: WithAdmin, words: NewTemplate) -> Checked:
    """Keep words as a new version that nobody reads until it is published; `faults` says what would prevent that."""
    template = _template(words, admin, ("body",))
    kept = await admin.templates.draft(staff.user_id, template)
    return Checked(**kept.model_dump(), faults=await mistakes_of(template, admin.settings, admin.policy))


@router.post("/preview", responses=documented(404))
async def preview_template(_: Staff, admin: WithAdmin, wanted: NewPreview) -> Preview:
    """Render words with the row of a real event, or with one that might be where there is none yet. Nothing is kept."""
    if wanted.words is not None:
        template = _template(wanted.words, admin, ("body", "words"))
    else:
        kept = await admin.templates.words(wanted.template or 0)
        if kept is None:
            raise NotFound(NO_TEMPLATE)
        template = kept
    reader = tag_of(wanted.locale or template.locale)
    try:
        tried = await admin.templates.try_out(
            template, admin.settings, admin.policy, admin.lookup, wanted.order, reader
        )
    except NotRead as error:
        raise refused(str(error), "body", "locale") from None
    if tried is None:
        raise refused(f"nothing is known of {template.event.partition('.')[0]}:{wanted.order}", "body", "order")
    return tried


@router.get("/{template_id}", responses=documented(404))
async def get_template(_: Staff, admin: WithAdmin, template_id: IdInPath) -> Checked:
    """One version, and what is wrong with it by the rules and catalogues of now."""
    template, kept = await admin.templates.words(template_id), await admin.templates.one(template_id)
    if template is None or kept is None:
        raise NotFound(NO_TEMPLATE)
    return Checked(**kept.model_dump(), faults=await wrong_with(template, admin.settings, admin.policy))


@router.post("/{template_id}/publish", responses=documented(404))
async def publish_template(staff: Staff, admin: WithAdmin, template_id: IdInPath, how: Publish | None = None) -> Kept:
    """Let people read it within seconds, in place of the version that they read now. One that was retired is published
    again. 422 with every fault for one that nobody would read, or would read otherwise.
    """
    template = await admin.templates.words(template_id)
    if template is None:
        raise NotFound(NO_TEMPLATE)
    if how is None or not how.anyway:
        wrong = await wrong_with(template, admin.settings, admin.policy)
        if wrong:
            raise _faulty(wrong)
    kept = await admin.templates.publish(staff.user_id, template_id)
    if kept is None:
        raise NotFound(NO_TEMPLATE)
    return kept


@router.post("/{template_id}/retire", responses=documented(404))
async def retire_template(staff: Staff, admin: WithAdmin, template_id: IdInPath) -> Kept:
    """Let nobody read it any more: the words of the catalogue are back. A draft is given up."""
    kept = await admin.templates.retire(staff.user_id, template_id)
    if kept is None:
        raise NotFound(NO_TEMPLATE)
    return kept


def _template(words: NewTemplate, admin: Admin, at: tuple[str, ...]) -> Template:
    """Raises RequestValidationError with every field that cannot be used, and for a place that no rule has."""
    wanted = words.locale or admin.settings.messages.default_locale
    place = Template(0, words.event, words.audience, words.channel, wanted, 0, "", "")
    problems = [((*at, found.path), found.problem) for found in unread(place, admin.settings.rule)]
    template = Template(
        0,
        words.event,
        words.audience,
        words.channel,
        tag_of(wanted),
        0,
        words.title,
        words.body,
        words.text,
        words.action,
    )
    try:
        message_of(template.fields)
    except BrokenMessage as error:
        problems += [((*at, field), problem) for field, problem in error.mistakes]
    if problems:
        raise refused_all(problems)
    return template


def _faulty(faults: Sequence[Fault]) -> Exception:
    return refused_all([((fault.at,), fault.problem) for fault in faults])
