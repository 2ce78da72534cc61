"""Words: the message catalogues, compiled once, rendered per event, audience and locale.

Templates come from the operator, yet what they are given comes from strangers, so they run in Jinja2's sandbox. Their
output is plain text; whoever puts it into HTML escapes it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, StrictUndefined, TemplateError
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from daemon.planning.values import NOBODY, Event, Person, Words

TITLE_LIMIT = 200
BODY_LIMIT = 4_000
TEXT_LIMIT = 480
"""Characters; three SMS of UCS-2, a little over three of GSM-7."""

FALLBACK = "fallback"

_FIELDS = ("title", "body", "text", "action")


class BrokenMessage(ValueError):
    """A message of a catalogue that cannot be compiled, with the path to it."""


class Text:
    """A compiled template, rendered in a context that it shares with the other texts of its message."""

    __slots__ = ("_constant", "_template")

    def __init__(self, environment: Environment, source: str) -> None:
        """Raises jinja2's TemplateError."""
        self._template = environment.from_string(source)
        kinds = {kind for _, kind, _ in environment.lex(source)}
        self._constant = source if kinds <= {"data"} else None

    def render(self, context: Context) -> str:
        if self._constant is not None:
            return self._constant
        return "".join(self._template.root_render_func(context))


@dataclass(frozen=True, slots=True)
class Message:
    """One compiled message."""

    title: "Text"
    body: "Text"
    text: "Text | None"
    action: "Text | None"
    names: frozenset[str]
    """Every variable it mentions."""


class Row:
    """A captured row for templates: ``order.total`` is the column, whatever methods a dict would have."""

    __slots__ = ("_columns",)

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]


class Catalogue:
    """The messages of every locale, and the audiences' links."""

    def __init__(
        self,
        messages: Mapping[str, Mapping[str, Any]],
        default_locale: str,
        urls: Mapping[str, str] | None = None,
    ) -> None:
        """``messages``: locale -> the parsed catalogue file; ``urls``: audience -> template of the action's URL.

        Raises :class:`BrokenMessage`.
        """
        self._environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        self._default_locale = default_locale
        self._messages: dict[tuple[str, str, str], Message] = {}
        self._names: dict[tuple[str, str], frozenset[str]] = {}
        self._fallbacks: dict[str, Message] = {}
        for locale, catalogue in messages.items():
            for event, audience, fields in _sections(catalogue):
                path = f"{locale}: {event}.{audience}".removesuffix(".")
                message = self._compile(path, fields)
                if event == FALLBACK:
                    self._fallbacks[locale] = message
                else:
                    self._messages[locale, event, audience] = message
                    self._names[event, audience] = self._names.get((event, audience), frozenset()) | message.names
        # Words for a shop with vendors also serve one without: whom a message mentions and nobody defined is nobody.
        nobody = {audience: NOBODY for _, _, audience in self._messages}
        self._always: dict[str, Any] = {**self._environment.globals, **nobody}
        if default_locale not in self._fallbacks:
            raise BrokenMessage(f"{default_locale}: the catalogue of the default locale needs a [{FALLBACK}] message")
        self._urls = {
            audience: self._template(f"audience.{audience}.url", url) for audience, url in (urls or {}).items()
        }
        self._url_names = {
            audience: frozenset(find_undeclared_variables(self._environment.parse(url)))
            for audience, url in (urls or {}).items()
        }

    def has(self, event: str, audience: str) -> bool:
        """Whether there are words of its own for this, in the default locale."""
        return (self._default_locale, event, audience) in self._messages

    def locale_of(self, wanted: str, event: str, audience: str) -> str:
        """The best locale that has this message: ``de-AT``, else ``de``, else the default."""
        wanted = wanted.replace("_", "-")
        for locale in (wanted, wanted.partition("-")[0].lower()):
            if (locale, event, audience) in self._messages:
                return locale
        return self._default_locale

    def names_in(self, event: str, audience: str) -> frozenset[str]:
        """Every variable that this message mentions in any locale, and its link: which other audiences it needs."""
        return self._names.get((event, audience), frozenset()) | self._url_names.get(audience, frozenset())

    def render(
        self, event: Event, audience: str, locale: str, people: Mapping[str, Person], recipient: Person
    ) -> Words:
        """The words for ``audience`` in ``locale`` (one of :meth:`locale_of`). Never raises: a message that is missing
        or fails gives the fallback's words, with the error in them.
        """
        # One context for all texts of the message: making it costs more than rendering most of them.
        known = {**self._always, **_context(event, people, recipient)}
        context = Context(self._environment, known, None, {})
        message = self._messages.get((locale, event.name, audience))
        error = None if message else f"no message {event.name}.{audience} in the catalogue {locale}"
        if message:
            try:
                return self._render(message, audience, context, None)
            except Exception as failure:  # noqa: BLE001 - a template may raise whatever its data make it raise
                error = f"message {event.name}.{audience} in {locale}: {type(failure).__name__}: {failure}"
        fallback = self._fallbacks.get(locale) or self._fallbacks[self._default_locale]
        try:
            return self._render(fallback, audience, context, error)
        except Exception as failure:  # noqa: BLE001 - as above: someone is told something in any case
            plain = f"{event.label}: {event.name}"
            return Words(plain, plain, plain, None, None, f"{error}; fallback: {failure}")

    def _render(self, message: Message, audience: str, context: Context, error: str | None) -> Words:
        title = _one_line(message.title.render(context), TITLE_LIMIT)
        url = self._urls.get(audience)
        return Words(
            title=title,
            body=_shortened(message.body.render(context).strip(), BODY_LIMIT),
            text=_one_line(message.text.render(context), TEXT_LIMIT) if message.text else title,
            url=url.render(context).strip() if url else None,
            action=_one_line(message.action.render(context), TITLE_LIMIT) if message.action else None,
            error=error,
        )

    def _compile(self, path: str, fields: Mapping[str, Any]) -> Message:
        for name in fields:
            if name not in _FIELDS:
                raise BrokenMessage(f"{path}.{name}: unknown key; there is {', '.join(_FIELDS)}")
        for name in ("title", "body"):
            if not isinstance(fields.get(name), str):
                raise BrokenMessage(f"{path}.{name}: is missing")
        names: set[str] = set()
        for source in fields.values():
            try:
                names |= find_undeclared_variables(self._environment.parse(str(source)))
            except TemplateError as error:
                raise BrokenMessage(f"{path}: {error}") from error
        compiled = {name: self._template(f"{path}.{name}", str(source)) for name, source in fields.items()}
        return Message(
            title=compiled["title"],
            body=compiled["body"],
            text=compiled.get("text"),
            action=compiled.get("action"),
            names=frozenset(names),
        )

    def _template(self, path: str, source: str) -> Text:
        try:
            return Text(self._environment, source)
        except TemplateError as error:
            raise BrokenMessage(f"{path}: {error}") from error


def _sections(catalogue: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(event, audience, fields) of each message; the fallback has no audience."""
    for event, audiences in catalogue.items():
        if event == FALLBACK:
            yield event, "", audiences
            continue
        for audience, fields in audiences.items():
            if not isinstance(fields, Mapping):
                raise BrokenMessage(f'{event}.{audience}: write ["{event}".AUDIENCE], then title and body')
            yield event, audience, fields


def _context(event: Event, people: Mapping[str, Person], recipient: Person) -> dict[str, Any]:
    what = event.name.partition(".")[2]
    return {
        **people,
        event.prefix: Row(event.row),
        "row": Row(event.row),
        "key": event.key,
        "label": event.label,
        "event": event.name,
        "event_name": what.replace("_", " "),
        "subject_name": event.prefix.replace("_", " ").capitalize(),
        "recipient": recipient if recipient.user_id else NOBODY,
    }


def _one_line(text: str, limit: int) -> str:
    return _shortened(" ".join(text.split()), limit)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
