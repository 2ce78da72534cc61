"""From triggers to the change log and back, without a change that is missed or seen twice.

A watch changes over in one transaction that holds off everybody who writes to its tables: what commits before it is
captured in the old way, what commits after it in the new one, and the place in the log says which is which. To the log:
publication first, then the slot, then the watches. Back: the watches; slot and publication stay until a daemon has read
the log up to there, and go then.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from config import Settings
from config.mapping import Watch
from schema.changelog import publication
from schema.changelog.publication import Tables
from schema.changelog.record import (
    Place,
    Record,
    default_slot,
    horizon_here,
    is_copied,
    place_of,
    record_of,
    slot_name,
)
from schema.changelog.slot import create_slot, drop_slot, slot_state
from schema.inspection import Table
from schema.patience import patiently
from schema.placement import FROM_LOG, carriers_of, drop_capture, installed_watches
from schema.queries import statements

_SQL = statements("changelog")

Say = Callable[[str], None]

COPIED = "this database is a copy, or its cluster was made anew"


def definition_of(watch: Watch, table: Table) -> str:
    """What ``orderbell.watch`` says of a watch that is captured from the log; another text where it changes."""
    said = {"key": watch.key, "event": None if watch.live else watch.event_column, "columns": watch.captured_columns}
    return FROM_LOG + json.dumps({"table": f"{table.schema}.{table.name}", **said})


def capture_from_log(connection: Connection[Any], settings: Settings, tables: Tables, say: Say) -> Iterator[str]:
    """Bring publication, slot and watches to what is wanted; says what was changed.

    Raises :class:`Refused` where the slot cannot be made or replaced.
    """
    record, place = record_of(connection), place_of(connection)
    name = settings.capture.publication
    anew = _missed_something(connection, name, tables)
    if line := publication.mend(connection, name, publication.wanted_tables(tables)):
        yield line
    yield from _bring_slot(connection, settings, record, place, say, anew=anew)
    wanted = {watch.name for watch in settings.watch}
    for watch_name in _installed(connection) - wanted:
        patiently(connection, lambda w=watch_name: _forget(connection, w))  # type: ignore[misc]
        yield f"the watch {watch_name} is captured no more: it is no longer configured"
    for watch, table in tables:
        yield from _bring_watch(connection, watch, table)


def reasons_not_captured(connection: Connection[Any], settings: Settings, tables: Tables) -> list[str]:
    """How publication and slot differ from what is wanted for these tables, as ``install`` mends it; empty when they do
    not.
    """
    record, place = record_of(connection), place_of(connection)
    if record is None:
        return ["capture from the change log is not installed"]
    if is_copied(connection, record, place):
        return [f"{COPIED}: its change log was read elsewhere"]
    reasons = []
    wanted = slot_name(connection, settings)
    state = slot_state(connection, wanted)
    if record.slot != wanted:
        reasons.append(f"the replication slot is {record.slot}, not {wanted}")
    elif state is None:
        reasons.append(f"the replication slot {wanted} is missing")
    elif state.lost:
        reasons.append(f"the replication slot {wanted} is lost{_because(state.invalidation_reason)}")
    return reasons + publication_problems(connection, settings, tables)


def publication_problems(connection: Connection[Any], settings: Settings, tables: Tables) -> list[str]:
    """How the publication differs from what is wanted; empty when it does not."""
    name = settings.capture.publication
    found = publication.publication_of(connection, name)
    wanted = publication.wanted_tables(tables)
    wrong = [publication.endlessness(found, wanted), *publication.deviations(found, wanted)]
    return [f"the publication {name} {each}" for each in wrong if each is not None]


def is_captured(connection: Connection[Any], watch: Watch, table: Table) -> bool:
    """Whether the watch is captured from the log, as is wanted now, and by no trigger."""
    definition, relation, from_log = _watches(connection).get(watch.name, ("", None, False))
    same = definition == definition_of(watch, table) and relation == table.oid
    return from_log and same and not carriers_of(connection, watch.name)


def unread_up_to(connection: Connection[Any]) -> tuple[bool, str | None]:
    """Whether the log is still needed, and up to where; no place where it is read on and on."""
    if record_of(connection) is None:
        return False, None
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_SQL["unread"]).fetchone()
    return (True, None) if row is None else (row[0] is not None, row[0])


def retire(connection: Connection[Any]) -> list[str]:
    """Drop slot, publication and row where triggers capture everything and the log is read up to there.

    Returns what was dropped, nothing while it is still needed.

    Raises :class:`Refused` while somebody reads the slot.
    """
    record = record_of(connection)
    if record is None:
        return []
    if unread_up_to(connection)[0] and not is_copied(connection, record, place_of(connection)):
        return []
    return list(_end(connection, record))


def retire_unless_read(connection: Connection[Any]) -> Iterator[str]:
    """As :func:`retire`, but what a daemon reads is left to it."""
    record = record_of(connection)
    if record is None:
        return
    state = slot_state(connection, record.slot)
    if state is None or state.active_pid is None or is_copied(connection, record, place_of(connection)):
        yield from retire(connection)


def why_kept(connection: Connection[Any]) -> str | None:
    """What is left of the change log's capture, and why; None where nothing is."""
    record = record_of(connection)
    if record is None:
        return None
    _, until = unread_up_to(connection)
    up_to = f" up to {until}" if until else ""
    return (
        f"left the replication slot {record.slot} and the publication {record.publication}: a daemon reads the change"
        f" log{up_to}, where the triggers took over, and drops both then"
    )


def remove_log(connection: Connection[Any], settings: Settings) -> Iterator[str]:
    """Drop slot and publication, whatever is read; says what was dropped.

    Raises :class:`Refused` where the slot cannot be dropped; then nothing was.
    """
    record, place = record_of(connection), place_of(connection)
    own = default_slot(place)
    state = slot_state(connection, own)
    if (
        (record is None or record.slot != own)
        and state is not None
        and state.database == place.database
        and drop_slot(connection, own)
    ):
        yield f"dropped the replication slot {own}"
    if record is not None:
        yield from _end(connection, record)
    elif settings.capture.source == "wal":
        yield from filter(None, [publication.drop(connection, settings.capture.publication)])


def _end(connection: Connection[Any], record: Record) -> Iterator[str]:
    # The slot first: without the row nobody would know of it, and it would fill the disk.
    if not is_copied(connection, record, place_of(connection)) and drop_slot(connection, record.slot):
        yield f"dropped the replication slot {record.slot}"
    yield from filter(None, [publication.drop(connection, record.publication)])
    patiently(connection, lambda: connection.execute(_SQL["end"]))


def _missed_something(connection: Connection[Any], name: str, tables: Tables) -> bool:
    """Whether the log was without a table that is captured from it: the log is decoded with the publication as it was
    then, and its horizon stays where that was whole.
    """
    found = publication.publication_of(connection, name)
    if found is None:
        return True
    captured = {watch for watch, (_, _, from_log) in _watches(connection).items() if from_log}
    return any(
        oid not in found.published
        for watch, table in tables
        if watch.name in captured
        for oid in publication.wanted_tables([(watch, table)])
    )


def _bring_slot(
    connection: Connection[Any], settings: Settings, record: Record | None, place: Place, say: Say, *, anew: bool
) -> Iterator[str]:
    name, published = settings.capture.slot or default_slot(place), settings.capture.publication
    state = slot_state(connection, name)
    copied = record is not None and is_copied(connection, record, place)
    as_wanted = record is not None and record.slot == name and record.publication == published and not copied
    if as_wanted and state is not None and not state.lost:
        if anew:
            # A daemon may be reading it; and who makes it anew must look at the tables as they were at that moment.
            connection.execute(statements("position")["mark_gap"], {"slot": name})
            yield f"the daemon makes the replication slot {name} anew, and finds out what was missed"
        return
    # In a copy, the other slot is the original's.
    if record is not None and record.slot != name and not copied and drop_slot(connection, record.slot):
        yield f"dropped the replication slot {record.slot}"
    if state is not None:
        drop_slot(connection, name)
    # Before the slot is made: whatever it does not give was written by transactions from this one on.
    horizon = record.horizon if record is not None else place.horizon
    if record is not None and copied:
        horizon = horizon_here(connection, record)
    with create_slot(connection, settings, name, say) as (lsn, _), connection.transaction():
        connection.execute("DELETE FROM orderbell.change_log")
        if copied:
            connection.execute(_SQL["places_elsewhere"])
        row = {"slot": name, "publication": published, "system": place.system_identifier}
        connection.execute(_SQL["begin"], {**row, "lsn": lsn, "horizon": horizon, "gap": record is not None})
    if record is None:
        yield f"made the replication slot {name}"
    else:
        if copied:
            yield f"{COPIED}: forgot where the change log was read before"
        yield f"made the replication slot {name} anew: the daemon finds out what was missed"
        if record.publication != published:
            yield from filter(None, [publication.drop(connection, record.publication)])


def _bring_watch(connection: Connection[Any], watch: Watch, table: Table) -> Iterator[str]:
    definition, relation, from_log = _watches(connection).get(watch.name, ("", None, False))
    wanted = definition_of(watch, table)
    row = {
        "watch": watch.name,
        "table": f"{table.schema}.{table.name}",
        "definition": wanted,
        "relation": table.oid,
        "by_triggers": bool(carriers_of(connection, watch.name)),
    }
    by_triggers = watch.name in installed_watches(connection)
    if by_triggers or not from_log or relation != table.oid:

        def switch() -> None:
            drop_capture(connection, watch.name)
            connection.execute(_SQL["to_the_log"], row)
            connection.execute(_SQL["say_switched"])

        patiently(connection, switch)
        instead = ", and its triggers are removed" if by_triggers else ""
        yield f"the watch {watch.name} on {row['table']} is captured from the change log{instead}"
    elif definition != wanted:
        patiently(connection, lambda: connection.execute(_SQL["redefine"], row))
        yield f"the watch {watch.name} on {row['table']} is captured from the change log with other columns"


def _forget(connection: Connection[Any], watch: str) -> None:
    drop_capture(connection, watch)
    connection.execute(_SQL["forget_watch"], {"watch": watch})


def _watches(connection: Connection[Any]) -> dict[str, tuple[str, int | None, bool]]:
    """Name -> definition, the table's oid, whether it is captured from the log."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_SQL["switches"]).fetchall()
    return {name: (definition, relation, from_log) for name, definition, relation, from_log, _ in rows}


def _installed(connection: Connection[Any]) -> set[str]:
    return {*installed_watches(connection), *_watches(connection)}


def _because(reason: str | None) -> str:
    return f" ({reason})" if reason else ""
