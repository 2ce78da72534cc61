"""Locale tags (BCP 47), and the chain of those that may stand in for one: RFC 4647, section 3.4 (lookup)."""

import re
from functools import lru_cache

from babel import Locale, UnknownLocaleError

_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})"
    r"(?:-(?P<script>[a-z]{4}))?"
    r"(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)"
)

LONGEST_TAG = 35
"""Characters (RFC 5646, section 4.4.1); nobody's locale is longer."""


@lru_cache(maxsize=4096)
def tag_of(written: str) -> str:
    """``written`` as everybody writes it: ``de_at``, ``DE-at`` and ``de_AT.UTF-8`` are ``de-AT``. What is no part of
    a tag is left out, with all after it (``de-AT-u-co-phonebk``); empty where not even a language is left.
    """
    match = _TAG.match(_plain(written)) if len(written) <= LONGEST_TAG else None
    if match is None or _plain(written)[match.end() :][:1] not in {"", "-"}:
        return ""
    parts = (
        match["language"],
        (match["script"] or "").title(),
        (match["region"] or "").upper(),
        match["variants"].strip("-"),
    )
    return "-".join(part for part in parts if part)


def is_tag(written: str) -> bool:
    """Whether the whole of ``written`` names a locale."""
    return len(written) <= LONGEST_TAG and _TAG.fullmatch(_plain(written)) is not None


@lru_cache(maxsize=4096)
def chain_of(tag: str) -> tuple[str, ...]:
    """``zh-Hant-TW``, ``zh-Hant``, ``zh``: from the nearest to the language; ``tag`` is one of :func:`tag_of`."""
    parts = tag.split("-") if tag else []
    return tuple("-".join(parts[:length]) for length in range(len(parts), 0, -1))


@lru_cache(maxsize=1024)
def babel_locale(tag: str) -> Locale:
    """How numbers and dates are written in ``tag``, or in the nearest that CLDR knows; English where it knows none.

    Babel reads what it knows of a locale when it first writes in it: some 4 ms and 1 MiB, once.
    """
    for each in chain_of(tag):
        try:
            return Locale.parse(each, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


def _plain(written: str) -> str:
    return written.strip().replace("_", "-").partition(".")[0].partition("@")[0].lower()
