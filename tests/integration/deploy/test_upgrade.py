"""Installing and upgrading beside an application that writes: it waits for nobody."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from config import Settings
from schema.capture import capture_function, triggers
from schema.inspection import find_table
from schema.install import _alembic, expected_version, install
from tests import roles

SHOP = """
CREATE TABLE orders (id int PRIMARY KEY, status text, customer_id int);
INSERT INTO orders SELECT n, 'created', 1 FROM generate_series(1, 100) n;
"""

LONGEST_SECONDS = 4.0
"""That a write may wait for a lock meanwhile: one try of ours is 0.2 s, but a machine may halt amid it."""

OLDER = [f"{number:04}" for number in range(1, int(expected_version()))]


def settings(url: str) -> Settings:
    return Settings.model_validate(
        {"database": {"url": url}, "watch": [{"table": "orders", "columns": ["customer_id"]}]}
    )


@pytest.fixture
def shop(any_empty_database: str) -> Iterator[str]:
    """An application, with the roles of Orderbell; its URL as a superuser."""
    with psycopg.connect(any_empty_database, autocommit=True) as connection:
        connection.execute(SHOP.encode())
    roles.prepare(any_empty_database, settings(any_empty_database))
    yield any_empty_database
    roles.drop(any_empty_database)


def install_version(url: str, version: str) -> None:
    """As that version was installed, with the triggers of the watch."""
    engine = create_engine("postgresql+psycopg://", poolclass=NullPool, creator=lambda: psycopg.connect(url))
    with engine.begin() as migrating:
        migrating.exec_driver_sql("CREATE SCHEMA orderbell")
        config = _alembic()
        config.attributes["connection"] = migrating
        command.upgrade(config, version)
    engine.dispose()
    (watch,) = settings(url).watch
    with psycopg.connect(url) as connection:
        table = find_table(connection, "orders")
        assert table is not None
        definition = capture_function(watch, table)
        made = triggers(watch.name, table.schema, table.name)
        for statement in (definition, made.insert, made.update):
            connection.execute(statement)
        connection.execute(
            "INSERT INTO orderbell.watch (name, table_name, definition) VALUES (%s, 'public.orders', %s)",
            (watch.name, definition.as_string(connection)),
        )


@contextmanager
def written_meanwhile(url: str) -> Iterator[Callable[[], int]]:
    """Another part of the application, that writes other orders; how often it has. Raises LockNotAvailable where one
    had to wait for too long.
    """
    stop, began, count = threading.Event(), threading.Event(), 0
    failed: list[psycopg.Error] = []

    def write() -> None:
        nonlocal count
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"SET lock_timeout = '{LONGEST_SECONDS}s'".encode())
            while not stop.is_set():
                try:
                    connection.execute("UPDATE orders SET status = status || '.' WHERE id > 50")
                except psycopg.errors.LockNotAvailable as error:
                    failed.append(error)
                    return
                count += 1
                began.set()
                stop.wait(0.01)

    def written() -> int:
        if failed:
            raise failed[0]
        return count

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert began.wait(60)
        yield written
    finally:
        stop.set()
        writer.join()
    written()


def in_the_background(url: str) -> tuple[threading.Thread, threading.Event]:
    """``orderbell install``, by the owner's role; set when it has ended without an error."""
    done = threading.Event()

    def run() -> None:
        install(settings(roles.as_owner(url)))
        done.set()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, done


def test_nobody_waits_for_an_install_that_waits_for_a_transaction(shop: str) -> None:
    with psycopg.connect(shop) as long, written_meanwhile(shop) as written:
        long.execute("UPDATE orders SET status = 'confirmed' WHERE id = 1")
        thread, done = in_the_background(shop)
        waited = done.wait(LONGEST_SECONDS + 2)
        assert not waited, "a trigger cannot be put on a table that is being written"
        assert written() > 10
        long.commit()
        thread.join(60)
        assert done.is_set()
    with psycopg.connect(shop) as connection:
        connection.execute("UPDATE orders SET status = 'ready' WHERE id = 1")
        assert connection.execute("SELECT count(*) FROM orderbell.change WHERE key = '1'").fetchone() == (1,)


@pytest.mark.parametrize("version", OLDER)
def test_an_upgrade_ends_while_a_transaction_of_the_application_is_open(shop: str, version: str) -> None:
    """It holds locks on rows of a watched table, and on what the trigger wrote for it."""
    install_version(roles.as_owner(shop), version)
    with psycopg.connect(shop) as long, written_meanwhile(shop):
        long.execute("UPDATE orders SET status = 'confirmed' WHERE id = 1")
        thread, done = in_the_background(shop)
        thread.join(60)
        assert done.is_set(), "it waited for the application"
        long.commit()
    with psycopg.connect(shop) as connection:
        assert connection.execute("SELECT version_num FROM orderbell.schema_version").fetchone() == (
            expected_version(),
        )
        found = connection.execute("SELECT count(*) FROM orderbell.change WHERE key = '1'").fetchone()
        assert found == (1,), "what was captured before the upgrade is there after it"
