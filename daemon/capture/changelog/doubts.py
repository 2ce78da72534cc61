"""Rows that the log does not tell all of: the application's tables and what was told last know the rest.

Two things may be missing where a table has no REPLICA IDENTITY FULL: a large value that an update did not change (it
stands in a TOAST table, and is not logged again), and, should somebody take the identity away while we run, what the
status was before.
"""

import asyncio
import json
from decimal import Decimal

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Identifier, Literal

from config import Settings
from daemon import metrics
from daemon.capture.changelog.gathering import Gathered
from daemon.capture.changelog.reconcile import event_named, told_last
from daemon.connections import Connections
from daemon.kept import one_line

log = structlog.get_logger(__name__)

LOCKED_SECONDS = 0.2
"""Before a table of the application is read again after it was locked."""

LOCKED_AT_MOST_SECONDS = 10.0

UNSURE = (
    "an update of {table} did not say what the status was before, and nothing was ever told of this row."
    " ALTER TABLE {table} REPLICA IDENTITY FULL; and `orderbell retry`, where it should be told of"
)


class Doubts:
    """Completes rows, outside of the transaction that writes them: no lock of the application's is held there."""

    def __init__(self, connections: Connections, settings: Settings) -> None:
        self._connections = connections
        self._watches = {watch.name: watch for watch in settings.watch}
        self._connection: AsyncConnection[TupleRow] | None = None

    async def settle(self, rows: list[Gathered]) -> list[Gathered]:
        """The rows that are to be written, whole; an update that is no news is left out, and one of which nobody can
        say so is marked for the planner to set aside. Raises psycopg.Error.
        """
        if any(gathered.row.absent for gathered in rows):
            rows = [await self._completed(gathered) for gathered in rows]
        if any(gathered.row.unsure for gathered in rows):
            rows = await self._certain(rows)
        return rows

    async def close(self) -> None:
        """Close the connection, if one was needed."""
        if self._connection is not None:
            await self._connection.close()

    async def _completed(self, gathered: Gathered) -> Gathered:
        """With the values that the log left out, as the table has them now; a change since will come."""
        row = gathered.row
        watch = self._watches.get(row.watch)
        if not row.absent or row.key is None or watch is None:
            return gathered
        columns = (
            SQL("CASE WHEN n.{0} IS NULL THEN NULL ELSE concat(n.{0}) END").format(Identifier(name))
            for name in row.absent
        )
        query = SQL("SELECT {columns} FROM {table} n WHERE n.{key} = {value}").format(
            columns=SQL(", ").join(columns),
            table=SQL(watch.table),  # the operator's own SQL, as it is in audiences' queries
            key=Identifier(watch.key),
            value=Literal(row.key),
        )
        try:
            found = await self._ask(query)
        except (psycopg.ProgrammingError, TimeoutError) as error:
            reason = (
                f"the change log does not repeat a large value of {watch.table} that an update did not change, and it"
                f" could not be read from the table: {one_line(error)}"
            )
            return gathered._replace(row=row._replace(op="unsure", error=reason, absent=(), unsure=False))
        values = found[0] if found else [None] * len(row.absent)
        text = dict(zip(row.absent, values, strict=True))
        return gathered._replace(row=gathered.capturing.filled(row, text))

    async def _certain(self, rows: list[Gathered]) -> list[Gathered]:
        """Of updates that may be news, those that are."""
        metrics.CHANGELOG_PROBLEMS.labels("identity").set(1)
        doubtful: dict[str, list[str]] = {}
        for row, *_ in rows:
            if row.unsure and row.key is not None:
                doubtful.setdefault(row.watch, []).append(row.key)
        told: dict[tuple[str, str], str] = {}
        for name, keys in doubtful.items():
            watch = self._watches.get(name)
            if watch is not None:
                known = await told_last(await self._opened(), watch, keys)
                told |= {(name, key): event for key, event in known.items()}
        certain = []
        for gathered in rows:
            decided = self._decided(gathered, told)
            if decided is not None:
                certain.append(decided)
        return certain

    def _decided(self, gathered: Gathered, told: dict[tuple[str, str], str]) -> Gathered | None:
        """What becomes of it; ``told`` follows."""
        row = gathered.row
        watch = self._watches.get(row.watch)
        if watch is not None and row.op == "rows" and row.unsure:
            error = f"{row.error}; {UNSURE.format(table=watch.table)}"
            return gathered._replace(row=row._replace(op="unsure", error=error, unsure=False))
        if watch is None or row.key is None or row.op == "rows":
            return gathered
        name = event_named(row.key, json.loads(row.new, parse_float=Decimal), watch, insert=row.op == "insert")
        before = told.get((row.watch, row.key))
        if name is not None:
            told[row.watch, row.key] = name
        if not row.unsure:
            return gathered
        if before is None:
            error = UNSURE.format(table=watch.table)
            return gathered._replace(row=row._replace(op="unsure", error=error, unsure=False))
        if name is None or name == before:
            return None
        return gathered._replace(row=row._replace(unsure=False))

    async def _ask(self, query: Composed) -> list[TupleRow]:
        """Raises TimeoutError where the table stays locked: no other table's changes shall wait for it for long."""
        give_up = asyncio.get_running_loop().time() + LOCKED_AT_MOST_SECONDS
        while asyncio.get_running_loop().time() < give_up:
            connection = await self._opened()
            try:
                return await (await connection.execute(query)).fetchall()
            except psycopg.errors.LockNotAvailable as error:
                # The application is changing its table. It comes first.
                log.info("changelog.waits", error=one_line(error))
                await asyncio.sleep(LOCKED_SECONDS)
        raise TimeoutError("it is locked")

    async def _opened(self) -> AsyncConnection[TupleRow]:
        if self._connection is None or self._connection.closed:
            self._connection = await self._connections.open("orderbell change log's look-ups", lock_timeout="500ms")
        return self._connection
