"""The look of a mail: the one HTML layout and its plain twin, filled with a delivery's words.

Most of a mail is the same in all that have as many paragraphs. So the layouts are rendered with marks in place of
words, once for each such shape, and encoded; a mail's words are then put between the pieces.
"""

import re
from functools import cached_property, lru_cache
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from jinja2 import FileSystemLoader, StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import escape

from dispatchers.base import Delivery
from dispatchers.email.quoted import Form, Quoted, mark, quoted

PREHEADER_MAX: Final = 140
"""Characters; no mail program shows more."""
SHAPES_KEPT: Final = 128
LINES_KEPT: Final = 64
"""Of a body: longer ones are seldom as long as another, and would fill the memory."""

_FONT: Final = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]")
_BLANK_LINES: Final = re.compile(r"\n[ \t]*\n\s*")
_WEB_ADDRESS: Final = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_RIGHT_TO_LEFT: Final = frozenset({"ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})


class Words(NamedTuple):
    """What the layouts are filled with."""

    title: str
    paragraphs: list[list[str]]
    """Of lines."""
    preheader: str
    url: str | None
    action: str
    lang: str
    direction: str
    unsubscribe: str | None


class _Shape(NamedTuple):
    """What mails have in common that differ only in their words."""

    lines: tuple[int, ...]
    """Of each paragraph."""
    has_url: bool
    has_action: bool
    can_unsubscribe: bool
    lang: str
    direction: str


class Layout:
    """Both layouts, compiled at the first mail: that takes 15 ms, which the start would wait for."""

    def __init__(self, *, brand: str, accent: str, footer: str) -> None:
        brand, footer = _clean(brand), _clean(footer)
        self._common = {
            "brand": brand,
            "initial": brand[:1].upper(),
            "accent": accent,
            "on_accent": readable_on(accent),
            "footer": footer,
            "font": _FONT,
        }
        self._kept_forms = lru_cache(SHAPES_KEPT)(self._forms)

    @property
    def kept_shapes(self) -> int:
        return self._kept_forms.cache_info().currsize

    def render(self, delivery: Delivery, unsubscribe: str | None = None) -> tuple[str, str]:
        """The plain text and the HTML of a delivery, with LF between lines; ``unsubscribe`` is a link of ours."""
        return self._filled(words_of(delivery, unsubscribe))

    def encode(self, delivery: Delivery, unsubscribe: str | None = None) -> tuple[Quoted, Quoted]:
        """What :meth:`render` gives, as it travels: in UTF-8 and quoted-printable, with CRLF between lines."""
        words = words_of(delivery, unsubscribe)
        shape = _Shape(
            tuple(map(len, words.paragraphs)),
            words.url is not None,
            bool(words.action),
            words.unsubscribe is not None,
            words.lang,
            words.direction,
        )
        text, html = self._kept_forms(shape) if sum(shape.lines) <= LINES_KEPT else self._forms(shape)
        said = [words.title, words.url or "", words.action, words.unsubscribe or ""]
        for lines in words.paragraphs:
            said += lines
        plain = [quoted(word) for word in said]
        marked = [_marked(word, same) for word, same in zip(said, plain, strict=True)]
        marked.append(quoted(str(escape(words.preheader))))
        return text.filled(plain), html.filled(marked)

    def _forms(self, shape: _Shape) -> tuple[Form, Form]:
        """Both layouts with a mark for each word, in the order in which :meth:`encode` has them."""
        marks = map(mark, count(4))
        words = Words(
            title=mark(0),
            url=mark(1) if shape.has_url else None,
            action=mark(2) if shape.has_action else "",
            unsubscribe=mark(3) if shape.can_unsubscribe else None,
            paragraphs=[[next(marks) for _ in range(lines)] for lines in shape.lines],
            preheader=next(marks),
            lang=shape.lang,
            direction=shape.direction,
        )
        text, html = self._filled(words)
        return Form(text), Form(html)

    @cached_property
    def _html(self) -> Template:
        return self._template("layout.html", escapes=True)

    @cached_property
    def _text(self) -> Template:
        return self._template("layout.txt", escapes=False)  # in plain text nothing is markup

    def _template(self, name: str, *, escapes: bool) -> Template:
        environment = SandboxedEnvironment(
            loader=FileSystemLoader(Path(__file__).parent),
            autoescape=escapes,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        return environment.get_template(name, globals=self._common)

    def _filled(self, words: Words) -> tuple[str, str]:
        values = words._asdict()
        return self._text.render(values), self._html.render(values)


def words_of(delivery: Delivery, unsubscribe: str | None) -> Words:
    """A delivery's words, with nothing in them that a mail may not carry."""
    paragraphs = _paragraphs(delivery.body)
    language = delivery.locale if _LANGUAGE.fullmatch(delivery.locale) else "en"
    return Words(
        title=_clean(delivery.title).replace("\n", " ").strip(),
        paragraphs=paragraphs,
        preheader=" ".join(line for lines in paragraphs for line in lines)[:PREHEADER_MAX],
        url=web_address(delivery.url),
        action=_clean(delivery.action or "").strip(),
        lang=language.replace("_", "-"),
        direction="rtl" if language[:2].lower() in _RIGHT_TO_LEFT else "ltr",
        unsubscribe=unsubscribe,
    )


def _marked(word: str, plain: bytes) -> bytes:
    """``word`` as HTML, quoted: mostly what it is as plain text, for few words hold anything that is escaped."""
    escaped = escape(word)
    return plain if len(escaped) == len(word) else quoted(str(escaped))


def web_address(url: str | None) -> str | None:
    """``url`` where it is one of the web: a ``javascript:`` from somebody's row never becomes a link."""
    return url if url is not None and _WEB_ADDRESS.fullmatch(url) and url.isprintable() else None


def readable_on(accent: str) -> str:
    """Black or white, whichever contrasts more with ``#rrggbb`` (WCAG 2.2, relative luminance)."""
    red, green, blue = (_linear(int(accent[at : at + 2], 16) / 255) for at in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _clean(text: str) -> str:
    """``text`` with LF for each line break, and nothing that a mail or HTML may not carry."""
    return _NOT_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _paragraphs(body: str) -> list[list[str]]:
    blocks = _BLANK_LINES.split(_clean(body).strip())
    return [block.split("\n") for block in blocks if block]
