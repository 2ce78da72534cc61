"""``orderbell check``: everything that can be known to be wrong before it matters."""

import asyncio
import json
from collections.abc import Iterator
from typing import Annotated

import psycopg
import typer
from psycopg.sql import SQL

from config import Settings
from config.mapping import Audience, Watch, as_psycopg, parameters_of
from config.names import INBOX
from daemon import logs
from daemon.channels import dispatchers_of
from daemon.cli.call import ConfigOption, problem, settings_from
from daemon.cli.console import out
from daemon.cli.notes import Notes
from daemon.cli.template.publishing import faults_of_published
from daemon.planning.catalogue.check import mistakes_in, untranslated_in
from daemon.policy import catalogue_of
from dispatchers.base import Dispatcher, Unusable
from schema import changelog
from schema.errors import SchemaError, VersionMismatch
from schema.inspection import (
    Table,
    prepares_transactions,
    problems_of_privilege,
    problems_of_watch,
    tables_hiding_rows,
    tables_read,
)
from schema.install import SILENT, check_version, stale_watches

PING_SECONDS = 20.0


def check(
    config: ConfigOption = None,
    offline: bool = typer.Option(False, "--offline", help="Only the file: ask no database and no provider."),  # noqa: FBT001
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,  # noqa: FBT002 - typer's way
) -> None:
    """Check the configuration, the database behind it, and every provider. Exit 1 when something is wrong."""
    settings = settings_from(config)
    notes = Notes(kept=as_json)
    problems = list(_words(settings, notes))
    if not problems:
        notes.done("the configuration is sound")
    outdated: list[str] = []
    if not offline:
        unfit, outdated = _database(settings, notes)
        problems += unfit
        problems += asyncio.run(_providers(settings, notes))
    well = not problems and not outdated
    if as_json:
        out.print_json(json.dumps({"well": well, "problems": problems, "outdated": outdated, "notes": notes.lines}))
    else:
        _print(problems, outdated)
    if not well:
        raise typer.Exit(1)


def _print(problems: list[str], outdated: list[str]) -> None:
    for line in [*problems, *outdated]:
        problem(line)
    count = len(problems) + len(outdated)
    if problems:
        out.print(f"{count} problem{'s' if count != 1 else ''}.", highlight=False)
    elif outdated:
        out.print("Everything else is well. Next: orderbell install", highlight=False)


def _words(settings: Settings, notes: Notes) -> Iterator[str]:
    """Messages that would fail, or that nobody has written; what is only not translated is a note."""
    catalogue = catalogue_of(settings)
    yield from map(str, mistakes_in(settings, catalogue))
    for missing in untranslated_in(settings, catalogue):
        notes.remark(str(missing), style="yellow")


def _database(settings: Settings, notes: Notes) -> tuple[list[str], list[str]]:
    """What the database says of the mapping, as the role that the daemon will use: what a person must mend, and what
    ``orderbell install`` mends.
    """
    url = settings.database.url.get_secret_value()
    try:
        with psycopg.connect(
            url, autocommit=True, connect_timeout=settings.database.connect_timeout_seconds
        ) as connection:
            connection.execute("SET statement_timeout = '10s'")
            notes.done("the database answers")
            unfit = _watches(connection, settings, notes)
            problems = [line for lines in unfit.values() for line in lines]
            problems += _queries(connection, settings, notes)
            problems += _conditions(connection, settings)
            outdated: list[str] = []
            try:
                check_version(connection)
            except VersionMismatch as error:
                outdated = [str(error)]
            except SchemaError as error:
                return [*problems, str(error)], []
            unreadable: list[str] = []
            if settings.capture.source == "wal":
                unreadable = changelog.problems_of_changelog(connection, settings, _tables(connection, settings))
            problems += unreadable
            if outdated:
                return problems, outdated
            problems += map(str, faults_of_published(connection, settings))
            _say_besides(connection, settings, notes)
            return problems, [] if unreadable else list(_outdated(connection, settings, unfit))
    except psycopg.Error as error:
        return [f"database.url: {' '.join(str(error).split())}"], []


def _outdated(
    connection: psycopg.Connection[tuple[object, ...]], settings: Settings, unfit: dict[str, list[str]]
) -> Iterator[str]:
    """What ``orderbell install`` mends."""
    what = "its triggers are"
    if settings.capture.source == "wal":
        what = "its capture from the change log is"
        reasons = changelog.reasons_not_captured(connection, settings, _tables(connection, settings))
        yield from (f"capture: {reason}: run `orderbell install`" for reason in reasons)
        if reasons:
            return
    for name in stale_watches(connection, settings):
        if not unfit[name]:
            yield f"watch {name}: {what} missing or outdated: run `orderbell install`"


def _say_besides(connection: psycopg.Connection[tuple[object, ...]], settings: Settings, notes: Notes) -> None:
    """What is no problem, and should be known."""
    if settings.capture.source == "wal":
        besides = [*changelog.warnings_of_changelog(connection), changelog.advice_of_failover(connection)]
    else:
        besides = [SILENT if prepares_transactions(connection) else None, changelog.why_kept(connection)]
    for line in filter(None, besides):
        notes.remark(line)


def _tables(connection: psycopg.Connection[tuple[object, ...]], settings: Settings) -> list[tuple[Watch, Table]]:
    found = [(watch, problems_of_watch(connection, watch, "")[0]) for watch in settings.watch]
    return [(watch, table) for watch, table in found if table is not None]


def _watches(
    connection: psycopg.Connection[tuple[object, ...]], settings: Settings, notes: Notes
) -> dict[str, list[str]]:
    """Watch -> what makes its table unfit to be watched."""
    unfit: dict[str, list[str]] = {}
    triggers = settings.capture.source != "wal" and _is_to_install(connection)
    for index, watch in enumerate(settings.watch):
        path = f"watch[{index}]"
        table, problems = problems_of_watch(connection, watch, path)
        if table is not None and not problems:
            problems = problems_of_privilege(connection, table, path, triggers=triggers)
        if not problems:
            notes.done(f"{path}: {watch.table} can be watched")
            if table is not None:
                _warn_of_hidden_rows(connection, f"{path}.table", [table.oid], notes)
        unfit[watch.name] = problems
    return unfit


def _is_to_install(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Whether this role is the one that installs: where the schema is another's, it is the daemon's alone."""
    row = connection.execute(
        "SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'orderbell'"
    ).fetchone()
    return row is None or row[0] is True


def _conditions(connection: psycopg.Connection[tuple[object, ...]], settings: Settings) -> Iterator[str]:
    """Ask each step's ``where`` of the tables that it may be about, for no row at all."""
    for index, rule in enumerate(settings.rule):
        watches = [watch for watch in settings.watch if watch.event_prefix == rule.event.partition(".")[0]]
        for number, step in enumerate(rule.steps):
            for watch in watches if step.where is not None else ():
                query = SQL("SELECT FROM {table} WHERE ({where}\n) LIMIT 0").format(
                    table=SQL(watch.table), where=SQL(step.where or "")
                )
                try:
                    with connection.transaction(force_rollback=True):
                        connection.execute("SET TRANSACTION READ ONLY")
                        connection.execute(query)
                except psycopg.Error as error:
                    yield f"rule[{index}].steps[{number}].where: {str(error).splitlines()[0]}"


def _queries(connection: psycopg.Connection[tuple[object, ...]], settings: Settings, notes: Notes) -> Iterator[str]:
    """Run every query of the mapping with nobody in its arrays, in a transaction that is rolled back."""
    if settings.people is not None:
        columns, error = _columns(connection, "people.query", settings.people.query, notes)
        if error:
            yield f"people.query: {error}"
        elif "user_id" not in columns:
            yield f"people.query: must yield a column user_id; it yields {', '.join(columns)}"
        else:
            notes.done(f"people.query: yields {', '.join(columns)}")
    for name, audience in settings.audience.items():
        if audience.query is None:
            continue
        columns, error = _columns(connection, f"audience.{name}.query", audience.query, notes)
        wanted = _shape(audience)
        if error:
            yield f"audience.{name}.query: {error}"
        elif len(columns) != len(wanted):
            yield f"audience.{name}.query: must yield ({', '.join(wanted)}); it yields {', '.join(columns)}"
        else:
            notes.done(f"audience.{name}.query: works")


def _shape(audience: Audience) -> tuple[str, ...]:
    if audience.query is None or not parameters_of(audience.query):
        return ("user_id",)
    return ("value", "user_id") if audience.column else ("key", "user_id")


def _columns(
    connection: psycopg.Connection[tuple[object, ...]], path: str, query: str, notes: Notes
) -> tuple[list[str], str | None]:
    """The columns that ``query`` yields, or the first line of what the database has against it."""
    nobody: dict[str, list[str]] = {parameter: [] for parameter in parameters_of(query)}
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("SET TRANSACTION READ ONLY")
            cursor = connection.execute(SQL(as_psycopg(query)), nobody)
            columns = [column.name for column in cursor.description or ()]
            if _is_filtered(connection, query, nobody):
                _warn_of_hidden_rows(connection, path, tables_read(connection), notes)
            return columns, None
    except psycopg.Error as error:
        return [], str(error).splitlines()[0]


def _is_filtered(connection: psycopg.Connection[tuple[object, ...]], query: str, nobody: dict[str, list[str]]) -> bool:
    """Whether row-level security would keep rows of ``query`` from this role, also behind the views that it reads."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("SET LOCAL row_security = off")  # an error then, in place of fewer rows
            connection.execute(SQL(as_psycopg(query)), nobody)
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


def _warn_of_hidden_rows(
    connection: psycopg.Connection[tuple[object, ...]], path: str, tables: list[int], notes: Notes
) -> None:
    """Not a problem, since the policies may show all that matters; but people who are not seen are not told."""
    role = connection.info.user
    for table in tables_hiding_rows(connection, tables):
        notes.remark(
            f'{path}: row-level security of {table} may hide rows from role "{role}", and who is hidden is not told:'
            f' CREATE POLICY orderbell ON {table} FOR SELECT TO "{role}" USING (true)',
            style="yellow",
        )


async def _providers(settings: Settings, notes: Notes) -> list[str]:
    # What the log would say, people read below as a line of its own.
    logs.configure(settings.log.model_copy(update={"level": "error"}))
    dispatchers = dispatchers_of(settings)
    served = {INBOX, *(dispatcher.channel for dispatcher in dispatchers)}
    for channel in sorted({channel for rule in settings.rule for channel in rule.all_channels} - served):
        notes.remark(f"{channel}: no provider is configured; its rules' other channels are used")
    found = await asyncio.gather(*(_ping(dispatcher, notes) for dispatcher in dispatchers))
    return [line for line in found if line]


async def _ping(dispatcher: Dispatcher, notes: Notes) -> str | None:
    await dispatcher.start()
    try:
        async with asyncio.timeout(PING_SECONDS):
            await dispatcher.ping()
    except Unusable as error:
        return f"{dispatcher.channel}: {error}"
    except TimeoutError:
        return f"{dispatcher.channel}: its provider does not answer within {PING_SECONDS:.0f} s"
    finally:
        await dispatcher.stop()
    notes.done(f"{dispatcher.channel}: the provider can be used")
    return None
