"""A pool of a daemon's on a database with Orderbell in it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from config.settings import Database
from daemon.connections import Connections, Pool

Sql = Callable[..., list[dict[str, Any]]]


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with Connections(Database.model_validate({"url": database})).pool() as made:
        yield made


@pytest.fixture
def sql(database: str) -> Sql:
    """Runs a statement beside the daemon's, and gives its rows."""

    def run(query: str, *parameters: Any) -> list[dict[str, Any]]:
        with psycopg.connect(database, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    return run
