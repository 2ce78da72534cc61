"""``orderbell install`` and ``uninstall``: the schema ``orderbell``, and capture of each watch, by triggers or from the
change log.

The application never waits: every lock on one of its tables is asked for with a short ``lock_timeout``, given up, and
asked for again later.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import Connection
from psycopg.errors import InsufficientPrivilege, LockNotAvailable
from psycopg.rows import tuple_row
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from config import Settings
from config.mapping import Watch
from schema import changelog, locks
from schema.errors import NotAllowed, Refused, VersionMismatch
from schema.inspection import Table, prepares_transactions, problems_of_privilege, problems_of_watch
from schema.patience import LOCK_TIMEOUT_MS, patiently, until_locked
from schema.placement import installed_watches, place, remove, stands

if TYPE_CHECKING:
    from alembic.config import Config

SILENT = (
    "max_prepared_transactions is not 0, and PREPARE TRANSACTION fails after a NOTIFY:"
    " the triggers do not ring, the daemon looks for changes by itself"
)
"""What ``install`` and ``check`` say where transactions can be prepared."""

Say = Callable[[str], None]


def install(settings: Settings, say: Say = lambda _: None, besides: Say | None = None) -> list[str]:
    """Bring the schema and the triggers to what ``settings`` ask for; returns what was changed, empty when nothing was.

    ``say`` is told each change when it is done; ``besides`` (else ``say``) whom it waits for, and what is good to know.

    Raises :class:`Refused` with every reason at once, and psycopg's own errors when the database cannot be reached.
    """
    besides = besides or say
    with _connect(settings) as connection, _alone(connection):
        tables = _checked_tables(connection, settings)
        done = _migrate(connection, settings)
        for line in done:
            say(line)
        for line in _capture(connection, settings, tables, besides):
            say(line)
            done.append(line)
        for line in _said_besides(connection, settings) if done else ():
            besides(line)
        return done


def uninstall(settings: Settings, say: Say = lambda _: None) -> list[str]:
    """Remove slot, publication, triggers and schema; the application's own schema is as it was.

    Returns what was removed.

    Raises :class:`Refused` where the replication slot cannot be dropped; then everything is as it was.
    """
    with _connect(settings) as connection, _alone(connection):
        done: list[str] = []
        # First what may fail, and what would fill the disk if nobody knew of it any more.
        for line in changelog.remove_log(connection, settings):
            done.append(line)
            say(line)
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
    # By the files' names. To ask Alembic, which reads them all, takes a tenth of the daemon's start.
    names = (each.name for each in (files("schema") / "migrations" / "versions").iterdir())
    versions = [name.partition("_")[0] for name in names if name[:1].isdigit()]
    if not versions:
        raise VersionMismatch("this installation of Orderbell has no migrations: install it again")
    return max(versions)


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
        what = "use the newer program" if found > expected else "run `orderbell install` with it"
        raise VersionMismatch(f"the schema is at version {found}, this program needs {expected}: {what}")


def stale_watches(connection: Connection[Any], settings: Settings) -> list[str]:
    """Names of the watches that are not captured as ``settings`` ask for: by triggers on the table and its partitions,
    or from the change log. `install` mends it.
    """
    installed = _installed_definitions(connection)
    from_log = settings.capture.source == "wal"
    tables: list[tuple[Watch, Table]] = []
    sound: set[str] = set()
    for index, watch in enumerate(settings.watch):
        table, problems = problems_of_watch(connection, watch, f"watch[{index}]")
        if table is None:
            continue
        tables.append((watch, table))
        if problems:
            continue
        if from_log:
            captured = changelog.is_captured(connection, watch, table)
        else:
            captured = stands(connection, watch, table, installed.get(watch.name))
        if captured:
            sound.add(watch.name)
    if from_log and changelog.reasons_not_captured(connection, settings, tables):
        sound.clear()
    return [watch.name for watch in settings.watch if watch.name not in sound]


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
            from_log = settings.capture.source == "wal"
            reasons += problems_of_privilege(connection, table, path, triggers=not from_log)
            tables.append((watch, table))
    unfit = _problems_of_schema(connection)
    reasons += unfit
    if settings.capture.source == "wal" and not unfit:
        reasons += changelog.problems_of_changelog(connection, settings, tables)
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
        " connect as that role to install; for the daemon, run deploy/postgresql/grants.sql as that role"
    )


def _alembic() -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - as in _upgrade

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
    # Only who installs needs Alembic; the daemon's start and memory do not pay for it.
    from alembic import command  # noqa: PLC0415

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


def _capture(
    connection: Connection[Any], settings: Settings, tables: list[tuple[Watch, Table]], besides: Say
) -> Iterator[str]:
    if settings.capture.source == "wal":
        yield from changelog.capture_from_log(connection, settings, tables, besides)
        return
    yield from _place_triggers(connection, settings, tables)
    yield from changelog.retire_unless_read(connection)


def _said_besides(connection: Connection[Any], settings: Settings) -> Iterator[str]:
    """What is good to know when something was changed."""
    if settings.capture.source == "wal":
        yield from changelog.warnings_of_changelog(connection)
        return
    if prepares_transactions(connection):
        yield SILENT
    yield from filter(None, [changelog.why_kept(connection)])


def _place_triggers(
    connection: Connection[Any], settings: Settings, tables: list[tuple[Watch, Table]]
) -> Iterator[str]:
    wanted = {watch.name for watch in settings.watch}
    installed, by_triggers = _installed_definitions(connection), installed_watches(connection)
    for name in sorted({*installed, *by_triggers} - wanted):
        remove(connection, name)
        what = "triggers of the watch" if name in by_triggers else "watch"
        yield f"removed the {what} {name}, which is no longer configured"
    for watch, table in tables:
        yield from place(connection, watch, table, installed.get(watch.name))


def _installed_definitions(connection: Connection[Any]) -> dict[str, str]:
    if not _schema_exists(connection):
        return {}
    with connection.cursor(row_factory=tuple_row) as cursor:
        return dict(cursor.execute("SELECT name, definition FROM orderbell.watch").fetchall())
