"""A slot that was lost is made anew, and what was missed with it is told from the tables."""

import asyncio

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Literal

from config import Settings
from config.mapping import Watch
from daemon import metrics
from daemon.capture.changelog import position
from daemon.capture.changelog.position import GATE, Position
from daemon.capture.changelog.reconcile import reconcile
from daemon.capture.changelog.relations import watched
from daemon.capture.changelog.slot import Retired, SlotLost, keep_members, members_of, standing
from daemon.capture.changelog.stream import Stream
from daemon.capture.outbox import NotOurs
from daemon.connections import Connections
from daemon.kept import one_line
from schema.changelog import create_slot_command
from schema.inspection import Table
from schema.queries import statements

log = structlog.get_logger(__name__)

STATEMENTS = statements("position")

COPY = (
    "this database is a copy: its change log is read elsewhere. To tell people of what happens here, run"
    " `orderbell install`; else stop this daemon"
)


class NotRebuilt(SlotLost):
    """The slot could not be made anew; the message says what to do."""


async def sound(
    connection: AsyncConnection[TupleRow], connections: Connections, settings: Settings, place: Position
) -> Position:
    """The place to read from: ``place``, or the beginning of a new slot where that one is lost.

    Raises :class:`SlotLost` where it must not be made anew by itself, and psycopg.Error.
    """
    if await (await connection.execute(STATEMENTS["copied"], {"slot": place.slot})).fetchone() != (False,):
        raise SlotLost(COPY)
    now = await standing(connection, place.slot)
    if now.ended:
        raise Retired
    reason = now.lost or ("ahead" if now.ahead else None)
    if reason is None:
        return place
    replication = Stream(await connections.open_replication("orderbell change log's slot"))
    try:
        await _same_cluster(replication, place)
        metrics.CHANGELOG_REBUILDS.labels(reason).inc()
        log.error(
            "changelog.slot_lost",
            slot=place.slot,
            reason=reason,
            hint="it is made anew as soon as the transactions that run now have ended; what was missed is told then",
        )
        # Should we end between here and the reconciliation, the new slot alone would look as if nothing was missed.
        await connection.execute(STATEMENTS["mark_gap"], {"slot": place.slot})
        if now.there:
            await connection.execute("SELECT pg_drop_replication_slot(%s)", (place.slot,))
        began, snapshot = await _create(connection, replication, place.slot)
        try:
            await _catch_up(connections, settings, place, began, snapshot)
        except psycopg.Error as error:
            raise NotRebuilt(f"what was missed could not be found out: {one_line(error)}") from error
    finally:
        await replication.close()
    found = await position.read(connection)
    if found is None:
        raise SlotLost("capture from the change log was uninstalled")
    return found


async def _same_cluster(replication: Stream, place: Position) -> None:
    system, *_ = await replication.ask(SQL("IDENTIFY_SYSTEM"))
    if system != place.system_identifier:
        raise SlotLost(COPY)


async def _create(connection: AsyncConnection[TupleRow], replication: Stream, slot: str) -> tuple[str, str]:
    """Make the slot: where it begins, and the snapshot of that moment, which lasts as long as ``replication``."""
    version = connection.info.server_version
    try:
        _, began, snapshot, _ = await replication.ask(create_slot_command(slot, server_version=version))
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.ObjectNotInPrerequisiteState) as error:
        log.warning("changelog.slot_without_failover", slot=slot, error=one_line(error))
        command = create_slot_command(slot, server_version=version, failover=False)
        _, began, snapshot, _ = await replication.ask(command)
    if began is None or snapshot is None:
        raise SlotLost("the server made a slot without a snapshot")
    return began, snapshot


async def _catch_up(connections: Connections, settings: Settings, place: Position, began: str, snapshot: str) -> None:
    """Tell of what was missed up to the moment at which the new slot begins, and move the place there."""
    watches = await asyncio.to_thread(_tables, settings)
    events = {rule.event for rule in settings.rule}
    connection = await connections.open("orderbell change log's reconciliation")
    try:
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await connection.execute(SQL("SET TRANSACTION SNAPSHOT {}").format(Literal(snapshot)))
            limit = settings.capture.unknown_rows_limit
            found = await reconcile(connection, watches, place.horizon, events, limit)
            parameters = {**GATE, "slot": place.slot, "lsn": began, "before": place.lsn_text}
            if await (await connection.execute(STATEMENTS["begin_anew"], parameters)).fetchone() is None:
                raise NotOurs("the place in the change log was moved by somebody else")
            await keep_members(connection, place.slot, await members_of(connection, place.publication))
    finally:
        await connection.close()
    for watch, rows in found.items():
        metrics.CHANGELOG_RECONCILED.labels(watch).inc(rows.told)
        log.warning("changelog.reconciled", watch=watch, told=rows.told, set_aside=rows.set_aside)


def _tables(settings: Settings) -> list[tuple[Watch, Table]]:
    """The watched tables as they are. Raises :class:`NotRebuilt` where one is not as its watch says."""
    found = watched(settings)
    for watch, table, *_ in found:
        wanted = (watch.key, *(() if watch.live else (watch.event_column,)))
        missing = [column for column in wanted if table is None or column not in table.columns]
        if missing:
            raise NotRebuilt(
                f"the slot was lost, and what was missed cannot be found out: {watch.table} has no"
                f" {' and '.join(missing) if table is not None else 'table'}: mend [[watch]] {watch.name}, and restart"
            )
    return [(watch, table) for watch, table, *_ in found if table is not None]
