"""How this process talks to the database: single connections for those that hold locks, a pool for the rest."""

from typing import Any, TypeVar

from psycopg import AsyncConnection
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from config.settings import Database
from daemon.arrays import CONTEXT

Pool = AsyncConnectionPool[AsyncConnection[TupleRow]]

Value = TypeVar("Value")

WAKE_SECONDS = 5.0
"""How often a connection that waits looks up by itself. The socket and a cancellation wake it at once."""

CLIENT_KEEPALIVE: dict[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""A server that is gone without a word is noticed within some 25 s (tcp_user_timeout is in milliseconds)."""

SESSION = {
    # The server must notice as soon that we are gone: it holds the planner's lock for us until then.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "client_connection_check_interval": "10s",
    # What a database or a role is set up with is meant for the application; none of it may surprise us.
    "datestyle": "ISO",
    "timezone": "UTC",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    # Rows that a policy hides from us would be people who are not told: an error instead.
    "row_security": "off",
}
"""Settings of every session of ours, from its first moment."""

QUEUE = {
    "enable_seqscan": "off",
    "enable_nestloop": "off",
    "enable_mergejoin": "off",
    # Before PostgreSQL 18, what is off looks so dear that a statement that has no other way would be compiled first.
    "jit": "off",
}
"""Settings of sessions that work on the queue. It grows from nothing to a million rows quicker than statistics are
renewed, and the plan that a prepared statement got while it was empty is kept meanwhile. So its statements say
themselves where an index is to be used (``schema/sql/delivery.sql``), and everything else is a hash join.
"""

OF_THE_APPLICATION = "SET LOCAL enable_seqscan = on; SET LOCAL enable_nestloop = on; SET LOCAL enable_mergejoin = on"
"""For a transaction in which such a session asks the application's tables."""


def parameters(settings: Database, application_name: str, **session: str) -> dict[str, Any]:
    """Keyword arguments for psycopg's ``connect``, with ``session`` settings over :data:`SESSION`."""
    given = conninfo_to_dict(settings.url.get_secret_value())
    ours = " ".join(f"-c {name}={_escaped(value)}" for name, value in {**SESSION, **session}.items())
    return {
        **given,
        **CLIENT_KEEPALIVE,
        "options": f"{given.get('options', '')} {ours}".strip(),
        "client_encoding": "utf8",
        "application_name": application_name,
        "connect_timeout": settings.connect_timeout_seconds,
    }


def one_row(row: TupleRow | None) -> TupleRow:
    """Of a statement that always answers with one. Raises LookupError."""
    if row is None:
        raise LookupError("the database answered without a row")
    return row


def _escaped(value: str) -> str:
    """As libpq's ``options`` wants it: a blank inside a value has a backslash before it."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


class _Connection(AsyncConnection[TupleRow]):
    """Sleeps while it waits: psycopg wakes ten times a second, which is what a blocking wait needs to see Ctrl-C."""

    async def wait(self, gen: PQGen[Value], interval: float = WAKE_SECONDS, timeout: float | None = None) -> Value:  # noqa: ASYNC109 - psycopg's
        if timeout is None:  # which older psycopgs do not know
            return await super().wait(gen, interval)
        return await super().wait(gen, interval, timeout)


class Connections:
    """Opens connections as the settings say; each names what it is for in ``pg_stat_activity``."""

    def __init__(self, settings: Database) -> None:
        self._settings = settings

    async def open(self, application_name: str, **session: str) -> AsyncConnection[TupleRow]:
        """A connection of its own, in autocommit mode."""
        return await _Connection.connect(
            autocommit=True, context=CONTEXT, **parameters(self._settings, application_name, **session)
        )

    async def open_replication(self, application_name: str) -> AsyncConnection[TupleRow]:
        """A connection that speaks the replication protocol, to this database's change log and nothing else."""
        return await _Connection.connect(
            autocommit=True, **parameters(self._settings, application_name), replication="database"
        )

    def pool(self) -> Pool:
        """For whoever asks something now and then, not yet open."""
        return self._pool("orderbell")

    def queue(self) -> Pool:
        """The delivery workers' pool, not yet open: its sessions are for the queue's statements."""
        return self._pool("orderbell delivery", **QUEUE)

    def _pool(self, application_name: str, **session: str) -> Pool:
        return AsyncConnectionPool(
            # Autocommit: most of what is asked is one statement, which needs no BEGIN and COMMIT around it.
            kwargs={
                **parameters(self._settings, application_name, **session),
                "autocommit": True,
                "context": CONTEXT,
            },
            min_size=1,
            max_size=self._settings.pool_size,
            timeout=self._settings.connect_timeout_seconds,
            open=False,
            name=application_name,
        )
