"""What goes wrong again and again, in the log: each kind once in a while, and a database that is away in one line."""

import logging
import time

import psycopg
import sqlalchemy.exc

AWAY = (
    OSError,  # TimeoutError too
    psycopg.OperationalError,
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
)
"""The other side cannot be reached: where in our code that was noticed says nothing."""
AGAIN_SECONDS = 10.0
MOST_KINDS = 1_000


class Troubles:
    """Of one hub."""

    def __init__(self) -> None:
        self._said_at: dict[tuple[str, ...], float] = {}

    def say(self, log: logging.Logger, message: str, error: Exception, **about: str) -> None:
        """Unless the same was said within :data:`AGAIN_SECONDS`; with a traceback, if it may be a bug of ours."""
        away = isinstance(error, AWAY)
        kind = (message, *about.values(), "" if away else type(error).__name__)
        now = time.monotonic()
        if now - self._said_at.get(kind, float("-inf")) < AGAIN_SECONDS:
            return
        if len(self._said_at) >= MOST_KINDS:
            self._said_at.clear()
        self._said_at[kind] = now
        if away:
            log.warning(message, extra=about | {"error": type(error).__name__})
        else:
            log.error(message, exc_info=error, extra=about)
