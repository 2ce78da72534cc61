"""The capture function and triggers of a watch, made from ``sql/capture.sql``."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import LiteralString

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from config.mapping import Watch
from schema import locks
from schema.inspection import Column, Table
from schema.queries import statements


@dataclass(frozen=True, slots=True)
class Triggers:
    """The statements that put a watch's triggers on one table."""

    insert: Composed
    update: Composed


def function_name(watch: str) -> str:
    """The capture function of a watch, in the schema ``orderbell``."""
    return f"capture_{watch}"


def trigger_names(watch: str) -> tuple[str, str]:
    """The triggers of a watch on INSERT and on UPDATE, the same on every table: at most 63 bytes (``WatchName``)."""
    return f"orderbell_{watch}_insert", f"orderbell_{watch}_update"


def capture_function(watch: Watch, table: Table) -> Composed:
    """The statement that makes the function; two captures are the same when its text is.

    Raises:
        KeyError: the table has not every column of the watch.
    """
    columns = [table.columns[name] for name in watch.captured_columns]
    key = table.columns[watch.key]
    parts = {
        "function": Identifier("orderbell", function_name(watch.name)),
        "watch": Literal(watch.name),
        "key": Identifier(watch.key),
        "key_text": _text("new", key),
        "as_installed": _as_installed(columns),
        "gate_class": Literal(locks.CLASS),
        "gate_key": Literal(locks.GATE),
    }
    for row in ("old", "new"):
        parts |= {
            f"{row}_row": _listed(_field(row, column) for column in columns),
            f"{row}_pairs": _listed(SQL("{}, {}").format(Literal(c.name), _value(row, c)) for c in columns),
        }
    return SQL(statements("capture")["function"]).format(**parts)


def revoke(watch: str) -> Composed:
    """The statement that keeps the function to its owner."""
    return SQL(statements("capture")["revoke"]).format(function=Identifier("orderbell", function_name(watch)))


def triggers(watch: str, schema: str, table: str) -> Triggers:
    """The triggers of ``watch`` on the table ``schema.table`` (plain names, as the catalogue has them)."""
    insert, update = trigger_names(watch)
    parts = {
        "function": Identifier("orderbell", function_name(watch)),
        "table": Identifier(schema, table),
        "insert_trigger": Identifier(insert),
        "update_trigger": Identifier(update),
    }
    sql = statements("capture")
    return Triggers(SQL(sql["insert_trigger"]).format(**parts), SQL(sql["update_trigger"]).format(**parts))


def row_as_json(columns: Iterable[Column]) -> Composed:
    """These columns of a row called ``n``, as JSON like the triggers'."""
    return SQL("json_build_object({})").format(
        _listed(SQL("{}, {}").format(Literal(column.name), _value("new", column)) for column in columns)
    )


def key_as_text(key: Column) -> Composed:
    """The key of a row called ``n``, as the triggers write it."""
    return _text("new", key)


_ALIAS: dict[str, LiteralString] = {"old": "o", "new": "n"}


def _listed(items: Iterable[Composable]) -> Composed:
    return SQL(", ").join(items)


def _field(row: str, column: Column) -> Composed:
    return SQL("{}.{}").format(SQL(_ALIAS[row]), Identifier(column.name))


def _text(row: str, column: Column) -> Composed:
    """The column as text, by its type's output function and nothing else."""
    return SQL("CASE WHEN {0} IS NULL THEN NULL ELSE concat({0}) END").format(_field(row, column))


def _value(row: str, column: Column) -> Composed:
    """The column as JSON should show it, where its type is the one that it had at install time."""
    if column.built_in is not None:
        return _field(row, column)
    if column.read_as is not None:
        return SQL("({})::{}").format(_text(row, column), Identifier("pg_catalog", column.read_as))
    return _text(row, column)


def _as_installed(columns: Iterable[Column]) -> Composable:
    """Whether every column that is used as it is still has its built-in type: ALTER TABLE does not ask us.

    An error where one has not, so that the rows are kept whole; ``concat`` keeps the planner from raising it at once.
    """
    tests = [
        SQL("pg_typeof({}) = {}::regtype").format(_field("new", column), Literal(f'pg_catalog."{column.built_in}"'))
        for column in columns
        if column.built_in is not None
    ]
    if not tests:
        return SQL("true")
    return SQL("CASE WHEN {} THEN true ELSE concat('the types have changed')::boolean END").format(
        SQL(" AND ").join(tests)
    )
