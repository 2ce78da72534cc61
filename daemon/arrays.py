"""Lists of numbers and of texts as PostgreSQL's arrays, quickly.

psycopg asks a dumper for each element and quotes it by a regular expression: a fifth of all that the daemon did under
load. Such lists are nearly all that the hot statements are given.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap
from psycopg.types.array import ListDumper

NUMBERS = {int}
TEXT = {str}
TEXTS = {str, type(None)}
TIMES = {datetime}


class QuickListDumper(ListDumper):
    """The same bytes as psycopg's where they matter: every text is quoted. Whatever else is in a list is left to it."""

    def dump(self, obj: list[Any]) -> Buffer | None:
        kinds = set(map(type, obj))
        if kinds == NUMBERS:
            return ("{" + ",".join(map(str, obj)) + "}").encode()
        if kinds == TIMES:
            return ("{" + ",".join(_times(obj)) + "}").encode()
        if kinds and kinds <= TEXTS:
            text = _texts(obj) if kinds == TEXT else "{" + ",".join(map(_quoted, obj)) + "}"
            # A text with a NUL is none for PostgreSQL: psycopg says so better.
            return super().dump(obj) if "\0" in text else text.encode()
        return super().dump(obj)


def _texts(texts: list[str]) -> str:
    """All at once where none has to be escaped, as nearly always."""
    joined = '","'.join(texts)
    if "\\" in joined or joined.count('"') != 2 * (len(texts) - 1):
        return "{" + ",".join(map(_quoted, texts)) + "}"
    return '{"' + joined + '"}'


def _times(times: list[datetime]) -> Iterator[str]:
    """A batch's are often one and the same object; by value, two that are equal may be an hour apart (PEP 495)."""
    last, said = None, ""
    for each in times:
        if each is not last:
            last, said = each, f'"{each}"'
        yield said


def _quoted(text: str | None) -> str:
    """PostgreSQL's documentation, section 8.15.6."""
    if text is None:
        return "NULL"
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


class _Context:
    """psycopg's ``AdaptContext``."""

    connection = None

    def __init__(self) -> None:
        self.adapters = AdaptersMap(psycopg.adapters)
        self.adapters.register_dumper(list, QuickListDumper)


CONTEXT: AdaptContext = _Context()
"""For connections whose lists go this way."""
