"""The API's way to the database."""

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from config.settings import Database
from daemon.connections import parameters


def create_engine(settings: Database) -> AsyncEngine:
    """SQLAlchemy on psycopg. Connects when it is first used; ``url`` may be anything that libpq takes."""

    async def connect() -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(**parameters(settings, "orderbell api"))

    return create_async_engine(
        "postgresql+psycopg://",
        async_creator=connect,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=10.0,
        pool_pre_ping=True,
    )
