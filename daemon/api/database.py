"""The API's way to the database, and the hub's."""

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from config.settings import Database
from daemon.connections import parameters

LIMITS = {"lock_timeout": "2s", "statement_timeout": "5s"}
"""Of every statement: who waits for an answer does not wait for long, and keeps no connection from everybody else."""


def create_engine(settings: Database, application_name: str = "orderbell api") -> AsyncEngine:
    """SQLAlchemy on psycopg. Connects when it is first used; ``url`` may be anything that libpq takes.

    The hub has one of its own, so that what is asked over REST is never what keeps somebody from being connected.
    """

    async def connect() -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(**parameters(settings, application_name, **LIMITS))

    return create_async_engine(
        "postgresql+psycopg://",
        async_creator=connect,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=10.0,
        pool_pre_ping=True,
    )
