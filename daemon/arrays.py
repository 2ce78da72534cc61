"""Lists of numbers and of texts as PostgreSQL's arrays, quickly.

psycopg asks a dumper for each element and quotes it by a regular expression: a fifth of all that the daemon did under
load. Such lists are nearly all that the hot statements are given.
"""

from typing import Any

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap
from psycopg.types.array import ListDumper

NUMBERS = {int}
TEXTS = {str, type(None)}


class QuickListDumper(ListDumper):
    """The same bytes as psycopg's where they matter: every text is quoted. Whatever else is in a list is left to it."""

    def dump(self, obj: list[Any]) -> Buffer | None:
        kinds = set(map(type, obj))
        if kinds == NUMBERS:
            return ("{" + ",".join(map(str, obj)) + "}").encode()
        if kinds and kinds <= TEXTS:
            text = "{" + ",".join(["NULL" if each is None else _quoted(each) for each in obj]) + "}"
            # A text with a NUL is none for PostgreSQL: psycopg says so better.
            return super().dump(obj) if "\0" in text else text.encode()
        return super().dump(obj)


def _quoted(text: str) -> str:
    """PostgreSQL's documentation, section 8.15.6."""
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
