"""One daemon at a time: whose session holds a lock of the whole database is at work, the others stand by."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from schema import locks
from schema.queries import statements

SQL = statements("office")

STANDBY_SECONDS = 0.5
"""Between tries of one that stands by."""


async def take_office(connection: AsyncConnection[TupleRow], lock: int, stand_by: Callable[[], None]) -> None:
    """Return once ``connection`` holds the lock; ``stand_by`` is called, once, where another one holds it now.

    It tries, and does not wait for the lock: a statement that waits has a snapshot, and VACUUM removes no row that died
    since, in the whole database. Raises psycopg.Error.
    """
    stands_by = False
    key = {"class": locks.CLASS, "key": lock}
    while await (await connection.execute(SQL["try_lock"], key)).fetchone() != (True,):
        if not stands_by:
            stands_by = True
            stand_by()
        await asyncio.sleep(STANDBY_SECONDS)


@contextmanager
def the_cause() -> Iterator[None]:
    """Around a TaskGroup of parts of which one fails and the others are cancelled: raises the cause, not the group."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group
