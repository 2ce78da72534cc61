"""The look of a mail: the one HTML layout and its plain twin, filled with a delivery's words."""

import re
from pathlib import Path
from typing import Final

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from dispatchers.base import Delivery

PREHEADER_MAX: Final = 140
"""Characters; no mail program shows more."""

_FONT: Final = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
_BLANK_LINES: Final = re.compile(r"\n[ \t]*\n\s*")
_WEB_ADDRESS: Final = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_RIGHT_TO_LEFT: Final = frozenset({"ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})


class Layout:
    """Both layouts, compiled once."""

    def __init__(self, *, brand: str, accent: str, footer: str) -> None:
        loader = FileSystemLoader(Path(__file__).parent)
        common = {
            "brand": brand,
            "initial": brand[:1].upper(),
            "accent": accent,
            "on_accent": readable_on(accent),
            "footer": footer,
            "font": _FONT,
        }
        for_html = SandboxedEnvironment(
            loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
        )
        for_text = SandboxedEnvironment(  # plain text, in which nothing is markup
            loader=loader, autoescape=False, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
        )
        self._html = for_html.get_template("layout.html", globals=common)
        self._text = for_text.get_template("layout.txt", globals=common)

    def render(self, delivery: Delivery, unsubscribe: str | None = None) -> tuple[str, str]:
        """The plain text and the HTML of a delivery, with LF between lines; ``unsubscribe`` is a link of ours."""
        paragraphs = _paragraphs(delivery.body)
        language = delivery.locale if _LANGUAGE.fullmatch(delivery.locale) else "en"
        words = {
            "title": _clean(delivery.title).replace("\n", " ").strip(),
            "paragraphs": paragraphs,
            "preheader": " ".join(line for lines in paragraphs for line in lines)[:PREHEADER_MAX],
            "url": web_address(delivery.url),
            "action": _clean(delivery.action or "").strip(),
            "lang": language.replace("_", "-"),
            "unsubscribe": unsubscribe,
            "direction": "rtl" if language[:2].lower() in _RIGHT_TO_LEFT else "ltr",
        }
        return self._text.render(words), self._html.render(words)


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
