"""Capture in place: a function for each watch, and its two triggers on the table and each of its partitions.

Each table is locked in a transaction of its own, so that no writer waits for another table's lock; but all of them at
once where a watch changes over between triggers and the change log. Replacing the function locks none.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from config.mapping import Watch
from schema.capture import capture_function, function_name, revoke, trigger_names, triggers
from schema.inspection import Relation, Table
from schema.patience import LOCK_TIMEOUT_MS, patiently
from schema.queries import statements

_SQL = statements("changelog")

FROM_LOG = "wal: "
"""Begins the definition of a watch that is captured from the change log."""

# A table before its partitions, as writers lock them.
_CARRIERS = """
SELECT t.tgrelid, n.nspname, c.relname, array_agg(t.tgname::text ORDER BY t.tgname),
       bool_and(t.tgenabled IN ('O', 'A'))
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.pronamespace = to_regnamespace('orderbell') AND p.proname = %s AND NOT t.tgisinternal AND t.tgparentid = 0
  AND (%s OR pg_has_role(c.relowner, 'USAGE'))
GROUP BY 1, 2, 3
ORDER BY (WITH RECURSIVE above (oid, depth) AS (
              SELECT t.tgrelid, 0
              UNION ALL
              SELECT i.inhparent, above.depth + 1 FROM above JOIN pg_inherits i ON i.inhrelid = above.oid
          ) SELECT max(depth) FROM above), 2, 3
"""


def place(connection: Connection[Any], watch: Watch, table: Table, installed: str | None) -> Iterator[str]:
    """Bring one watch to what is wanted; says what was changed. ``installed``: the definition in the database."""
    wanted = {relation.oid: relation for relation in table.family}
    carriers = carriers_of(connection, watch.name)
    if installed is not None and installed.startswith(FROM_LOG):
        patiently(connection, lambda: _take_over(connection, watch, table))
        yield f"put the triggers of the watch {watch.name} on {_said(table.family)}"
        return
    owned = carriers_of(connection, watch.name, owned=True)
    if any(oid not in owned and (oid not in wanted or not ok) for oid, (_, ok) in carriers.items()):
        patiently(connection, lambda: _make_anew(connection, watch, table))
        yield f"replaced the triggers of the watch {watch.name} on {_said(table.family)}"
        return
    for relation, _ in carriers.values():
        if relation.oid not in wanted:
            patiently(connection, lambda r=relation: _drop_triggers(connection, watch.name, r))  # type: ignore[misc]
            yield f"removed the triggers of the watch {watch.name} from {relation.schema}.{relation.name}"
    definition = capture_function(watch, table).as_string(connection)
    replaced = installed != definition
    if replaced:
        patiently(connection, lambda: _make_function(connection, watch, table, definition))
    missing = [r for oid, r in wanted.items() if oid not in carriers or not carriers[oid][1]]
    for relation in missing:
        patiently(connection, lambda r=relation: _make_triggers(connection, watch.name, r))  # type: ignore[misc]
    if replaced or missing:
        verb = "put" if installed is None else "replaced"
        yield f"{verb} the triggers of the watch {watch.name} on {_said(table.family)}"


def stands(connection: Connection[Any], watch: Watch, table: Table, installed: str | None) -> bool:
    """Whether both triggers are on the table and its partitions, and nowhere else, enabled, and as is wanted now."""
    if installed != capture_function(watch, table).as_string(connection):
        return False
    carriers = carriers_of(connection, watch.name)
    return {relation.oid for relation in table.family} == carriers.keys() and all(ok for _, ok in carriers.values())


def remove(connection: Connection[Any], watch: str) -> str | None:
    """Remove a watch's triggers and function; returns where they were, None when they were nowhere."""
    carriers = [relation for relation, _ in carriers_of(connection, watch).values()]
    # From a table that is not ours they go with their function.
    for relation, _ in carriers_of(connection, watch, owned=True).values():
        patiently(connection, lambda r=relation: _drop_triggers(connection, watch, r))  # type: ignore[misc]
    patiently(connection, lambda: _forget(connection, watch))
    return _said(carriers) if carriers else None


def drop_capture(connection: Connection[Any], watch: str) -> None:
    """Drop a watch's triggers and function in the transaction around, which keeps writers off until it ends."""
    owned = [relation for relation, _ in carriers_of(connection, watch, owned=True).values()]
    _together(connection, (lambda r=relation: _drop_triggers(connection, watch, r) for relation in owned))  # type: ignore[misc]
    _drop_function(connection, watch)


def installed_watches(connection: Connection[Any]) -> list[str]:
    """The names of the watches that have a capture function, whatever ``orderbell.watch`` says."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace('orderbell') AND proname ~ '^capture_'"
            " AND prorettype = 'trigger'::regtype ORDER BY 1"
        ).fetchall()
    return [str(name).removeprefix("capture_") for (name,) in rows]


def carriers_of(connection: Connection[Any], watch: str, *, owned: bool = False) -> dict[int, tuple[Relation, bool]]:
    """Every table (``owned``: of this role) that carries a trigger of the watch; whether it carries both, enabled."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_CARRIERS, (function_name(watch), not owned)).fetchall()
    both = sorted(trigger_names(watch))
    return {oid: (Relation(oid, schema, name), names == both and on) for oid, schema, name, names, on in rows}


def _make_function(connection: Connection[Any], watch: Watch, table: Table, definition: str) -> None:
    connection.execute(capture_function(watch, table))
    connection.execute(revoke(watch.name))
    connection.execute(
        "INSERT INTO orderbell.watch (name, table_name, definition) VALUES (%s, %s, %s)"
        " ON CONFLICT (name) DO UPDATE"
        " SET table_name = excluded.table_name, definition = excluded.definition, installed_at = now()",
        (watch.name, f"{table.schema}.{table.name}", definition),
    )


def _make_triggers(connection: Connection[Any], watch: str, relation: Relation) -> None:
    made = triggers(watch, relation.schema, relation.name)
    # Dropped first: CREATE OR REPLACE would leave a disabled trigger disabled.
    _drop_triggers(connection, watch, relation)
    connection.execute(made.insert)
    connection.execute(made.update)


def _drop_triggers(connection: Connection[Any], watch: str, relation: Relation) -> None:
    for name in trigger_names(watch):
        connection.execute(
            SQL("DROP TRIGGER IF EXISTS {} ON {}").format(Identifier(name), Identifier(relation.schema, relation.name))
        )


def _drop_function(connection: Connection[Any], watch: str) -> None:
    # CASCADE for a trigger that somebody renamed, or on a table that is not ours.
    connection.execute(SQL("DROP FUNCTION IF EXISTS {} CASCADE").format(Identifier("orderbell", function_name(watch))))


def _forget(connection: Connection[Any], watch: str) -> None:
    _drop_function(connection, watch)
    connection.execute("DELETE FROM orderbell.watch WHERE name = %s", (watch,))


def _make_anew(connection: Connection[Any], watch: Watch, table: Table) -> None:
    """Triggers on tables that are not ours: we may put them there, and take them off only with their function."""
    _drop_function(connection, watch.name)
    _make_function(connection, watch, table, capture_function(watch, table).as_string(connection))
    _together(connection, (lambda r=each: _make_triggers(connection, watch.name, r) for each in table.family))  # type: ignore[misc]


def _take_over(connection: Connection[Any], watch: Watch, table: Table) -> None:
    """From the change log, on all tables of the watch at the same place of the log."""
    _make_function(connection, watch, table, capture_function(watch, table).as_string(connection))
    _together(connection, (lambda r=each: _make_triggers(connection, watch.name, r) for each in table.family))  # type: ignore[misc]
    connection.execute(_SQL["to_the_triggers"], {"watch": watch.name})
    connection.execute(_SQL["say_switched"])


def _together(connection: Connection[Any], steps: Iterable[Callable[[], object]]) -> None:
    """Run steps that lock tables, with all their waiting together no longer than one lock is waited for elsewhere."""
    deadline = time.monotonic() + LOCK_TIMEOUT_MS / 1000
    for step in steps:
        left = max(1, round((deadline - time.monotonic()) * 1000))
        connection.execute(SQL("SET LOCAL lock_timeout = {}").format(left))
        step()


def _said(relations: list[Relation] | tuple[Relation, ...]) -> str:
    more = len(relations) - 1
    and_more = f" and {more} partition{'s' if more > 1 else ''}" if more else ""
    return f"{relations[0].schema}.{relations[0].name}{and_more}"
