"""The capture triggers of a watch, made from ``sql/capture.sql``."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier, Literal

from config.mapping import Watch
from schema import locks
from schema.queries import statements


@dataclass(frozen=True, slots=True)
class Capture:
    """The statements that make one watch's capture, and their text as it is compared."""

    function: Composed
    insert_trigger: Composed
    update_trigger: Composed
    drop: Composed

    def definition(self, connection: Connection[Any]) -> str:
        """What is installed, as text: two captures are the same when this is."""
        parts = (self.function, self.insert_trigger, self.update_trigger)
        return "\n".join(part.as_string(connection) for part in parts)


def _pairs(alias: LiteralString, columns: Sequence[str]) -> Composed:
    row = SQL(alias)
    return SQL(", ").join(SQL("{}, {}.{}").format(Literal(c), row, Identifier(c)) for c in columns)


def _row(alias: LiteralString, columns: Sequence[str], no_equality: Collection[str]) -> Composed:
    row = SQL(alias)
    return SQL(", ").join(
        SQL("{}.{}::text" if c in no_equality else "{}.{}").format(row, Identifier(c)) for c in columns
    )


def capture(watch: Watch, schema: str, table: str, no_equality: Collection[str] = ()) -> Capture:
    """The capture of ``watch`` on the table ``schema.table`` (plain names, as the catalogue has them).

    ``no_equality`` names columns whose type has no ``=`` (json, xml, point): they are compared as text.
    """
    columns = watch.captured_columns
    parts = {
        "function": Identifier("orderbell", f"capture_{watch.name}"),
        "insert_trigger": Identifier(f"orderbell_{watch.name}_insert"),
        "update_trigger": Identifier(f"orderbell_{watch.name}_update"),
        "table": Identifier(schema, table),
        "watch": Literal(watch.name),
        "key": Identifier(watch.key),
        "new_pairs": _pairs("n", columns),
        "old_pairs": _pairs("o", columns),
        "new_row": SQL("ROW({})").format(_row("n", columns, no_equality)),
        "old_row": SQL("ROW({})").format(_row("o", columns, no_equality)),
        "gate_class": Literal(locks.CLASS),
        "gate_key": Literal(locks.GATE),
    }
    sql = statements("capture")
    drop = SQL("DROP FUNCTION IF EXISTS {} CASCADE").format(parts["function"])
    return Capture(
        function=SQL(sql["function"]).format(**parts),
        insert_trigger=SQL(sql["insert_trigger"]).format(**parts),
        update_trigger=SQL(sql["update_trigger"]).format(**parts),
        drop=drop,
    )
