"""A shop whose changes can be captured from the change log, on each PostgreSQL."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from config import Settings

Shop = psycopg.Connection[tuple[Any, ...]]
Watched = Callable[..., Settings]

ROLE = "logging_role"


@pytest.fixture
def log_shop(any_empty_database: str) -> Iterator[Shop]:
    with psycopg.connect(any_empty_database, autocommit=True, row_factory=tuple_row) as connection:
        connection.execute(
            'CREATE SCHEMA "Web Shop"; CREATE TABLE "Web Shop"."Or""der" (id int PRIMARY KEY, status text, total int);'
            ' ALTER TABLE "Web Shop"."Or""der" REPLICA IDENTITY FULL'
        )
        connection.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, status text); ALTER TABLE orders REPLICA IDENTITY FULL"
        )
        yield connection


@pytest.fixture
def watched(any_empty_database: str) -> Watched:
    """Settings that watch tables of the shop, from the change log unless ``capture`` says otherwise."""

    def make(*tables: str, url: str = any_empty_database, capture: object = "wal", **watch: object) -> Settings:
        watches = [{"name": f"watch_{number}", "table": table, **watch} for number, table in enumerate(tables)]
        return Settings.model_validate({"database": {"url": url}, "capture": capture, "watch": watches})

    return make


@pytest.fixture
def log_role(log_shop: Shop, any_empty_database: str) -> Iterator[str]:
    """The URL of a role that may read the shop and make a schema, and nothing else."""
    role = Identifier(ROLE)
    log_shop.execute(SQL("DROP ROLE IF EXISTS {}").format(role))
    log_shop.execute(SQL("CREATE ROLE {} LOGIN").format(role))
    database = Identifier(log_shop.info.dbname)
    log_shop.execute(SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, role))
    log_shop.execute(SQL("GRANT SELECT ON orders TO {}").format(role))
    yield psycopg.conninfo.make_conninfo(any_empty_database, user=ROLE)
    log_shop.execute(SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(role))
    log_shop.execute(SQL("DROP OWNED BY {}").format(role))
    log_shop.execute(SQL("DROP ROLE {}").format(role))
