"""pgqueuer's part: ``work DRIVER URL`` does jobs until it is killed, ``queue DRIVER URL COUNT`` puts jobs in its queue.

On uvloop, as its own command line. What it prints is read by ``bench.pipeline``: ``ready``, or when the jobs were
committed, on the monotonic clock.
"""

import sys
import time
from contextlib import AsyncExitStack
from datetime import timedelta

import asyncpg
import psycopg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, Driver, PsycopgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

BATCH_SIZE = 1_000


async def main(what: str, driver_name: str, url: str, count: int = 0) -> None:
    async with AsyncExitStack() as stack:
        driver: Driver
        if driver_name == "asyncpg":
            connection = await asyncpg.connect(url)
            stack.push_async_callback(connection.close)
            driver = AsyncpgDriver(connection)
        else:
            connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
            stack.push_async_callback(connection.close)
            driver = PsycopgDriver(connection)
        if what == "queue":
            payload = [b'{"delivery": %d}' % number for number in range(count)]
            await Queries(driver).enqueue(["deliver"] * count, payload, [0] * count)
            print(time.monotonic(), flush=True)
            return
        await Queries(driver).install()
        pgq = PgQueuer(driver)

        @pgq.entrypoint("deliver")
        async def deliver(_: Job) -> None: ...

        print("ready", flush=True)
        await pgq.run(batch_size=BATCH_SIZE, dequeue_timeout=timedelta(seconds=1))


uvloop.run(main(*sys.argv[1:4], *map(int, sys.argv[4:])))
