"""The change log's reader as a process: killed amid a large transaction, and weighed while it reads one."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row

from config import Settings
from schema.install import install

ROOT = Path(__file__).parents[3]
SECONDS = 60.0
WRITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'orderbell change log' AND backend_xid IS NOT NULL
    AND (query LIKE '%COPY orderbell.change%' OR wait_event = 'advisory')
"""
SEE_IT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'orderbell change log'
"""
LEFT = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'orderbell change log'
"""
WAITS_BEFORE_ITS_END = """
CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM orderbell.change) THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER waits BEFORE UPDATE ON orderbell.change_log FOR EACH ROW EXECUTE FUNCTION waits()
"""

Shop = psycopg.Connection[tuple[Any, ...]]


def values_of(url: str) -> dict[str, Any]:
    return {"database": {"url": url}, "capture": {"source": "wal"}, "watch": [{"table": "orders"}]}


@pytest.fixture
def shop(any_empty_database: str) -> Iterator[Shop]:
    with psycopg.connect(any_empty_database, autocommit=True, row_factory=tuple_row) as connection:
        connection.execute("CREATE TABLE orders (id bigint PRIMARY KEY, status text, note text)")
        connection.execute("ALTER TABLE orders REPLICA IDENTITY FULL")
        install(Settings.model_validate(values_of(any_empty_database)))
        yield connection
        slots = (
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()"
        )
        connection.execute(slots)


@asynccontextmanager
async def reader(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs; killed at the end, and seen off by the server."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.capture.reader_process", json.dumps(values_of(url)), cwd=ROOT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection, asyncio.timeout(SECONDS):
            gone = "SELECT NOT EXISTS (SELECT FROM pg_replication_slots WHERE database = current_database() AND active)"
            while await (await connection.execute(gone)).fetchone() != (True,):
                await asyncio.sleep(0.02)


async def until(shop: Shop, query: str, wanted: int) -> None:
    async with asyncio.timeout(SECONDS):
        while shop.execute(query.encode()).fetchone() != (wanted,):
            await asyncio.sleep(0.01)


async def test_killed_amid_a_transaction_of_fifty_thousand_rows_it_writes_each_once(
    shop: Shop, any_empty_database: str
) -> None:
    shop.execute("INSERT INTO orders SELECT n, 'pending' FROM generate_series(1, 50000) n")
    shop.execute(WAITS_BEFORE_ITS_END)
    for _ in range(2):
        # However slow we are to kill it, it is not through by then.
        shop.execute("SELECT pg_advisory_lock(1)")
        async with reader(any_empty_database) as process:
            await until(shop, WRITING, 1)
            process.send_signal(signal.SIGKILL)
            await process.wait()
        shop.execute(SEE_IT_OFF)
        await until(shop, LEFT, 0)
        shop.execute("SELECT pg_advisory_unlock(1)")
        assert shop.execute("SELECT count(*) FROM orderbell.change").fetchone() == (0,), "all of it or nothing"
    async with reader(any_empty_database):
        await until(shop, "SELECT count(*) FROM orderbell.change", 50_000)
        shop.execute("UPDATE orders SET status = 'ready' WHERE id = 1")
        await until(shop, "SELECT count(*) FROM orderbell.change WHERE op = 'update'", 1)
    found = shop.execute("SELECT count(*), count(DISTINCT key) FROM orderbell.change WHERE op = 'insert'").fetchone()
    assert found == (50_000, 50_000)


async def test_a_transaction_of_any_size_is_read_with_little_memory(shop: Shop, any_empty_database: str) -> None:
    """Two hundred thousand orders at once; ``python -m bench.capture`` has a million."""
    shop.execute("INSERT INTO orders SELECT n, 'pending', repeat('x', 200) FROM generate_series(1, 200000) n")
    async with reader(any_empty_database) as process:
        await until(shop, "SELECT count(*) FROM orderbell.change", 200_000)
        shop.execute("TRUNCATE orderbell.change")
        shop.execute("UPDATE orders SET status = 'small' WHERE id = 1")
        await until(shop, "SELECT count(*) FROM orderbell.change", 1)
        shop.execute("UPDATE orders SET status = 'ready'")
        await until(shop, "SELECT count(*) FROM orderbell.change", 200_001)
        peak = _peak_mib(process.pid)
    async with reader(any_empty_database) as process:
        shop.execute("UPDATE orders SET status = 'small' WHERE id = 1")
        await until(shop, "SELECT count(*) FROM orderbell.change", 200_002)
        alone = _peak_mib(process.pid)
    assert peak - alone < 48


def _peak_mib(pid: int) -> float:
    """proc(5), VmHWM."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
