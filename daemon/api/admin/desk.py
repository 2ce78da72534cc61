"""Where staff's questions are answered and changes are made: each change with its line in the audit, or not at all."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import psycopg
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from daemon.api.inbox.session import TooSlow
from schema.queries import statements

SQL = statements("admin")

MOST_SECONDS = 10.0
"""Of one statement: staff may wait a little longer than a person does."""

Row = Mapping[str, Any]


class Statements:
    """Runs statements of ``schema/sql`` in one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def rows(self, statement: LiteralString, **parameters: Any) -> list[Row]:
        """What it yields, by column; nothing where it yields nothing."""
        result = await self._connection.exec_driver_sql(statement, parameters)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []

    async def run(self, statement: LiteralString, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """As :data:`daemon.store.templates.Run` has it."""
        result = await self._connection.exec_driver_sql(statement, dict(parameters))
        return result.all() if result.returns_rows else []

    async def count(self, statement: LiteralString, **parameters: Any) -> int:
        """How many rows it wrote."""
        return (await self._connection.exec_driver_sql(statement, parameters)).rowcount


class Change(Statements):
    """A change that somebody makes."""

    def __init__(self, connection: AsyncConnection, actor: str) -> None:
        super().__init__(connection)
        self.actor = actor

    async def audit(self, action: str, target: str | None = None, **detail: Any) -> None:
        """Say what it was. No secret belongs into ``detail``, and no whole address; what is None is left out."""
        said = {name: value for name, value in detail.items() if value is not None}
        kept = json.dumps(said, default=str) if said else None
        await self.rows(SQL["audit"], actor=self.actor, action=action, target=target, detail=kept)


class Desk:
    """Opens transactions with a time limit. Everything in them raises TooSlow when that is over."""

    def __init__(self, engine: AsyncEngine, seconds: float = MOST_SECONDS) -> None:
        self._engine = engine
        self._milliseconds = str(int(seconds * 1000))

    async def rows(self, statement: LiteralString, **parameters: Any) -> list[Row]:
        """The answer to one question."""
        async with self._transaction() as connection:
            return await Statements(connection).rows(statement, **parameters)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Statements]:
        """Several questions about the same state of things."""
        async with self._transaction("REPEATABLE READ, READ ONLY") as connection:
            yield Statements(connection)

    @asynccontextmanager
    async def change(self, actor: str) -> AsyncIterator[Change]:
        """What is written in it is committed at its end, or none of it."""
        async with self._transaction() as connection:
            yield Change(connection, actor)

    @asynccontextmanager
    async def _transaction(self, mode: LiteralString = "READ COMMITTED") -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.begin() as connection:
                await connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL {mode}")
                limit = {"milliseconds": self._milliseconds}
                await connection.exec_driver_sql(
                    "SELECT set_config('statement_timeout', %(milliseconds)s, true)", limit
                )
                yield connection
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.errors.QueryCanceled):
                raise TooSlow from None
            if isinstance(error.orig, psycopg.DataError):
                raise refused("is nothing that a database can keep") from None
            raise


def refused(problem: str, *at: str | int) -> RequestValidationError:
    """422 for what the types alone could not tell; ``at``: where in the request, as ``"body", "audience"``."""
    return RequestValidationError([{"loc": at or ("body",), "msg": problem, "type": "value_error"}])


def refused_all(problems: Sequence[tuple[Sequence[str | int], str]]) -> RequestValidationError:
    """The same for several at once: (at, problem)."""
    return RequestValidationError([{"loc": tuple(at), "msg": said, "type": "value_error"} for at, said in problems])
