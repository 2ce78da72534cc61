"""A table's status column, and the values it takes."""

import re
from collections.abc import Mapping
from typing import Any

from psycopg import Connection, errors
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composed

from schema.discovery.catalogue import Column, Table, snake
from schema.discovery.found import Status, Value
from schema.discovery.vocabulary import STATUS_KINDS, STATUS_NAMES, STATUS_OF_SOMETHING, STATUSES

_SAMPLE_ROWS = 10_000
_VALUES_AT_MOST = 40
_PATIENCE_MS = 5_000
_CODE = re.compile(r"-?[0-9]{1,20}")

_COMMON = """
SELECT v FROM pg_stats, unnest(most_common_vals::text::text[]) AS v
WHERE schemaname = %s AND tablename = %s AND attname = %s
"""


def status_column(table: Table, tables: Mapping[int, Table]) -> tuple[Column | None, int]:
    """The column that looks most like a status, and how much it does; None where none does."""
    best: tuple[Column | None, int] = (None, 0)
    for column in table.columns.values():
        score = _likeness(column, table, tables)
        if score > best[1]:
            best = (column, score)
    return best


def status_of(
    connection: Connection[Any], table: Table, column: Column, tables: Mapping[int, Table]
) -> tuple[Status, list[str]]:
    """The column's values, from the surest source that has them, and what is to be said about that."""
    if column.values:
        known_from = f"its {'CHECK constraint' if column.checked else f'type {column.type}'}"
        return Status(column, tuple(Value(v) for v in column.values), known_from, ordered=True), []
    lookup = tables.get(table.references.get(column.name, (0, ""))[0])
    if lookup is not None and lookup.readable:
        values = _looked_up(connection, lookup, table.references[column.name][1])
        return Status(column, values, f"the table {lookup.sql}", ordered=True), []
    if not table.readable:
        return Status(column, (), "nowhere", ordered=False), [
            f"this role may not read {table.sql}: the values of {column.name} are unknown"
        ]
    seen = _seen(connection, table, column)
    remarks = (
        [f"the values of {table.sql}.{column.name} are those that were seen; the application may know more"]
        if seen
        else [f"{table.sql}.{column.name} holds no value yet: none could be mapped to an event"]
    )
    if column.kind == "integer" and seen:
        remarks.append(f"{table.sql}.{column.name} holds codes: say in [watch.events] what each one means")
    return Status(column, tuple(Value(value) for value in seen), "the rows that are there", ordered=False), remarks


def _likeness(column: Column, table: Table, tables: Mapping[int, Table]) -> int:
    score = STATUSES.get(column.words, 0)
    if not score and "status" in column.words.split("_"):
        score = STATUS_OF_SOMETHING
    if not score or column.kind not in STATUS_KINDS:
        return 0
    reference = table.references.get(column.name)
    if reference is not None:
        target = tables.get(reference[0])
        # state_id may as well lead to the states of a country.
        return score + 12 if target is not None and {"status", "stage", "phase"} & set(target.words) else score // 3
    if column.words.endswith("_id"):
        return score // 3
    return score + STATUS_KINDS[column.kind] + (7 if column.checked else 0)


def _looked_up(connection: Connection[Any], lookup: Table, key: str) -> tuple[Value, ...]:
    name = lookup.first(*STATUS_NAMES)
    if name is None or name.name == key:
        rows = _rows(connection, f"SELECT {lookup.columns[key].sql}::text, NULL FROM {lookup.sql}", lookup, key)
    else:
        # A label can be translated (jsonb); as text it is at least shown.
        rows = _rows(
            connection,
            f"SELECT {lookup.columns[key].sql}::text, {name.sql}::text FROM {lookup.sql}",
            lookup,
            key,
        )
    return tuple(Value(*row) for row in rows)


def _rows(connection: Connection[Any], query: str, lookup: Table, key: str) -> list[tuple[Any, ...]]:
    order = lookup.first("position", "sort_order", "sort", "rank", "ordinal", "sequence") or lookup.columns[key]
    return _patiently(connection, _sql(f"{query} ORDER BY {order.sql} LIMIT {_VALUES_AT_MOST}"))


def _seen(connection: Connection[Any], table: Table, column: Column) -> list[str]:
    """Values from the statistics and from a sample of the rows: each may miss some, both together rarely do."""
    sample = _sql(
        f"SELECT DISTINCT v FROM"
        f" (SELECT {column.sql}::text AS v FROM {table.sql} LIMIT {_SAMPLE_ROWS}) AS sample"
        f" WHERE v IS NOT NULL LIMIT {_VALUES_AT_MOST}"
    )
    with connection.cursor(row_factory=tuple_row) as cursor:
        common = cursor.execute(_COMMON, (table.schema, table.name, column.name)).fetchall()
    values = {row[0] for row in [*common, *_patiently(connection, sample)]}
    ordered = sorted(values, key=lambda value: (int(value) if _CODE.fullmatch(value) else 0, snake(value)))
    return ordered[:_VALUES_AT_MOST]


def _sql(query: str) -> Composed:
    """A query whose names came quoted from the catalogue."""
    return SQL("{}").format(SQL(query))


def _patiently(connection: Connection[Any], query: Composed) -> list[tuple[Any, ...]]:
    """The rows, or none where the table is held by somebody else, too slow to read, or not ours to read."""
    try:
        with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", (str(_PATIENCE_MS),))
            return cursor.execute(query).fetchall()
    except (errors.QueryCanceled, errors.LockNotAvailable, errors.InsufficientPrivilege):
        return []
