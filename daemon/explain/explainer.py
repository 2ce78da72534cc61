"""Explanations for whoever cannot wait for the database in its own thread."""

import asyncio

import psycopg

from config import Settings
from daemon.connections import parameters
from daemon.explain.configured import Configured
from daemon.explain.records import Ask
from daemon.explain.rows import read
from daemon.explain.timeline import timeline
from daemon.explain.values import Timeline

AT_ONCE = 2
"""Explanations; each has a connection and a thread of its own."""


class Explainer:
    """Answers why somebody was told, or not. Addresses are masked."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        """Replaced when the configuration is read again."""
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, ask: Ask) -> Timeline:
        """The timeline of what is asked. Raises psycopg.Error."""
        async with self._turns:
            return await asyncio.to_thread(_answer, self.settings, ask)


def _answer(settings: Settings, ask: Ask) -> Timeline:
    configured = Configured.of(settings)
    given = parameters(settings.database, "orderbell explain", statement_timeout="10s")
    with psycopg.connect(autocommit=True, **given) as connection:
        rows = read(connection, ask, configured)
    return timeline(rows, ask, configured)
