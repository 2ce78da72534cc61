"""How this process talks to the database: single connections for those that hold locks, a pool for the rest."""

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from config.settings import Database

KEEPALIVE: Mapping[str, Any] = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""A peer that is gone without a word is noticed within some 25 s (tcp_user_timeout is in milliseconds)."""


class Connections:
    """Opens connections as the settings say; each names what it is for in ``pg_stat_activity``."""

    def __init__(self, settings: Database) -> None:
        self._settings = settings
        self._url = settings.url.get_secret_value()

    async def open(self, application_name: str) -> AsyncConnection[TupleRow]:
        """A connection of its own, in autocommit mode."""
        return await AsyncConnection.connect(
            self._url,
            autocommit=True,
            application_name=application_name,
            connect_timeout=self._settings.connect_timeout_seconds,
            **KEEPALIVE,
        )

    def pool(self) -> AsyncConnectionPool[AsyncConnection[TupleRow]]:
        """The delivery workers' pool, not yet open."""
        return AsyncConnectionPool(
            self._url,
            kwargs={"application_name": "orderbell delivery", **KEEPALIVE},
            min_size=1,
            max_size=self._settings.pool_size,
            timeout=self._settings.connect_timeout_seconds,
            open=False,
            check=AsyncConnectionPool.check_connection,
            name="delivery",
        )
