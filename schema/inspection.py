"""What the application's database really has: looked up in the catalogue, for ``install`` and ``check``."""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from config.mapping import Watch
from config.suggestions import did_you_mean

_KINDS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
}

# Types without a btree equality, by catalogue: they are compared as text.
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod),
       EXISTS (SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod
               WHERE m.amname IN ('btree', 'hash') AND o.opcdefault
                 AND (o.opcintype = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
                      OR t.typtype IN ('e', 'r', 'm') OR t.typcategory IN ('A', 'S')))
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

_UNIQUE_KEY = """
SELECT EXISTS (
    SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = %s AND a.attname = %s AND i.indisunique AND i.indnkeyatts = 1
      AND i.indpred IS NULL AND i.indisvalid)
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the application, as the catalogue has it."""

    oid: int
    schema: str
    name: str
    kind: str
    columns: dict[str, str]
    """Column name -> type."""
    no_equality: frozenset[str]


def find_table(connection: Connection[Any], name: str) -> Table | None:
    """The table that ``name`` means to SQL, with the search path of this connection; None when there is none."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            "SELECT c.oid, n.nspname, c.relname, c.relkind FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.oid = to_regclass(%s)",
            (name,),
        ).fetchone()
        if row is None:
            return None
        found = cursor.execute(_COLUMNS, (row[0],)).fetchall()
    return Table(
        oid=row[0],
        schema=row[1],
        name=row[2],
        kind=row[3],
        columns={column: kind for column, kind, _ in found},
        no_equality=frozenset(column for column, _, equality in found if not equality),
    )


def problems_of_watch(connection: Connection[Any], watch: Watch, path: str) -> tuple[Table | None, list[str]]:
    """The watched table, and each reason why it cannot be watched, as lines that begin with the path to the key."""
    try:
        with connection.transaction():
            table = find_table(connection, watch.table)
    except Exception as error:  # noqa: BLE001 - to_regclass says in its own words what a bad name is
        return None, [f"{path}.table: {watch.table!r} is not a table's name: {str(error).splitlines()[0]}"]
    if table is None:
        return None, [f"{path}.table: there is no table {watch.table!r} here, or this role may not see its schema"]
    if table.kind not in "rp":
        kind = _KINDS.get(table.kind, "not a table")
        return None, [f"{path}.table: {watch.table!r} is {kind}; a watch needs the table behind it"]
    problems = [
        f"{path}.{key}: {watch.table} has no column {column!r}{did_you_mean(column, table.columns)}"
        for key, column in _named_columns(watch)
        if column not in table.columns
    ]
    if watch.key in table.columns:
        with connection.cursor(row_factory=tuple_row) as cursor:
            unique = cursor.execute(_UNIQUE_KEY, (table.oid, watch.key)).fetchone()
        if not unique or not unique[0]:
            problems.append(
                f"{path}.key: {watch.table}.{watch.key} is not unique; name the primary key, or add a unique index"
            )
    return table, problems


def problems_of_privilege(connection: Connection[Any], watch: Watch, table: Table, path: str) -> list[str]:
    """What this role may not do and must, to put triggers on the table."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            "SELECT current_user, has_table_privilege(%(oid)s, 'TRIGGER'), has_table_privilege(%(oid)s, 'SELECT')",
            {"oid": table.oid},
        ).fetchone()
    if row is None:
        return []
    role, trigger, select = row
    return [
        f'{path}.table: role "{role}" lacks {privilege} on {watch.table}:'
        f' GRANT {privilege} ON {watch.table} TO "{role}"'
        for privilege, held in (("TRIGGER", trigger), ("SELECT", select))
        if not held
    ]


def _named_columns(watch: Watch) -> list[tuple[str, str]]:
    named = [("key", watch.key), ("event_column", watch.event_column)]
    if watch.label_column is not None:
        named.append(("label_column", watch.label_column))
    return [*named, *((f"columns[{i}]", column) for i, column in enumerate(watch.columns))]
