"""The sources of changes that there are, and what each needs in a test."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import psycopg
from psycopg.sql import SQL, Identifier

from config import Settings
from daemon.capture.changelog.reader import ChangeLog
from daemon.connections import Connections

Source = Literal["outbox", "wal"]
"""Where changes come from: triggers, or the change log."""

SOURCES: tuple[Source, ...] = ("outbox", "wal")
"""Those that are held to one behaviour."""

READERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'walsender'"
"""Who reads a slot, or will as soon as it has read the command to."""


def reading(settings: Settings) -> asyncio.Task[None] | None:
    """What must run beside the database for changes to come; None where triggers write them."""
    if settings.capture.source == "outbox":
        return None
    return asyncio.create_task(ChangeLog(Connections(settings.database), settings).run())


async def ended(task: asyncio.Task[None], connection: psycopg.Connection[Any]) -> None:
    """End a reader; until nobody reads a slot of this database, as it could not be dropped."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(30):
        while connection.execute(READERS).fetchone() != (0,):
            await asyncio.sleep(0.01)


def tables_of(connection: psycopg.Connection[Any], tables: Sequence[str]) -> list[tuple[str, str]]:
    """(schema, name) of each of these tables, and of those below it."""
    return connection.execute(
        "WITH RECURSIVE family (oid) AS ("
        " SELECT to_regclass(t)::oid FROM unnest(%s::text[]) t"
        " UNION SELECT i.inhrelid FROM family f JOIN pg_inherits i ON i.inhparent = f.oid)"
        " SELECT n.nspname, c.relname FROM family JOIN pg_class c USING (oid)"
        " JOIN pg_namespace n ON n.oid = c.relnamespace",
        (list(tables),),
    ).fetchall()


def identify(connection: psycopg.Connection[Any], tables: Sequence[str]) -> None:
    """What whoever owns these tables does for the log: it has to say what a row was before."""
    for table in tables_of(connection, tables):
        connection.execute(SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(Identifier(*table)))
