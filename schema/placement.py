"""Capture in place: a function for each watch, and its two triggers on the table and each of its partitions.

Each table is locked in a transaction of its own, so that no writer waits for another table's lock. Replacing the
function locks none.
"""

from collections.abc import Iterator
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from config.mapping import Watch
from schema.capture import capture_function, function_name, revoke, trigger_names, triggers
from schema.inspection import Relation, Table
from schema.patience import patiently

_CARRIERS = """
SELECT t.tgrelid, n.nspname, c.relname, array_agg(t.tgname::text ORDER BY t.tgname),
       bool_and(t.tgenabled IN ('O', 'A'))
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE p.pronamespace = to_regnamespace('orderbell') AND p.proname = %s AND NOT t.tgisinternal AND t.tgparentid = 0
GROUP BY 1, 2, 3 ORDER BY 2, 3
"""


def place(connection: Connection[Any], watch: Watch, table: Table, installed: str | None) -> Iterator[str]:
    """Bring one watch to what is wanted; says what was changed. ``installed``: the definition in the database."""
    wanted = {relation.oid: relation for relation in table.family}
    carriers = _carriers(connection, watch.name)
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
    carriers = _carriers(connection, watch.name)
    return {relation.oid for relation in table.family} == carriers.keys() and all(ok for _, ok in carriers.values())


def remove(connection: Connection[Any], watch: str) -> str | None:
    """Remove a watch's triggers and function; returns where they were, None when they were nowhere."""
    carriers = [relation for relation, _ in _carriers(connection, watch).values()]
    for relation in carriers:
        patiently(connection, lambda r=relation: _drop_triggers(connection, watch, r))  # type: ignore[misc]
    patiently(connection, lambda: _drop_function(connection, watch))
    return _said(carriers) if carriers else None


def installed_watches(connection: Connection[Any]) -> list[str]:
    """The names of the watches that have a capture function, whatever ``orderbell.watch`` says."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace('orderbell') AND proname ~ '^capture_'"
            " AND prorettype = 'trigger'::regtype ORDER BY 1"
        ).fetchall()
    return [str(name).removeprefix("capture_") for (name,) in rows]


def _carriers(connection: Connection[Any], watch: str) -> dict[int, tuple[Relation, bool]]:
    """Every table that carries a trigger of the watch, and whether it carries both, enabled."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_CARRIERS, (function_name(watch),)).fetchall()
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
    # CASCADE for a trigger that somebody renamed.
    connection.execute(SQL("DROP FUNCTION IF EXISTS {} CASCADE").format(Identifier("orderbell", function_name(watch))))
    connection.execute("DELETE FROM orderbell.watch WHERE name = %s", (watch,))


def _said(relations: list[Relation] | tuple[Relation, ...]) -> str:
    more = len(relations) - 1
    and_more = f" and {more} partition{'s' if more > 1 else ''}" if more else ""
    return f"{relations[0].schema}.{relations[0].name}{and_more}"
