"""``orderbell install`` and ``uninstall``: the schema ``orderbell``, and the capture triggers of each watch.

The application never waits: every lock on one of its tables is asked for with a short ``lock_timeout``, given up, and
asked for again later.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import Connection
from psycopg.errors import InsufficientPrivilege, LockNotAvailable
from psycopg.rows import tuple_row
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from config import Settings
from config.mapping import Watch
from schema import locks
from schema.errors import NotAllowed, Refused, VersionMismatch
from schema.inspection import Table, prepares_transactions, problems_of_privilege, problems_of_watch
from schema.patience import LOCK_TIMEOUT_MS, patiently, until_locked
from schema.placement import installed_watches, place, remove, stands

SILENT = (
    "max_prepared_transactions is not 0, and PREPARE TRANSACTION fails after a NOTIFY:"
    " the triggers do not ring, the daemon looks for changes by itself"
)
"""What ``install`` and ``check`` say where transactions can be prepared."""

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
        if done and prepares_transactions(connection):
            say(SILENT)
        return done


def uninstall(settings: Settings, say: Say = lambda _: None) -> list[str]:
    """Remove every trigger and the schema; the application's own schema is as it was. Returns what was removed."""
    with _connect(settings) as connection, _alone(connection):
        done: list[str] = []
        for watch in installed_watches(connection):
            where = remove(connection, watch)
            if where is not None:
                done.append(f"removed the triggers from {where}")
                say(done[-1])
        if _schema_exists(connection):
            patiently(connection, lambda: connection.execute("DROP SCHEMA orderbell CASCADE"))
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
    """See that the database's schema is the one this program knows.

    Raises:
        NotAllowed: this role may not look.
        VersionMismatch: it is another, or there is none.
    """
    if not _schema_exists(connection):
        raise VersionMismatch("Orderbell is not installed in this database: run `orderbell install`")
    try:
        with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute("SELECT FROM orderbell.watch LIMIT 0")
            row = cursor.execute("SELECT version_num FROM orderbell.schema_version").fetchone()
    except InsufficientPrivilege:
        raise NotAllowed(_not_ours(connection)) from None
    found, expected = (row[0] if row else "none"), expected_version()
    if found != expected:
        raise VersionMismatch(
            f"the schema is at version {found}, this program needs {expected}: run `orderbell install` with it"
        )


def stale_watches(connection: Connection[Any], settings: Settings) -> list[str]:
    """Names of the watches whose triggers are not what ``settings`` ask for, on the table or a partition of it;
    `install` mends it.
    """
    installed = _installed_definitions(connection)
    stale = []
    for index, watch in enumerate(settings.watch):
        table, problems = problems_of_watch(connection, watch, f"watch[{index}]")
        if table is None or problems or not stands(connection, watch, table, installed.get(watch.name)):
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
            reasons += problems_of_privilege(connection, table, path)
            tables.append((watch, table))
    reasons += _problems_of_schema(connection)
    if reasons:
        raise Refused(reasons)
    return tables


def _problems_of_schema(connection: Connection[Any]) -> list[str]:
    """What keeps this role from making the schema, or from changing the one that is there."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            "SELECT has_database_privilege(current_database(), 'CREATE'), current_user, current_database(),"
            " (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'orderbell')"
        ).fetchone()
    match row:
        case (_, _, _, False):
            return [_not_ours(connection)]
        case (False, role, database, None):
            return [
                f'role "{role}" may not create the schema orderbell: GRANT CREATE ON DATABASE "{database}" TO "{role}"'
            ]
        case _:
            return []


def _schema_exists(connection: Connection[Any]) -> bool:
    # By the catalogue, which everybody may read: to_regclass asks for USAGE on the schema.
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'orderbell' AND c.relname = 'schema_version')"
        ).fetchone()
    return row == (True,)


def _not_ours(connection: Connection[Any]) -> str:
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(
            "SELECT current_user, pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'orderbell'"
        ).fetchone()
    role, owner = row or ("?", "?")
    return (
        f'role "{role}" may not use the schema orderbell, which belongs to "{owner}":'
        f' connect as that role, or GRANT "{owner}" TO "{role}"'
    )


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
        until_locked(lambda: _upgrade(engine))
    finally:
        engine.dispose()
    if before is None:
        return [f"created the schema orderbell, version {after}"]
    return [f"migrated the schema orderbell from version {before} to {after}"]


def _upgrade(engine: Engine) -> None:
    try:
        with engine.begin() as own:
            own.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'")
            own.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS orderbell")
            config = _alembic()
            config.attributes["connection"] = own
            command.upgrade(config, "head")
    except DBAPIError as error:
        # SQLAlchemy hides what the database said; whoever reads our tables is waited for as an application's writer is.
        if isinstance(error.orig, LockNotAvailable):
            raise error.orig from error
        raise


def _place_triggers(
    connection: Connection[Any], settings: Settings, tables: list[tuple[Watch, Table]]
) -> Iterator[str]:
    wanted = {watch.name for watch in settings.watch}
    for name in installed_watches(connection):
        if name not in wanted:
            remove(connection, name)
            yield f"removed the triggers of the watch {name}, which is no longer configured"
    installed = _installed_definitions(connection)
    for watch, table in tables:
        yield from place(connection, watch, table, installed.get(watch.name))


def _installed_definitions(connection: Connection[Any]) -> dict[str, str]:
    if not _schema_exists(connection):
        return {}
    with connection.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute("SELECT name, definition FROM orderbell.watch").fetchall())
