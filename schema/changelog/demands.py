"""What capture from the change log needs of the server, of the role, and of each table: lines for a person to read.

The application comes first: PostgreSQL refuses an update of a published table that it has no replica identity for, so
such a table is never published.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row

from config import Settings
from config.mapping import Watch
from schema.changelog.publication import (
    WITH_GENERATED_COLUMNS,
    Tables,
    deviations,
    endlessness,
    mending,
    publication_of,
    wanted_tables,
)
from schema.changelog.record import default_slot, is_copied, place_of, record_of
from schema.changelog.slot import SlotState, replicating, slot_state
from schema.inspection import Table, named_columns
from schema.queries import statements

_SQL = statements("changelog")

_STANDBY = re.compile(r'[^\s,()"]+')
"""A name in ``synchronous_standby_names``, or its first word: every connection of ours has ours first."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A table as the change log will hold its rows."""

    oid: int
    name: str
    kind: str
    persistence: str
    identity: str
    index: list[str] | None
    """The columns that identify an old row; None where no index does."""
    keyed: bool
    """It has a primary key that holds at any time; partitions made later will have it too."""
    stored: list[str]
    virtual: bool
    owned: bool


def problems_of_changelog(connection: Connection[Any], settings: Settings, tables: Tables) -> list[str]:
    """Why changes cannot be captured from the log, each reason a line; empty when they can."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_SQL["server"]).fetchone()
    if row is None or row[1]:
        return ["capture.source: this server only reads (it is a standby): connect to the one that writes"]
    role, _, level, slots, slots_used, senders, senders_used, may_create, version = row
    state = slot_state(connection, _slot_name(connection, settings))
    problems = []
    if level != "logical":
        problems.append(
            f"capture.source: wal_level is {level}, and the change log can be read where it is logical:"
            " ALTER SYSTEM SET wal_level = logical, and restart PostgreSQL"
        )
    if state is None and slots_used >= slots:
        problems.append(
            f"capture.source: all of max_replication_slots ({slots}) are used:"
            f" ALTER SYSTEM SET max_replication_slots = {slots + 1}, and restart PostgreSQL"
        )
    if (state is None or state.active_pid is None) and senders_used >= senders:
        problems.append(
            f"capture.source: all of max_wal_senders ({senders}) are used:"
            f" ALTER SYSTEM SET max_wal_senders = {senders + 1}, and restart PostgreSQL"
        )
    elif state is None or state.active_pid is None:
        problems += _problems_of_role(connection, settings, role)
    problems += _problems_of_slot(connection, state)
    problems += _problems_of_switch(connection)
    for index, (watch, table) in enumerate(tables):
        problems += _problems_of_table(connection, watch, table, _path(settings, watch), version)
        problems += _problems_of_partition(settings, watch, table, tables[:index] + tables[index + 1 :])
    return problems + _problems_of_publication(connection, settings, tables, role, may_create=may_create)


def warnings_of_changelog(connection: Connection[Any]) -> list[str]:
    """What may become of the slot, and should be known; nothing of it keeps anything from working."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_SQL["limits"]).fetchone()
    keep, idle, synchronous = row if row is not None else ("-1", None, "")
    warnings = []
    if keep == "-1":
        warnings.append(
            "max_slot_wal_keep_size is -1: while no daemon reads the change log, PostgreSQL keeps all of it, until the"
            " disk is full. ALTER SYSTEM SET max_slot_wal_keep_size to what the disk can spare, and SELECT"
            " pg_reload_conf(): when there is more, the slot is lost, and the daemon finds out what was missed"
        )
    if idle not in (None, "0"):
        warnings.append(
            f"idle_replication_slot_timeout is {idle}: the slot is lost when no daemon reads it for so long"
        )
    if any(name == "*" or name.lower().startswith("orderbell") for name in _STANDBY.findall(synchronous)):
        warnings.append(
            f"synchronous_standby_names is {synchronous}: the application's commits would wait for the daemon that"
            " reads the change log: name the real standbys"
        )
    return warnings


def advice_of_failover(connection: Connection[Any]) -> str | None:
    """What a standby needs to keep the slot; None where the version has nothing for that."""
    if connection.info.server_version < 170000:
        return None
    return (
        "a standby takes the slot over after a failover where sync_replication_slots = on there, and"
        " synchronized_standby_slots names its own slot here"
    )


def _slot_name(connection: Connection[Any], settings: Settings) -> str:
    return settings.capture.slot or default_slot(place_of(connection))


def _path(settings: Settings, watch: Watch) -> str:
    return f"watch[{settings.watch.index(watch)}]"


def _problems_of_role(connection: Connection[Any], settings: Settings, role: str) -> Iterator[str]:
    # By trying: hosted servers give the right by a role of their own.
    try:
        replicating(settings).close()
    except psycopg.OperationalError as error:
        with connection.cursor(row_factory=tuple_row) as cursor:
            may = cursor.execute(
                "SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
        if may == (True,):
            reason = " ".join(str(error).split())
            yield f"capture.source: the server takes no replication connection: {reason}"
        else:
            yield f'capture.source: role "{role}" lacks REPLICATION: ALTER ROLE "{role}" REPLICATION'


def _problems_of_slot(connection: Connection[Any], state: SlotState | None) -> Iterator[str]:
    if state is None:
        return
    place, record = place_of(connection), record_of(connection)
    known = state.slot == default_slot(place) or (record is not None and record.slot == state.slot)
    if state.database != place.database:
        whose = f"database {state.database!r}" if state.database else "physical replication"
        yield f"capture.slot: the replication slot {state.slot} is of {whose}: choose another name"
    elif state.plugin != "pgoutput" or not known:
        yield (
            f"capture.slot: there is a replication slot {state.slot} already, and it is not known to be Orderbell's:"
            f" choose another name, or SELECT pg_drop_replication_slot('{state.slot}')"
        )


def _problems_of_switch(connection: Connection[Any]) -> Iterator[str]:
    """A watch went from the log to the triggers, and the log is not read up to there: two stretches cannot be kept."""
    record = record_of(connection)
    if record is None or is_copied(connection, record, place_of(connection)):
        return
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_SQL["behind"]).fetchall()
    for name, until in rows:
        yield (
            f"capture.source: the change log is not read up to {until} yet, where triggers took the watch {name} over:"
            ' start a daemon with capture = "outbox", and install again when it has read it'
        )


def _problems_of_partition(settings: Settings, watch: Watch, table: Table, others: Tables) -> Iterator[str]:
    for other, root in others:
        if root.kind == "p" and any(descendant.oid == table.oid for descendant in root.descendants):
            yield (
                f"{_path(settings, watch)}.table: {table.schema}.{table.name} is a partition of"
                f" {root.schema}.{root.name}, which the watch {other.name} is about: the change log has its changes as"
                " those of the whole"
            )


def _problems_of_table(
    connection: Connection[Any], watch: Watch, table: Table, path: str, version: int
) -> Iterator[str]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_SQL["identity"], {"oids": [relation.oid for relation in table.family]}).fetchall()
    written = [_Written(*row) for row in rows]
    root = written[0]
    if root.kind == "p" and not root.keyed:
        yield (
            f"{path}.table: {root.name} has no primary key, so a partition made later would have no replica identity,"
            " and every update of it would fail: give it one"
        )
    if version < WITH_GENERATED_COLUMNS:
        for key, column in named_columns(watch):
            if column in root.stored:
                yield (
                    f"{path}.{key}: {watch.table}.{column} is a generated column, which the change log does not hold"
                    " before PostgreSQL 18; name the columns that it is made of"
                )
    for each in written:
        if each.persistence != "p":
            kind = "unlogged" if each.persistence == "u" else "temporary"
            yield f"{path}.table: {each.name} is {kind}, and nothing of it stands in the change log"
        # The log has the changes of partitions under the root's name, and as its identity says.
        elif each.kind != "p" or (each is root and root.keyed):
            yield from _problems_of_identity(watch, each, path, version)


def _problems_of_identity(watch: Watch, table: _Written, path: str, version: int) -> Iterator[str]:
    full = table.identity == "f"
    old_is_known = full or watch.live is not None or (table.index is not None and watch.event_column in table.index)
    if table.virtual and version >= WITH_GENERATED_COLUMNS and (full or table.index is None or not old_is_known):
        needed = "" if watch.live is not None else f", {watch.event_column} among them"
        yield (
            f"{path}.table: {table.name} has a virtual generated column, and with REPLICA IDENTITY FULL every update"
            f" of it would fail once it is published: make a unique index on columns that are NOT NULL{needed}, and"
            f" ALTER TABLE {table.name} REPLICA IDENTITY USING INDEX its_name"
        )
    elif not full and table.index is None:
        yield (
            f"{path}.table: {table.name} has no replica identity, and every update of it would fail once it is"
            f" published: ALTER TABLE {table.name} REPLICA IDENTITY FULL"
        )
    elif not old_is_known:
        yield (
            f"{path}.table: the change log does not hold the old {watch.event_column} of {table.name}:"
            f" ALTER TABLE {table.name} REPLICA IDENTITY FULL"
        )


def _problems_of_publication(
    connection: Connection[Any], settings: Settings, tables: Tables, role: str, *, may_create: bool
) -> list[str]:
    name = settings.capture.publication
    found, wanted = publication_of(connection, name), wanted_tables(tables)
    if endless := endlessness(found, wanted):
        return [f"capture.publication: {name} {endless}"]
    wrong = deviations(found, wanted)
    if not wrong:
        return []
    said = "; ".join(statement.as_string(connection) for statement in mending(connection, name, found, wanted))
    if found is not None and not found.ours:
        what = f'{name}, which belongs to "{found.owner}", {" and ".join(wrong)}'
        return [f"capture.publication: {what}; let a superuser, or who owns it and the tables, run: {said}"]
    new = [relation.oid for oid, relation in wanted.items() if found is None or oid not in found.members]
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_SQL["identity"], {"oids": new}).fetchall()
    foreign = ", ".join(table.name for table in (_Written(*row) for row in rows) if not table.owned)
    problem = None
    if foreign:
        problem = (
            f'role "{role}" does not own {foreign}, and only an owner publishes a table;'
            " let a superuser, or who owns them all, run"
        )
    elif found is None and not may_create:
        grant = f'GRANT CREATE ON DATABASE "{connection.info.dbname}" TO "{role}"'
        problem = f'role "{role}" may not make a publication: {grant}, or let a superuser run'
    return [f"capture.publication: {problem}: {said}"] if problem else []
