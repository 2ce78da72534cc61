"""Named statements from ``schema/sql/*.sql``: each file is runnable in psql, each statement has a name and a reason."""

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString

_NAME = re.compile(r"^-- name: (?P<name>\w+)$", re.MULTILINE)


@cache
def statements(file: str) -> dict[str, LiteralString]:
    """The statements of ``schema/sql/FILE.sql`` by name, without their closing semicolon.

    They are literals of this package, which is what ``LiteralString`` promises to psycopg.
    """
    source = (files("schema") / "sql" / f"{file}.sql").read_text()
    found: dict[str, LiteralString] = {}
    for match in _NAME.finditer(source):
        following = _NAME.search(source, match.end())
        body = source[match.end() : following.start() if following else len(source)].strip()
        found[match["name"]] = body.removesuffix(";")
    return found


def script(file: str) -> LiteralString:
    """The whole of ``schema/sql/FILE.sql``."""
    return (files("schema") / "sql" / f"{file}.sql").read_text()
