"""Starts the daemon, watches its parts, and stops them in order.

Order of start: database, dispatchers, hub and listeners (:mod:`daemon.assembly`), then all that runs. Order of stop:
planner (no new plans), workers (sends in flight finish, claims are given back), hub and listeners, dispatchers,
database.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.metadata import version

import psycopg
import structlog

from config import ConfigError, Settings
from daemon import logs, metrics
from daemon.assembly import assemble
from daemon.kept import one_line
from daemon.reload import Read, Reloader
from daemon.systemd import ServiceManager
from schema.errors import SchemaError
from schema.install import check_version, stale_watches

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 2.0
"""Before a part that was cancelled and has not ended is cancelled again."""

DATABASE_WAIT_SECONDS = 2.0
"""Between tries while the database is not there yet."""


async def run(settings: Settings, read: Read | None = None) -> int:
    """The daemon, until SIGTERM or SIGINT; at SIGHUP it asks ``read`` for the settings again.

    Returns the exit status.
    """
    logs.configure(settings.log)
    metrics.BUILD.info({"version": version("orderbell"), "python": sys.version.split()[0]})
    manager = ServiceManager()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Until there is something to reload: the default would end the process.
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    try:
        await _serve(settings, manager, stop, read or (lambda: settings))
    except (ConfigError, SchemaError, OSError) as error:
        log.error("daemon.cannot_run", error=str(error))
        return 1
    except Exception:
        log.exception("daemon.failed")
        return 1
    log.info("daemon.stopped")
    return 0


async def _serve(settings: Settings, manager: ServiceManager, stop: asyncio.Event, read: Read) -> None:
    if not await _database_is_ready(settings, manager, stop):
        return
    async with AsyncExitStack() as stack:
        # What is made now stays: a look for garbage among it, now and later, would find none and take its time.
        gc.disable()
        try:
            parts = await assemble(settings, manager, stack)
            gc.freeze()
        finally:
            gc.enable()
        # A batch makes thousands of values, which go by themselves: looks for cycles among them took an eighth of its
        # time.
        gc.set_threshold(20_000, 10, 10)
        reloader = Reloader(settings, read, parts.obey, manager)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.reload)
        async with asyncio.TaskGroup() as tasks:
            running = {name: tasks.create_task(_part(name, part)) for name, part in parts.running()}
            log.info(
                "daemon.started",
                node=parts.node,
                http_port=parts.server.port,
                metrics_port=parts.metrics_server.port,
                channels=sorted(parts.workers.channels),
                watches=[watch.name for watch in settings.watch],
            )
            ready = tasks.create_task(parts.health.ready_when_live(), name="ready")
            await stop.wait()
            manager.stopping()
            log.info("daemon.stopping")
            ready.cancel()
            for name in ("change log", "planner", "workers"):
                await _end(running[name])
            await asyncio.gather(parts.workers.drain(settings.shutdown.drain_seconds), parts.hub.leave_all())
            await parts.server.stop()
            await parts.hub.stop()
            for task in running.values():
                await _end(task)
            await parts.presence.leave()


async def _part(name: str, part: Callable[[], Awaitable[None]]) -> None:
    """A part runs until it is cancelled or told to stop; should it fail, the daemon ends and systemd starts it anew."""
    try:
        await part()
    except Exception:
        log.exception("part.failed", part=name)
        raise


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel it until it is over: a cancellation that meets a failing connection may be lost in a library."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN_SECONDS)


async def _database_is_ready(settings: Settings, manager: ServiceManager, stop: asyncio.Event) -> bool:
    """Wait until the database answers and its schema is ours; False when asked to stop meanwhile.

    Raises :class:`SchemaError` when it answers and the schema is not there or another one.
    """
    while not stop.is_set():
        try:
            stale = await asyncio.to_thread(_look, settings)
        except psycopg.OperationalError as error:
            manager.status("waiting for the database")
            log.warning("database.not_ready", error=one_line(error))
            try:
                async with asyncio.timeout(DATABASE_WAIT_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue
        else:
            if stale:
                log.error(
                    "watch.not_installed",
                    watches=stale,
                    hint="run `orderbell install`: changes are not captured",
                )
            return True
    return False


def _look(settings: Settings) -> list[str]:
    with psycopg.connect(
        settings.database.url.get_secret_value(),
        autocommit=True,
        connect_timeout=settings.database.connect_timeout_seconds,
        application_name="orderbell start",
    ) as connection:
        check_version(connection)
        return stale_watches(connection, settings)
