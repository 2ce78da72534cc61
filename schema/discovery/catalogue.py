"""A database's tables as values, read from the catalogue in a few queries, whatever the search path is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

_OURS = ("pg_catalog", "information_schema", "pg_toast", "orderbell")
"""Schemas in which no application keeps its orders."""

# Partitions are part of their table, and what belongs to an extension is not the application's.
_TABLES = """
SELECT c.oid, n.nspname, c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       greatest(c.reltuples, 0),
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname <> ALL(%s)
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname <> 'public', n.nspname, c.relname
"""

_COLUMNS = """
SELECT a.attrelid, a.attname, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
       b.typcategory::text, b.typname,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = b.oid ORDER BY e.enumsortorder),
       ARRAY(SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.contype = 'c'
             AND (k.contypid = t.oid OR k.conrelid = a.attrelid AND k.conkey = ARRAY[a.attnum]))
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
WHERE a.attrelid = ANY(%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

_UNIQUE = """
SELECT i.indrelid, a.attname, i.indisprimary
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = ANY(%s) AND i.indisunique AND i.indnkeyatts = 1 AND i.indpred IS NULL AND i.indisvalid
ORDER BY i.indisprimary
"""

_REFERENCES = """
SELECT k.conrelid, a.attname, k.confrelid, f.attname
FROM pg_constraint k
JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = k.confkey[1]
WHERE k.contype = 'f' AND cardinality(k.conkey) = 1 AND k.conparentid = 0 AND k.conrelid = ANY(%s)
"""

_LIST = re.compile(r"ARRAY\[(?P<items>.*)\]", re.DOTALL)
_TEXT_ITEM = re.compile(r"'((?:[^']|'')*)'")
_NUMBER_ITEM = re.compile(r"-?\d+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``sql`` is its name as it stands in SQL, with quotes where it needs them."""

    name: str
    sql: str
    type: str
    kind: str
    """enum, text, integer, boolean, uuid or other."""
    values: tuple[str, ...] = ()
    """What its enum or its CHECK constraint allows, in the order it was written down."""
    checked: bool = False
    """Whether a CHECK constraint says so."""

    @property
    def words(self) -> str:
        """Its name in snake case: ``customerId`` -> ``customer_id``."""
        return snake(self.name)


@dataclass(slots=True)
class Table:
    """A table; ``sql`` is its name with its schema, as it stands in SQL."""

    oid: int
    schema: str
    name: str
    sql: str
    rows: float
    """The planner's estimate; 0 when it was never analyzed."""
    readable: bool
    columns: dict[str, Column] = field(default_factory=dict)
    key: str | None = None
    """Its primary key, where that is one column."""
    unique: set[str] = field(default_factory=set)
    references: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Column -> the table's oid and the column that it refers to."""

    @property
    def words(self) -> list[str]:
        """The words of its name, each in the singular: ``OrderItems`` -> ``order``, ``item``."""
        return [singular(word) for word in snake(self.name).split("_") if word]

    @property
    def key_column(self) -> Column | None:
        return self.columns.get(self.key) if self.key else None

    def first(self, *names: str) -> Column | None:
        """The first of ``names`` (snake case) that it has as a column."""
        by_words = {column.words: column for column in reversed(self.columns.values())}
        return next((by_words[name] for name in names if name in by_words), None)


def tables_of(connection: Connection[Any]) -> dict[int, Table]:
    """Every table of the application, by oid."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        tables = {row[0]: Table(*row) for row in cursor.execute(_TABLES, (list(_OURS),))}
        oids = list(tables)
        for oid, *column in cursor.execute(_COLUMNS, (oids,)).fetchall():
            made = _column(*column)
            # A colon in a name could be read as a parameter of the queries that name it.
            if ":" not in made.name:
                tables[oid].columns[made.name] = made
        for oid, name, primary in cursor.execute(_UNIQUE, (oids,)).fetchall():
            tables[oid].unique.add(name)
            if primary:
                tables[oid].key = name
        for oid, name, target, target_name in cursor.execute(_REFERENCES, (oids,)).fetchall():
            tables[oid].references[name] = (target, target_name)
    return {oid: table for oid, table in tables.items() if ":" not in table.sql}


def snake(name: str) -> str:
    """``OrderItems`` and ``order-items`` -> ``order_items``."""
    return re.sub(r"[^a-z0-9]+", "_", _HUMP.sub("_", name).lower()).strip("_")


def singular(word: str) -> str:
    """``deliveries`` -> ``delivery``, ``purchases`` -> ``purchase``, ``status`` stays."""
    if word == "people":
        return "person"
    if word.endswith("statuses"):
        return word.removesuffix("es")
    if word.endswith("ies"):
        return word.removesuffix("ies") + "y"
    if word.endswith("s") and not word.endswith(("ss", "us")):
        return word.removesuffix("s")
    return word


def _column(
    name: str, sql: str, full_type: str, category: str, base: str, labels: list[str], checks: list[str]
) -> Column:
    kind = {"E": "enum", "S": "text", "B": "boolean"}.get(category, "other")
    if base in {"int2", "int4", "int8"}:
        kind = "integer"
    elif base == "uuid":
        kind = "uuid"
    allowed = tuple(labels) or next((values for check in checks if (values := tuple(_listed(check)))), ())
    return Column(name, sql, full_type, kind, allowed, checked=bool(allowed) and not labels)


def _listed(check: str) -> Iterator[str]:
    """The values of ``CHECK (status IN (...))``, which the catalogue writes as ``= ANY (ARRAY[...])``."""
    match = _LIST.search(check)
    if match is None or " <> " in check[: match.start()] or "NOT " in check[: match.start()]:
        return
    texts = _TEXT_ITEM.findall(match["items"])
    yield from (text.replace("''", "'") for text in texts) if texts else _NUMBER_ITEM.findall(match["items"])
