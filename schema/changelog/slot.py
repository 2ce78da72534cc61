"""The replication slot: what keeps the change log on disk until it is read, and says from where on it can be read.

A slot belongs to the whole cluster and lives outside of transactions. One that is forgotten fills the disk.
"""

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composed, Identifier

from config import Settings
from schema.errors import Refused
from schema.patience import PATIENCE_SECONDS
from schema.queries import statements

_SQL = statements("changelog")

WITH_FAILOVER = 170000
"""From this version on a slot can be kept on standbys too."""

FREE_WITHIN_SECONDS = 10.0
"""A daemon that is stopped leaves its slot within this."""

SAID_AFTER_SECONDS = 2.0
"""Whom the making of a slot waits for is not worth a word before."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SlotState:
    """A row of ``pg_replication_slots``. Places are text, as the database writes them; sizes are bytes."""

    slot: str
    database: str | None
    plugin: str | None
    active_pid: int | None
    """Of the server's process that it is read by."""
    wal_status: str | None
    """``reserved``, ``extended``, ``unreserved`` (about to be lost) or ``lost``."""
    invalidation_reason: str | None
    """From PostgreSQL 17 on."""
    confirmed_flush_lsn: str | None
    restart_lsn: str | None
    lag_bytes: int | None
    """Of the log that is written and not confirmed as read."""
    retained_bytes: int | None
    """Of the log that is kept on disk for it."""
    safe_wal_size: int | None
    """May be written before it is in danger; None where it never is."""

    @property
    def lost(self) -> bool:
        """Whether the log that it needs is gone."""
        return self.wal_status == "lost" or self.invalidation_reason is not None


def slot_state(connection: Connection[Any], slot: str) -> SlotState | None:
    """How the slot stands, of whatever database it is; None when there is none of that name."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_SQL["slot"], {"slot": slot}).fetchone()
    return SlotState(slot, *row) if row is not None else None


def replicating(settings: Settings) -> Connection[Any]:
    """A connection that takes commands of the replication protocol. Raises psycopg.OperationalError."""
    return psycopg.connect(
        make_conninfo(settings.database.url.get_secret_value(), replication="database"),
        autocommit=True,
        connect_timeout=settings.database.connect_timeout_seconds,
        application_name="orderbell install",
    )


def create_slot_command(slot: str, *, server_version: int, failover: bool = True) -> Composed:
    """The replication command that makes the slot and answers (name, consistent point, snapshot, plugin)."""
    options = ", FAILOVER true" if failover and server_version >= WITH_FAILOVER else ""
    return SQL("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput (SNAPSHOT 'export'" + options + ")").format(
        Identifier(slot)
    )


@contextmanager
def create_slot(
    connection: Connection[Any], settings: Settings, slot: str, say: Say = lambda _: None
) -> Iterator[tuple[str, str]]:
    """Make the slot; yields where it begins, and the name of a snapshot of that moment, which lasts as long as this.

    It begins when the transactions that are open now have ended; ``say`` is told whom that waits for. It is dropped
    again when what is done with it fails.

    Raises:
        Refused: they do not end.
        psycopg.Error: the server does not make it.
    """
    with replicating(settings) as replication:
        began, snapshot = _made(connection, replication, slot, say)
        try:
            yield began, snapshot
        except BaseException:
            with suppress(psycopg.Error):
                replication.pgconn.exec_(SQL("DROP_REPLICATION_SLOT {}").format(Identifier(slot)).as_bytes(replication))
            raise


def drop_slot(connection: Connection[Any], slot: str, free_within_seconds: float = FREE_WITHIN_SECONDS) -> bool:
    """Drop the slot; False when there is none. Nobody who reads it is cut off.

    Raises:
        Refused: somebody reads it all the time, or this role may not.
    """
    deadline = time.monotonic() + free_within_seconds
    while (state := slot_state(connection, slot)) is not None:
        if state.active_pid is None:
            try:
                connection.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
            except psycopg.errors.ObjectInUse:
                pass
            except psycopg.errors.UndefinedObject:
                return False
            except psycopg.errors.InsufficientPrivilege as error:
                raise Refused([f"the replication slot {slot} cannot be dropped: {_first_line(error)}"]) from None
            else:
                return True
        if time.monotonic() > deadline:
            raise Refused([f"the replication slot {slot} is in use by pid {state.active_pid}: stop the daemon first"])
        time.sleep(0.1)
    return False


def _made(connection: Connection[Any], replication: Connection[Any], slot: str, say: Say) -> tuple[str, str]:
    version = replication.info.server_version
    result = _answer(connection, replication, create_slot_command(slot, server_version=version), slot, say)
    if result.status != ExecStatus.TUPLES_OK and version >= WITH_FAILOVER:
        # Where it cannot be kept on standbys, one that is only here is better than none.
        plain = create_slot_command(slot, server_version=version, failover=False)
        result = _answer(connection, replication, plain, slot, say)
    if result.status != ExecStatus.TUPLES_OK:
        raise psycopg.errors.error_from_result(result)
    began, snapshot = (result.get_value(0, column) or b"" for column in (1, 2))
    return began.decode(), snapshot.decode()


def _answer(
    connection: Connection[Any], replication: Connection[Any], command: Composed, slot: str, say: Say
) -> PGresult:
    """The server's answer, which may take as long as somebody else's transaction."""
    pgconn = replication.pgconn
    pgconn.send_query(command.as_bytes(replication))
    started, said, kept_by = time.monotonic(), False, None
    arrivals = select.poll()
    arrivals.register(pgconn.socket, select.POLLIN)
    pgconn.flush()
    try:
        while pgconn.is_busy() and kept_by is None:
            arrivals.poll(200)
            pgconn.consume_input()
            waited = time.monotonic() - started
            if waited > SAID_AFTER_SECONDS and not said:
                said = True
                who = _blockers(connection, pgconn.backend_pid)
                say(f"the replication slot {slot} begins when the transactions open now have ended: it waits for {who}")
            if waited > PATIENCE_SECONDS:
                kept_by = _blockers(connection, pgconn.backend_pid)
                replication.cancel_safe()
    except BaseException:
        # Or the server would go on by itself, and leave a slot that nobody knows of.
        replication.cancel_safe()
        raise
    result = pgconn.get_result()
    while pgconn.get_result() is not None:
        pass
    if result is None:
        raise psycopg.OperationalError("the server did not answer")
    if kept_by is not None and result.status != ExecStatus.TUPLES_OK:
        raise Refused(
            [f"the replication slot {slot} cannot begin while a transaction stays open: it waits for {kept_by}"]
        )
    return result


def _blockers(connection: Connection[Any], pid: int) -> str:
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("SELECT pg_blocking_pids(%s)", (pid,)).fetchone()
    pids = row[0] if row is not None else []
    # Of a prepared transaction the database says 0.
    return ", ".join(f"pid {each}" if each else "a prepared transaction" for each in pids) or "the server"


def _first_line(error: psycopg.Error) -> str:
    return str(error).splitlines()[0]
