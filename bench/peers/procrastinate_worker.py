"""procrastinate's part: ``work URL`` does jobs until it is killed, ``queue URL COUNT`` puts jobs in its queue.

What it prints is read by ``bench.pipeline``: ``ready``, or when the jobs were committed, on the monotonic clock.
"""

import asyncio
import sys
import time

import procrastinate

CONCURRENCY = 20


async def main(what: str, url: str, count: int = 0) -> None:
    connector = procrastinate.PsycopgConnector(conninfo=url, min_size=4, max_size=CONCURRENCY + 2)
    app = procrastinate.App(connector=connector)

    @app.task(name="deliver")
    async def deliver(delivery: int) -> None: ...

    async with app.open_async():
        if what == "queue":
            await deliver.batch_defer_async(*({"delivery": number} for number in range(count)))
            print(time.monotonic(), flush=True)
            return
        await app.schema_manager.apply_schema_async()
        print("ready", flush=True)
        await app.run_worker_async(concurrency=CONCURRENCY, delete_jobs="successful")


asyncio.run(main(*sys.argv[1:3], *map(int, sys.argv[3:])))
