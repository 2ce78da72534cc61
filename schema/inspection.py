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

# A type is built in when initdb made it (16384 is FirstNormalObjectId) in pg_catalog, and so are its elements: no user
# can own it, or define a cast of it. A domain counts by what it stands on, since casts of domains are ignored.
_COLUMNS = """
WITH RECURSIVE base (attnum, oid) AS (
    SELECT attnum, atttypid FROM pg_attribute WHERE attrelid = %(table)s AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT base.attnum, t.typbasetype FROM base JOIN pg_type t ON t.oid = base.oid WHERE t.typtype = 'd'
), typed AS (
    SELECT base.attnum, t.oid, t.typname,
           t.oid < 16384 AND t.typelem < 16384 AND t.typnamespace = 'pg_catalog'::regnamespace
               AND t.typtype IN ('b', 'r', 'm') AS built_in,
           t.typcategory = 'A' AS is_array
    FROM base JOIN pg_type t ON t.oid = base.oid AND t.typtype <> 'd'
)
SELECT a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN t.built_in AND t.oid = a.atttypid THEN t.typname END,
       CASE WHEN t.built_in THEN t.typname WHEN t.is_array THEN '_text' END,
       a.attgenerated = 'v'
FROM pg_attribute a JOIN typed t USING (attnum)
WHERE a.attrelid = %(table)s
ORDER BY a.attnum
"""

# A partitioned table can have no unique index without the columns that it, and its partitions, are partitioned by.
_UNIQUE_KEY = """
WITH RECURSIVE family (oid) AS (
    SELECT %(table)s::oid
    UNION ALL
    SELECT i.inhrelid FROM family f JOIN pg_inherits i ON i.inhparent = f.oid
), allowed AS (
    SELECT a.attname FROM family JOIN pg_partitioned_table p ON p.partrelid = family.oid
    JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY(p.partattrs)
    UNION SELECT %(key)s
)
SELECT EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = %(table)s AND i.indisunique AND i.indpred IS NULL AND i.indisvalid
      AND (SELECT bool_or(a.attname = %(key)s) AND bool_and(a.attname IN (SELECT attname FROM allowed))
                  AND count(*) = i.indnkeyatts
           FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS k (attnum)
           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum))
"""

# Statement triggers fire for the table that a statement names, so whoever writes to a partition, or to a child by
# inheritance, is seen by that table's own. A foreign table can have none with transition tables; another session's
# temporary table is nobody else's business. A table stands before its partitions, as writers lock them.
_FAMILY = """
WITH RECURSIVE family (oid, depth) AS (
    SELECT %(table)s::oid, 0
    UNION
    SELECT i.inhrelid, f.depth + 1 FROM family f JOIN pg_inherits i ON i.inhparent = f.oid
)
SELECT c.oid, n.nspname, c.relname
FROM family JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid <> %(table)s
GROUP BY 1, 2, 3 ORDER BY max(family.depth), 2, 3
"""

# Tables whose policies keep rows from this role. Where one shows it every row and none restricts, nothing is kept.
_HIDING = """
WITH applying AS (
    SELECT polrelid, polpermissive, pg_get_expr(polqual, polrelid) = 'true' AS shows_all FROM pg_policy
    WHERE polcmd IN ('r', '*')
      AND EXISTS (SELECT FROM unnest(polroles) AS role (oid) WHERE role.oid = 0 OR pg_has_role(role.oid, 'USAGE'))
)
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.oid = ANY(%s::oid[]) AND row_security_active(c.oid)
  AND (NOT EXISTS (SELECT FROM applying a WHERE a.polrelid = c.oid AND a.polpermissive AND a.shows_all)
       OR EXISTS (SELECT FROM applying a WHERE a.polrelid = c.oid AND NOT a.polpermissive))
ORDER BY 1
"""

_READ = """
SELECT DISTINCT l.relation FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.relkind IN ('r', 'p') AND c.oid >= 16384
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and how its values may be read without running code of the application."""

    name: str
    type: str
    built_in: str | None
    """The type's name in pg_catalog, if that is where it is from; such a value can be used as it is."""
    read_as: str | None
    """The built-in type that its text can be read as: what a domain stands on, text[] for an array of enums."""
    virtual: bool
    """Generated when it is read (PostgreSQL 18): no trigger sees its value."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table by its name alone."""

    oid: int
    schema: str
    name: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the application, as the catalogue has it."""

    oid: int
    schema: str
    name: str
    kind: str
    columns: dict[str, Column]
    descendants: tuple[Relation, ...]
    """Its partitions and children by inheritance, of every level, which need triggers of their own."""

    @property
    def family(self) -> tuple[Relation, ...]:
        """The table and its descendants."""
        return (Relation(self.oid, self.schema, self.name), *self.descendants)


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
        columns = [Column(*found) for found in cursor.execute(_COLUMNS, {"table": row[0]}).fetchall()]
        descendants = [Relation(*found) for found in cursor.execute(_FAMILY, {"table": row[0]}).fetchall()]
    return Table(
        oid=row[0],
        schema=row[1],
        name=row[2],
        kind=row[3],
        columns={column.name: column for column in columns},
        descendants=tuple(descendants),
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
    problems = []
    for key, column in named_columns(watch):
        if column not in table.columns:
            problems.append(
                f"{path}.{key}: {watch.table} has no column {column!r}{did_you_mean(column, table.columns)}"
            )
        elif table.columns[column].virtual:
            problems.append(
                f"{path}.{key}: {watch.table}.{column} is a virtual generated column, which no trigger can read;"
                " make it STORED, or name the columns that it is made of"
            )
    if watch.key in table.columns:
        with connection.cursor(row_factory=tuple_row) as cursor:
            unique = cursor.execute(_UNIQUE_KEY, {"table": table.oid, "key": watch.key}).fetchone()
        if unique != (True,):
            problems.append(
                f"{path}.key: {watch.table}.{watch.key} is not unique; name the primary key, or add a unique index"
            )
    return table, problems


def problems_of_privilege(connection: Connection[Any], table: Table, path: str, *, triggers: bool = True) -> list[str]:
    """What this role may not do and must, to read the table and its partitions, and to put triggers on them."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(
            "SELECT current_user, c.oid::regclass::text, has_table_privilege(c.oid, 'TRIGGER'),"
            " has_table_privilege(c.oid, 'SELECT')"
            " FROM unnest(%s::oid[]) WITH ORDINALITY AS wanted (oid, place) JOIN pg_class c USING (oid) ORDER BY place",
            ([relation.oid for relation in table.family],),
        ).fetchall()
    return [
        f'{path}.table: role "{role}" lacks {privilege} on {name}: GRANT {privilege} ON {name} TO "{role}"'
        for role, name, trigger, select in rows
        for privilege, held in (("TRIGGER", trigger), ("SELECT", select))
        if not held and (triggers or privilege != "TRIGGER")
    ]


def prepares_transactions(connection: Connection[Any]) -> bool:
    """Whether the server lets transactions be prepared (two-phase commit); then no trigger rings."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute("SELECT current_setting('max_prepared_transactions') <> '0'").fetchone() == (True,)


def tables_read(connection: Connection[Any]) -> list[int]:
    """The tables that this transaction has read so far, also through views."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [oid for (oid,) in cursor.execute(_READ).fetchall()]


def tables_hiding_rows(connection: Connection[Any], tables: list[int]) -> list[str]:
    """Those of ``tables`` (their oids) whose row-level security may keep rows from this role."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [name for (name,) in cursor.execute(_HIDING, (tables,)).fetchall()]


def named_columns(watch: Watch) -> list[tuple[str, str]]:
    """The keys under which a watch names columns, and the columns."""
    named = [("key", watch.key)]
    if watch.live is None:
        named.append(("event_column", watch.event_column))
    else:
        given = [("latitude", watch.live.latitude), ("longitude", watch.live.longitude)]
        given += [("heading", watch.live.heading or ""), ("speed", watch.live.speed or "")]
        named += [(f"live.{key}", column) for key, column in given if column]
    if watch.label_column is not None:
        named.append(("label_column", watch.label_column))
    return [*named, *((f"columns[{i}]", column) for i, column in enumerate(watch.columns))]
