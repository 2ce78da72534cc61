"""Locks on tables that others use: asked for with a short ``lock_timeout``, given up, and asked for again later."""

import time
from collections.abc import Callable
from typing import Any

from psycopg import Connection
from psycopg.errors import LockNotAvailable
from psycopg.sql import SQL

LOCK_TIMEOUT_MS = 200
"""A writer of the application can be held up for this long, once per try."""

PATIENCE_SECONDS = 60.0
"""How long a lock is asked for again before giving up."""


def patiently(connection: Connection[Any], step: Callable[[], object]) -> None:
    """Run ``step`` in a transaction that never keeps a lock's queue waiting for long; again until it got its lock.

    Raises:
        LockNotAvailable: it never did.
    """

    def attempt() -> None:
        with connection.transaction():
            connection.execute(SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT_MS))
            step()

    until_locked(attempt)


def until_locked(attempt: Callable[[], None]) -> None:
    """Run ``attempt``, a whole transaction, again for as long as it raises LockNotAvailable.

    Raises:
        LockNotAvailable: it still does after ``PATIENCE_SECONDS``.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            attempt()
        except LockNotAvailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOCK_TIMEOUT_MS / 1000)
        else:
            return
