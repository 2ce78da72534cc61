"""Questions to the database that somebody waits for, and nobody for long."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import psycopg
from sqlalchemy import Executable
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.exceptions import HTTPException

from daemon.api.problems import TOO_SLOW

MOST_SECONDS = 5.0
"""Of one statement: a search through a large inbox does not keep a connection from everybody else."""


class TooSlow(HTTPException):
    """The database did not come to an end in time."""

    def __init__(self) -> None:
        super().__init__(503, TOO_SLOW, {"Retry-After": "5"})


class Session:
    """Runs statements that have a time limit, each in a transaction of its own. Raises TooSlow."""

    def __init__(self, engine: AsyncEngine, seconds: float = MOST_SECONDS) -> None:
        self._engine = engine
        self._limit = {"milliseconds": str(int(seconds * 1000))}

    async def rows(self, query: Executable) -> Sequence[Sequence[Any]]:
        async with self._limited() as connection:
            return (await connection.execute(query)).all()

    async def named(self, statement: LiteralString, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows of a statement of ``schema/sql``."""
        async with self._limited() as connection:
            return (await connection.exec_driver_sql(statement, dict(parameters))).all()

    @asynccontextmanager
    async def _limited(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.begin() as connection:
                await connection.exec_driver_sql(
                    "SELECT set_config('statement_timeout', %(milliseconds)s, true)", self._limit
                )
                yield connection
        except OperationalError as error:
            if isinstance(error.orig, psycopg.errors.QueryCanceled):
                raise TooSlow from None
            raise
