"""What is compared: no capture at all, triggers with the doorbell, the same triggers ringing always, the change log."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL

from config import Settings
from schema.install import install

ROOT = Path(__file__).parents[2]
READY_SECONDS = 30.0
GONE_SECONDS = 30.0

RINGS_WHEN_NOBODY_IS_AWAKE = re.compile(r"\s+AND NOT pg_try_advisory_xact_lock_shared\([^)]*\)")
"""The part of the capture function's condition that keeps it silent."""


class Entrant(StrEnum):
    """One way to capture, or none."""

    NONE = "none"
    OUTBOX = "outbox"
    NOTIFY = "notify"
    WAL = "wal"


CAPTURING = (Entrant.OUTBOX, Entrant.NOTIFY, Entrant.WAL)


def values_of(url: str, entrant: Entrant) -> dict[str, Any]:
    """The configuration: no rule, so that what is measured is capture, and one event for each change."""
    watch = {"table": "orders", "columns": ["customer_id", "vendor_id", "driver_id", "total"]}
    source = "wal" if entrant is Entrant.WAL else "outbox"
    return {"database": {"url": url}, "capture": {"source": source}, "watch": [watch]}


def put_on(url: str, entrant: Entrant) -> None:
    """Install it on the shop in this database."""
    if entrant is Entrant.NONE:
        return
    with psycopg.connect(url, autocommit=True) as connection:
        if entrant is Entrant.WAL:
            connection.execute("ALTER TABLE orders REPLICA IDENTITY FULL")
        install(Settings.model_validate(values_of(url, entrant)))
        if entrant is Entrant.NOTIFY:
            _ring_always(connection)


def _ring_always(connection: psycopg.Connection[Any]) -> None:
    row = connection.execute("SELECT pg_get_functiondef('orderbell.capture_orders'::regproc)").fetchone()
    source, count = RINGS_WHEN_NOBODY_IS_AWAKE.subn("", row[0] if row else "")
    if count != 1:
        raise RuntimeError("the capture function is not as this benchmark knows it")
    connection.execute(SQL(source))


@contextmanager
def daemon(url: str, entrant: Entrant, what: str = "all") -> Iterator[subprocess.Popen[str] | None]:
    """A process that captures and plans (``what``: or only the ``reader``), ready; None where nothing is captured.

    Raises RuntimeError where it does not become ready.
    """
    if entrant is Entrant.NONE:
        yield None
        return
    arguments = [sys.executable, "-m", "bench.capture.process", json.dumps(values_of(url, entrant)), what]
    child = subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        if child.stdout is None or child.stdout.readline() != "ready\n":
            raise RuntimeError(f"the daemon of {entrant} does not start")
        yield child
    finally:
        child.kill()
        child.wait()
        _wait_until_gone(url)


def _wait_until_gone(url: str) -> None:
    """Until the server knows that the daemon is: what it read could not be dropped before."""
    until = time.monotonic() + GONE_SECONDS
    query = "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE database = current_database() AND active)"
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(query).fetchone() != (False,):
            if time.monotonic() > until:
                raise RuntimeError("the slot is still read")
            time.sleep(0.02)
