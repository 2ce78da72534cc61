"""``where`` of a rule's step: for which rows it holds, asked of the application's table as it is now."""

from collections.abc import Collection

import psycopg
import structlog
from psycopg import AsyncCursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal

from config.mapping import Watch
from daemon.kept import one_line

log = structlog.get_logger(__name__)


async def holding(
    cursor: AsyncCursor[TupleRow], watch: Watch, where: str, keys: Collection[str]
) -> tuple[set[str], set[str]]:
    """Those of ``keys`` whose row is there and makes ``where`` true, and those for which nobody can say: their row
    makes it fail. Raises psycopg.OperationalError: a lock of the application's, a query that takes too long.
    """
    try:
        return await _holding(cursor, watch, where, keys), set()
    except psycopg.OperationalError:
        raise
    except psycopg.DatabaseError as error:
        # A mistake in the condition itself is the same for every row.
        if len(keys) == 1 or isinstance(error, psycopg.ProgrammingError):
            log.warning("condition.failed", where=where, error=one_line(error))
            return set(), set(keys)
    holds: set[str] = set()
    unsaid: set[str] = set()
    for key in keys:
        one, not_one = await holding(cursor, watch, where, [key])
        holds |= one
        unsaid |= not_one
    return holds, unsaid


async def _holding(cursor: AsyncCursor[TupleRow], watch: Watch, where: str, keys: Collection[str]) -> set[str]:
    query = SQL("SELECT {key}::text FROM {table} WHERE {key} = ANY({keys}) AND ({where}\n)").format(
        key=Identifier(watch.key),
        table=SQL(watch.table),  # the operator's own SQL, as it is in audiences' queries
        keys=Literal(array(keys)),
        where=SQL(where),
    )
    # Where a transaction is open already, it outlives the failure.
    async with cursor.connection.transaction():
        await cursor.execute(query)
        return {row[0] for row in await cursor.fetchall()}


def array(keys: Collection[str]) -> str:
    """``{"1","2"}``, of no type: it takes the key's, so that its index serves."""
    quoted = ('"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in sorted(keys))
    return "{" + ",".join(quoted) + "}"
