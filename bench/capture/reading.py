"""How fast the log is read, and with how much memory: from recorded bytes, through the socket, and into the outbox."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg

from bench.capture.entrants import Entrant, daemon, put_on, values_of
from bench.capture.server import Server
from bench.capture.writers import ORDERS, pgbench
from config import Settings
from daemon.capture.changelog.decoder import decode
from daemon.capture.changelog.frames import XLogData
from daemon.capture.changelog.gathering import Gatherer
from daemon.capture.changelog.messages import Relation
from daemon.capture.changelog.relations import Relations
from daemon.capture.changelog.stream import Stream
from daemon.connections import Connections

BACKLOGS = ("small", "large")
"""Transactions."""
WRITERS = 4
SMALL = 10_000
"""Transactions of each writer, of one order each."""
LARGE = 200_000
"""Orders that are updated in one transaction."""

WAIT_SECONDS = 600.0

RECORDED = """
SELECT data FROM pg_logical_slot_peek_binary_changes(
    (SELECT slot FROM orderbell.change_log), NULL, NULL, 'proto_version', '1', 'publication_names', 'orderbell')
"""
ANY = "SELECT EXISTS (SELECT FROM orderbell.change)"
PLACE = "SELECT slot, publication FROM orderbell.change_log"
CHANGES = (ord("I"), ord("U"))
"""First bytes of messages that are changes: Insert, Update."""


@dataclass(frozen=True, slots=True)
class Read:
    """One measurement: changes a second."""

    transactions: str
    """``small`` or ``large``."""
    way: str
    """``decoded``: recorded bytes to messages. ``as_rows``: to rows of JSON. ``from_socket``: the same, streamed from a
    backlog. ``written``: to rows of ``orderbell.change``, by the reader as it is."""
    per_second: float


@dataclass(frozen=True, slots=True)
class Weighed:
    """The reader, with one large transaction."""

    changes: int
    seconds: float
    """From its start to its commit."""
    peak_mib: float
    peak_mib_with_one_change: float


def measured(server: Server, transactions: str) -> list[Read]:
    """Every way, from the same backlog."""
    orders = LARGE if transactions == "large" else ORDERS
    with server.shop(orders) as url:
        put_on(url, Entrant.WAL)
        if transactions == "large":
            _update_all(url)
        else:
            pgbench(server, url, WRITERS, ["-t", str(SMALL)])
        with psycopg.connect(url) as connection, connection.cursor(binary=True) as cursor:
            payloads = [bytes(data) for (data,) in cursor.execute(RECORDED).fetchall()]
        changes = sum(payload[0] in CHANGES for payload in payloads)
        settings = Settings.model_validate(values_of(url, Entrant.WAL))
        seconds = {
            "decoded": _timed(lambda: [None for payload in payloads if decode(payload) is None]),
            "as_rows": asyncio.run(_as_rows(settings, payloads)),
            "from_socket": asyncio.run(_from_socket(settings, url, len(payloads))),
            "written": _written(url, changes),
        }
    return [Read(transactions, way, changes / took) for way, took in seconds.items()]


def weighed(server: Server, orders: int) -> Weighed:
    """The reader's peak of memory while it reads an update of all of ``orders`` in one transaction."""
    with server.shop(orders) as url:
        put_on(url, Entrant.WAL)
        peaks = []
        took = 0.0
        for statement in ("UPDATE orders SET status = 'ready' WHERE id = 1", "UPDATE orders SET status = 'done'"):
            with psycopg.connect(url, autocommit=True) as shop:
                shop.execute("TRUNCATE orderbell.change")
                shop.execute(statement)
                with daemon(url, Entrant.WAL, "reader") as process:
                    took = _timed(partial(_until, shop, ANY, True))
                    peaks.append(_peak_mib(process.pid if process else 0))
    return Weighed(orders, took, peaks[1], peaks[0])


def _update_all(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as shop:
        shop.execute("UPDATE orders SET status = 'ready'")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


async def _as_rows(settings: Settings, payloads: list[bytes]) -> float:
    relations = Relations(Connections(settings.database), settings)
    gatherer = Gatherer(0)
    began = time.perf_counter()
    for payload in payloads:
        message = decode(payload)
        if isinstance(message, Relation):
            gatherer.shares[message.oid] = await relations.shares(message)
        else:
            gatherer.take(message)
        if len(gatherer.open) > 1000 or len(gatherer.closed) > 1000:
            gatherer.taken()
            gatherer.taken_open()
    took = time.perf_counter() - began
    await relations.close()
    return took


async def _from_socket(settings: Settings, url: str, count: int) -> float:
    """The same for what the server sends, and as much of it."""
    connections = Connections(settings.database)
    relations = Relations(connections, settings)
    gatherer = Gatherer(0)
    with psycopg.connect(url) as connection:
        row = connection.execute(PLACE).fetchone()
    slot, publication = row or ("", "")
    stream = Stream(await connections.open_replication("bench"))
    began = time.perf_counter()
    await stream.start(slot, publication, 0)
    while count > 0:
        for frame in await stream.receive(5.0):
            if not isinstance(frame, XLogData):
                continue
            count -= 1
            message = decode(frame.payload)
            if isinstance(message, Relation):
                gatherer.shares[message.oid] = await relations.shares(message)
            else:
                gatherer.take(message)
        gatherer.taken()
        gatherer.taken_open()
    took = time.perf_counter() - began
    await stream.close()
    await relations.close()
    return took


def _written(url: str, changes: int) -> float:
    with daemon(url, Entrant.WAL, "reader"), psycopg.connect(url, autocommit=True) as shop:
        return _timed(lambda: _until(shop, "SELECT count(*) FROM orderbell.change", changes))


def _until(connection: psycopg.Connection[tuple[object, ...]], query: str, wanted: object) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while connection.execute(query.encode()).fetchone() != (wanted,):
        if time.monotonic() > until:
            raise TimeoutError(query)
        time.sleep(0.02)


def _peak_mib(pid: int) -> float:
    """proc(5), VmHWM."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024, 1)
