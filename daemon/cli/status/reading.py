"""What the database says of how things stand."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from config import Settings
from daemon.cli.database import connected
from daemon.cli.status.values import ChangeLog, Node, Planner, Queue, Standing
from schema import locks
from schema.queries import statements

SQL = statements("status")

AT_MOST = "10s"
"""One statement; a queue of millions takes a second or so."""


class Database:
    """A connection that only reads. It is made anew after it was lost."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: psycopg.Connection[Any] | None = None

    def read(self) -> Standing:
        """All of it, in one snapshot. Raises psycopg.Error, SchemaError."""
        try:
            connection = self._connected()
            with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                return _standing(cursor, connection.info.dbname)
        except psycopg.Error:
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = connected(self._settings, "status")
            self._connection.execute("SELECT set_config('statement_timeout', %s, false)", [AT_MOST])
        return self._connection


def _standing(cursor: psycopg.Cursor[dict[str, Any]], database: str) -> Standing:
    queues = tuple(Queue(**row) for row in cursor.execute(SQL["queue"]))
    changes = cursor.execute(SQL["changes"]).fetchone() or {}
    planners = cursor.execute(SQL["planners"], {"class": locks.CLASS, "key": locks.PLANNER}).fetchall()
    nodes = tuple(Node(**row) for row in cursor.execute(SQL["nodes"]))
    (clock,) = cursor.execute("SELECT now() AS at")
    return Standing(
        at=clock["at"],
        database=database,
        queues=queues,
        changes_waiting=changes["waiting"],
        changes_oldest_seconds=changes["oldest_seconds"],
        set_aside=changes["set_aside"],
        scheduled=changes["scheduled"],
        failed_last_hour=changes["failed_last_hour"],
        planners=tuple(
            Planner(row["granted"], row["application"], row["address"], row["since_seconds"]) for row in planners
        ),
        nodes=nodes,
        change_log=_change_log(cursor),
    )


def _change_log(cursor: psycopg.Cursor[dict[str, Any]]) -> ChangeLog | None:
    """None where changes are captured by triggers."""
    (there,) = cursor.execute(SQL["has_change_log"])
    if not next(iter(there.values())):
        return None
    row = cursor.execute(SQL["change_log"]).fetchone()
    return None if row is None else ChangeLog(**row)
