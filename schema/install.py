"""``orderbell install`` and ``uninstall``: the schema ``orderbell``, and the capture triggers of each watch.

The application never waits: every lock on one of its tables is asked for with a short ``lock_timeout``, given up, and
asked for again later.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import Connection
from psycopg.errors import LockNotAvailable
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from config import Settings
from config.mapping import Watch
from schema import locks
from schema.capture import capture
from schema.errors import Refused, VersionMismatch
from schema.inspection import Table, problems_of_privilege, problems_of_watch

LOCK_TIMEOUT_MS = 200
"""A writer of the application can be held up for this long, once per try."""

PATIENCE_SECONDS = 60.0
"""How long a lock is asked for again before giving up."""

Say = Callable[[str], None]


def install(settings: Settings, say: Say = lambda _: None) -> list[str]:
    """Bring the schema and the triggers to what ``settings`` ask for; returns what was changed, empty when nothing was.

    Raises :class:`Refused` with every reason at once, and psycopg's own errors when the database cannot be reached.
    """
    with _connect(settings) as connection, _alone(connection):
        tables = _checked_tables(connection, settings)
        done = _migrate(connection, settings)
        for line in done:
            say(line)
        for line in _place_triggers(connection, settings, tables):
            say(line)
            done.append(line)
        return done


def uninstall(settings: Settings, say: Say = lambda _: None) -> list[str]:
    """Remove every trigger and the schema; the application's own schema is as it was. Returns what was removed."""
    with _connect(settings) as connection, _alone(connection):
        done: list[str] = []
        for schema, table, function in _installed_functions(connection):
            _patiently(connection, lambda f=function: _drop_function(connection, f))  # type: ignore[misc]
            done.append(f"removed the triggers from {schema}.{table}")
            say(done[-1])
        if _schema_exists(connection):
            _patiently(connection, lambda: connection.execute("DROP SCHEMA orderbell CASCADE"))
            done.append("dropped the schema orderbell with all it held")
            say(done[-1])
        return done


def expected_version() -> str:
    """The schema version that this program knows."""
    head = ScriptDirectory.from_config(_alembic()).get_current_head()
    if head is None:
        raise VersionMismatch("this installation of Orderbell has no migrations: install it again")
    return head


def check_version(connection: Connection[Any]) -> None:
    """Raise :class:`VersionMismatch` unless the database's schema is the one this program knows."""
    if not _schema_exists(connection):
        raise VersionMismatch("Orderbell is not installed in this database: run `orderbell install`")
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("SELECT version_num FROM orderbell.schema_version").fetchone()
    found, expected = (row[0] if row else "none"), expected_version()
    if found != expected:
        raise VersionMismatch(
            f"the schema is at version {found}, this program needs {expected}: run `orderbell install` with it"
        )


def stale_watches(connection: Connection[Any], settings: Settings) -> list[str]:
    """Names of the watches whose triggers are missing or not what ``settings`` ask for; `install` mends it."""
    installed = _installed_definitions(connection)
    stale = []
    for index, watch in enumerate(settings.watch):
        table, problems = problems_of_watch(connection, watch, f"watch[{index}]")
        if table is None or problems or not _stands(connection, watch, table, installed):
            stale.append(watch.name)
    return stale


def _connect(settings: Settings) -> Connection[Any]:
    return psycopg.connect(
        settings.database.url.get_secret_value(),
        autocommit=True,
        connect_timeout=settings.database.connect_timeout_seconds,
        application_name="orderbell install",
    )


@contextmanager
def _alone(connection: Connection[Any]) -> Iterator[None]:
    """No two installs at once, in one database."""
    connection.execute("SELECT pg_advisory_lock(%s, %s)", (locks.CLASS, locks.INSTALL))
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s, %s)", (locks.CLASS, locks.INSTALL))


def _checked_tables(connection: Connection[Any], settings: Settings) -> list[tuple[Watch, Table]]:
    reasons: list[str] = []
    tables: list[tuple[Watch, Table]] = []
    for index, watch in enumerate(settings.watch):
        path = f"watch[{index}]"
        table, problems = problems_of_watch(connection, watch, path)
        reasons += problems
        if table is not None and not problems:
            reasons += problems_of_privilege(connection, watch, table, path)
            tables.append((watch, table))
    if not _schema_exists(connection):
        with connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(
                "SELECT has_database_privilege(current_database(), 'CREATE'), current_user, current_database()"
            ).fetchone()
        if row is not None and not row[0]:
            reasons.append(
                f'role "{row[1]}" may not create the schema orderbell:'
                f' GRANT CREATE ON DATABASE "{row[2]}" TO "{row[1]}"'
            )
    if reasons:
        raise Refused(reasons)
    return tables


def _schema_exists(connection: Connection[Any]) -> bool:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute("SELECT to_regclass('orderbell.schema_version')").fetchone() != (None,)


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("schema") / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def _migrate(connection: Connection[Any], settings: Settings) -> list[str]:
    """Run the migrations that are missing, in one transaction on a connection of their own."""
    before = None
    if _schema_exists(connection):
        with connection.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute("SELECT max(version_num) FROM orderbell.schema_version").fetchone()
        before = row[0] if row else None
    after = expected_version()
    if before == after:
        return []
    if before is not None and before > after:
        raise VersionMismatch(
            f"the schema is at version {before}, newer than this program's {after}: use the newer one"
        )
    url = settings.database.url.get_secret_value()
    engine = create_engine("postgresql+psycopg://", poolclass=NullPool, creator=lambda: psycopg.connect(url))
    try:
        with engine.begin() as own:
            own.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'")
            own.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS orderbell")
            config = _alembic()
            config.attributes["connection"] = own
            command.upgrade(config, "head")
    finally:
        engine.dispose()
    if before is None:
        return [f"created the schema orderbell, version {after}"]
    return [f"migrated the schema orderbell from version {before} to {after}"]


def _place_triggers(
    connection: Connection[Any], settings: Settings, tables: list[tuple[Watch, Table]]
) -> Iterator[str]:
    installed = _installed_definitions(connection)
    wanted = {watch.name for watch in settings.watch}
    for name in sorted(set(installed) - wanted):
        _patiently(connection, lambda n=name: _remove(connection, n))  # type: ignore[misc]
        yield f"removed the triggers of the watch {name}, which is no longer configured"
    for watch, table in tables:
        if _stands(connection, watch, table, installed):
            continue
        _patiently(connection, lambda w=watch, t=table: _place(connection, w, t))  # type: ignore[misc]
        verb = "replaced" if watch.name in installed else "put"
        yield f"{verb} the triggers of the watch {watch.name} on {table.schema}.{table.name}"


def _place(connection: Connection[Any], watch: Watch, table: Table) -> None:
    made = capture(watch, table.schema, table.name, table.no_equality)
    for statement in (made.drop, made.function, made.insert_trigger, made.update_trigger):
        connection.execute(statement)
    connection.execute(
        "INSERT INTO orderbell.watch (name, table_name, definition) VALUES (%s, %s, %s)"
        " ON CONFLICT (name) DO UPDATE"
        " SET table_name = excluded.table_name, definition = excluded.definition, installed_at = now()",
        (watch.name, f"{table.schema}.{table.name}", made.definition(connection)),
    )


def _remove(connection: Connection[Any], name: str) -> None:
    _drop_function(connection, f"capture_{name}")
    connection.execute("DELETE FROM orderbell.watch WHERE name = %s", (name,))


def _drop_function(connection: Connection[Any], function: str) -> None:
    connection.execute(SQL("DROP FUNCTION IF EXISTS {} CASCADE").format(Identifier("orderbell", function)))


def _installed_definitions(connection: Connection[Any]) -> dict[str, str]:
    if not _schema_exists(connection):
        return {}
    with connection.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute("SELECT name, definition FROM orderbell.watch").fetchall())


def _installed_functions(connection: Connection[Any]) -> list[tuple[str, str, str]]:
    """(schema, table, function) of every table that carries a trigger of ours."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(
            "SELECT DISTINCT tn.nspname, c.relname, p.proname FROM pg_trigger t"
            " JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace pn ON pn.oid = p.pronamespace"
            " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace tn ON tn.oid = c.relnamespace"
            " WHERE pn.nspname = 'orderbell' AND NOT t.tgisinternal AND t.tgparentid = 0 ORDER BY 1, 2"
        ).fetchall()


def _stands(connection: Connection[Any], watch: Watch, table: Table, installed: dict[str, str]) -> bool:
    """Whether both triggers are on the table, enabled, and made from the definition that is wanted now."""
    made = capture(watch, table.schema, table.name, table.no_equality)
    if installed.get(watch.name) != made.definition(connection):
        return False
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            "SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " JOIN pg_namespace n ON n.oid = p.pronamespace"
            " WHERE t.tgrelid = %s AND n.nspname = 'orderbell' AND p.proname = %s AND t.tgenabled <> 'D'",
            (table.oid, f"capture_{watch.name}"),
        ).fetchone()
    return row == (2,)


def _patiently(connection: Connection[Any], step: Callable[[], object]) -> None:
    """Run ``step`` in a transaction that never keeps a lock's queue waiting for long; again until it got its lock."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with connection.transaction():
                connection.execute(SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT_MS))
                step()
        except LockNotAvailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOCK_TIMEOUT_MS / 1000)
        else:
            return
