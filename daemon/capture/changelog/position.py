"""The place in the log up to which changes stand in ``orderbell.change``: read once, and moved with the changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from daemon.capture.changelog.frames import lsn_of, lsn_text
from daemon.capture.changelog.gathering import Gathered
from daemon.capture.outbox import NotOurs
from schema import locks
from schema.queries import statements

SQL = statements("position")

GATE = {"gate_class": locks.CLASS, "gate_key": locks.GATE}

EARLIEST = -(2**63) + 1

ONE_STATEMENT_ROWS = 200
"""As many go with the place in one statement; more by COPY, in a transaction around both."""


@dataclass(frozen=True, slots=True)
class Position:
    """The row of ``orderbell.change_log``."""

    ctid: str
    slot: str
    publication: str
    system_identifier: str
    lsn: int
    horizon: int
    gap: bool
    """Changes since ``horizon`` may be missing: the slot was lost."""

    @property
    def lsn_text(self) -> str:
        """``lsn`` as the database writes it."""
        return lsn_text(self.lsn)


async def read(connection: AsyncConnection[TupleRow]) -> Position | None:
    """Where it was left; None where capture does not read the log."""
    row = await (await connection.execute(SQL["read"])).fetchone()
    if row is None:
        return None
    ctid, slot, publication, system, lsn, horizon, gap = row
    return Position(ctid, slot, publication, system, lsn_of(lsn), horizon, gap)


class Keeper:
    """Writes changes and moves the place after them, both or neither, on the connection that holds the reader's lock.

    A transaction too large for memory is written piece by piece with :meth:`begin_large`, :meth:`add` and
    :meth:`finish`; any other with :meth:`keep`. Each raises :class:`NotOurs` when another reader has moved the place.
    """

    def __init__(self, connection: AsyncConnection[TupleRow], position: Position) -> None:
        self._connection = connection
        self._added = 0
        self.position = position
        self.large = False
        """Whether a large transaction is being written."""

    async def keep(self, rows: Sequence[Gathered], lsn: int, horizon: int, committed_at: datetime | None) -> None:
        """Write ``rows`` and the place after them."""
        if len(rows) > ONE_STATEMENT_ROWS or any(gathered.early for gathered in rows):
            await self.begin_large()
            await self.add(rows)
            await self.finish(lsn, horizon, committed_at)
        else:
            self._moved(await self._write(rows, lsn, horizon, committed_at), lsn, horizon)

    async def _write(
        self, rows: Sequence[Gathered], lsn: int, horizon: int, committed_at: datetime | None
    ) -> TupleRow | None:
        parameters = {
            **GATE,
            "lsn": lsn_text(lsn),
            "horizon": horizon,
            "committed_at": committed_at,
            "ctid": self.position.ctid,
            "before": self.position.lsn_text,
            "slot": self.position.slot,
            "watches": [row.watch for row, *_ in rows],
            "ops": [row.op for row, *_ in rows],
            "keys": [row.key for row, *_ in rows],
            "olds": [row.old for row, *_ in rows],
            "news": [row.new for row, *_ in rows],
            "errors": [row.error for row, *_ in rows],
            "captured": [gathered.committed_at for gathered in rows],
        }
        return await (await self._connection.execute(SQL["write"], parameters, prepare=True)).fetchone()

    async def begin_large(self) -> None:
        """Begin to write what does not fit into memory."""
        await self._connection.execute("BEGIN")
        self.large = True

    async def add(self, rows: Sequence[Gathered]) -> None:
        """Write some of it."""
        async with self._connection.cursor() as cursor:
            for early, some in groupby(rows, key=lambda gathered: gathered.early):
                async with cursor.copy(SQL["copy_early" if early else "copy"]) as copy:
                    for row, at, *_ in some:
                        values = (row.watch, row.op, row.key, row.old, row.new, row.error, at)
                        await copy.write_row((self._early_id(), *values) if early else values)

    def _early_id(self) -> int:
        """Below every id of the sequence, and in order: a row takes more than one byte of the log."""
        self._added += 1
        return EARLIEST + self.position.lsn + self._added

    async def finish(self, lsn: int, horizon: int, committed_at: datetime | None) -> None:
        """Write the place after it, and commit."""
        row = await self._write((), lsn, horizon, committed_at)
        if row is None:
            await self._connection.rollback()
        else:
            await self._connection.execute("COMMIT")
        self.large = False
        self._added = 0
        self._moved(row, lsn, horizon)

    def _moved(self, row: TupleRow | None, lsn: int, horizon: int) -> None:
        if row is None:
            raise NotOurs("the place in the change log was moved by somebody else")
        self.position = replace(self.position, ctid=row[0], lsn=lsn, horizon=horizon)
