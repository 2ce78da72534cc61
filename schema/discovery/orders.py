"""Which table looks most like orders, and its columns that matter to people."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from schema.discovery.catalogue import Column, Table
from schema.discovery.statuses import status_column
from schema.discovery.vocabulary import (
    AMOUNTS,
    BESIDE_ORDERS,
    INFRASTRUCTURE,
    LABELS,
    ORDERS,
    ROLES,
    UNIQUE_LABELS,
)

ENOUGH = 50
"""A likeness below this is no likeness."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A table that may hold orders."""

    table: Table
    status: Column
    likeness: float


def candidates(tables: Mapping[int, Table]) -> list[Candidate]:
    """Tables that look like orders, the likeliest first."""
    found = [candidate for table in tables.values() if (candidate := _candidate(table, tables)) is not None]
    return sorted(found, key=lambda candidate: -candidate.likeness)


def role_columns(table: Table) -> dict[str, Column]:
    """Audience -> the column that leads to it, by its name."""
    found = {}
    for role, words in ROLES.items():
        names = [name for word in words for name in (f"{word}_id", f"{word}_uuid", word)]
        column = table.first(*names)
        # ``customer text`` may be a name; an id is a number, a UUID, or refers to something.
        if column is not None and (column.name in table.references or column.words.endswith(("_id", "_uuid"))):
            found[role] = column
    return found


def label_of(table: Table) -> Column | None:
    """What people call an order."""
    named = [column for name in (*LABELS, *UNIQUE_LABELS) if (column := table.first(name)) is not None]
    return next(
        (
            column
            for column in named
            if column.kind in {"text", "integer"} and (column.words in LABELS or column.name in table.unique)
        ),
        None,
    )


def amounts_of(table: Table) -> tuple[Column, ...]:
    """The total and its currency, which messages may want to say."""
    return tuple(column for names in AMOUNTS if (column := table.first(*names)) is not None)


def key_of(table: Table) -> tuple[Column | None, list[str]]:
    """The column that identifies an order, and a remark where there is no proper one."""
    if table.key_column is not None:
        return table.key_column, []
    unique = next((column for column in table.columns.values() if column.name in table.unique), None)
    column = unique or table.first("id", "uuid", *LABELS)
    if unique is not None:
        return column, [f"{table.sql} has no primary key of one column; its unique column {unique.name} is taken"]
    return column, [f"{table.sql} has no unique column: Orderbell needs one to tell orders apart"]


def _candidate(table: Table, tables: Mapping[int, Table]) -> Candidate | None:
    status, status_likeness = status_column(table, tables)
    words = table.words
    if status is None or not words or words[0] in INFRASTRUCTURE:
        return None
    name = ORDERS.get(words[-1], 0)
    if len(words) > 1:
        # ``shop_orders`` is as good as ``orders``; but where both are there, the plain one is meant.
        name = name * 9 // 10 if name else max((ORDERS.get(word, 0) // 3 for word in words), default=0)
    beside = 60 * len(BESIDE_ORDERS & set(words))
    roles = 15 * len([c for c in role_columns(table).values() if c.name in table.references])
    if not name and not roles:
        return None
    likeness = name + status_likeness + roles - beside + 3 * min(math.log10(table.rows + 1), 7)
    return Candidate(table, status, likeness) if likeness >= ENOUGH else None
