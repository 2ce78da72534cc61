"""Where capture reads the change log, as the schema ``orderbell`` keeps it: no row, or one."""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from config import Settings
from schema.changelog.slot import slot_state
from schema.queries import statements

SQL = statements("changelog")

DEFAULT_SLOT = "orderbell_"
"""Before the database's oid: slots are the cluster's."""

_EXISTS = """
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'orderbell' AND c.relname = 'change_log')
"""


@dataclass(frozen=True, slots=True)
class Record:
    """The row of ``orderbell.change_log``."""

    slot: str
    publication: str
    system_identifier: str
    lsn: str
    """Up to there, changes stand in ``orderbell.change``."""
    horizon: str
    gap: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a connection is."""

    oid: int
    database: str
    system_identifier: str
    horizon: str
    """What is written from now on is written by a transaction of this id or a later one."""


def record_of(connection: Connection[Any]) -> Record | None:
    """The row; None where capture does not read the log. Raises psycopg.Error where this role may not look."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        if cursor.execute(_EXISTS).fetchone() != (True,):
            return None
        row = cursor.execute(SQL["record"]).fetchone()
    return Record(*row) if row is not None else None


def place_of(connection: Connection[Any]) -> Place:
    """Which database of which cluster this is."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(SQL["place"]).fetchone()
    if row is None:
        raise LookupError("pg_database has no row of this database")
    return Place(*row)


def default_slot(place: Place) -> str:
    """The slot's name where the configuration has none."""
    return f"{DEFAULT_SLOT}{place.oid}"


def slot_name(connection: Connection[Any], settings: Settings) -> str:
    """The name of the slot, as configured."""
    return settings.capture.slot or default_slot(place_of(connection))


def horizon_here(connection: Connection[Any], record: Record) -> str:
    """The horizon of a row that was made in another cluster, as it is to be read in this one."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(SQL["horizon_here"], {"slot": record.slot}).fetchone()
    return record.horizon if row is None else str(row[0])


def is_copied(connection: Connection[Any], record: Record, place: Place) -> bool:
    """Whether the row was made in another cluster (also by pg_upgrade, or a restored dump) or another database."""
    if record.system_identifier != place.system_identifier:
        return True
    if record.slot.removeprefix(DEFAULT_SLOT).isdecimal() and record.slot != default_slot(place):
        return True
    state = slot_state(connection, record.slot)
    return state is not None and state.database != place.database
