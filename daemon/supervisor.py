"""Starts the parts in order, watches them, and stops them in order. The only module that knows them all.

Order of start: database, dispatchers, hub and listeners, workers, planner. Order of stop: planner (no new plans),
workers (sends in flight finish, claims are given back), hub and listeners, dispatchers, database.
"""

import asyncio
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib.metadata import version

import psycopg
import structlog

from config import ConfigError, Mistake, Settings
from daemon import logs, metrics
from daemon.api.app import create_app
from daemon.api.auth import Tokens
from daemon.api.database import create_engine
from daemon.api.inbox import Inbox
from daemon.api.metrics_server import MetricsServer
from daemon.api.server import HttpServer
from daemon.capture.doorbell import Doorbell
from daemon.channels import dispatchers_of
from daemon.clock import DatabaseClock
from daemon.connections import Connections
from daemon.delivery.history import History
from daemon.delivery.leases import Leases
from daemon.delivery.ledger import Ledger
from daemon.delivery.workers import Workers
from daemon.health import Health
from daemon.live import LiveFeed
from daemon.policy import planning_of
from daemon.store.planner import Planner
from daemon.systemd import ServiceManager
from dispatchers.base import Dispatcher
from dispatchers.webpush import BadKey, public_key
from dispatchers.websocket import Hub
from schema.errors import SchemaError
from schema.install import check_version, stale_watches

log = structlog.get_logger(__name__)

DATABASE_WAIT_SECONDS = 2.0
"""Between tries while the database is not there yet."""


async def run(settings: Settings) -> int:
    """The daemon, until SIGTERM or SIGINT. Returns the exit status."""
    logs.configure(settings.log)
    metrics.BUILD.info({"version": version("orderbell"), "python": sys.version.split()[0]})
    manager = ServiceManager()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await _serve(settings, manager, stop)
    except (ConfigError, SchemaError, OSError) as error:
        log.error("daemon.cannot_run", error=str(error))
        return 1
    except Exception:
        log.exception("daemon.failed")
        return 1
    log.info("daemon.stopped")
    return 0


async def _serve(settings: Settings, manager: ServiceManager, stop: asyncio.Event) -> None:
    if not await _database_is_ready(settings, manager, stop):
        return
    node = f"{socket.gethostname()}:{secrets.token_hex(4)}"
    connections = Connections(settings.database)
    clock = DatabaseClock()
    async with AsyncExitStack() as stack:
        pool = connections.pool()
        await pool.open()
        stack.push_async_callback(pool.close)
        engine = create_engine(settings.database)
        stack.push_async_callback(engine.dispose)

        dispatchers = await _started(dispatchers_of(settings), stack)
        tokens, inbox = Tokens(settings.auth), Inbox(engine)
        hub = Hub(
            settings.hub,
            settings.http.allowed_origins,
            authenticate=tokens.verify,
            inbox=inbox,
            queries=settings.database.pool_size,
        )
        live = LiveFeed(hub)

        region = settings.sms.default_region
        leases, ledger = Leases(pool, settings.delivery, node, clock, region), Ledger(pool, region)
        health = Health(manager)
        workers = Workers(dispatchers, leases, ledger, settings.delivery, clock, health.progressed)
        doorbell = Doorbell(connections.open, settings.capture)
        planner = Planner(
            connections.open, doorbell, planning_of(settings, workers.channels, node), workers, live.publish
        )
        health.observe(planner, doorbell, pool)
        app = create_app(
            settings,
            tokens=tokens,
            engine=engine,
            inbox=inbox,
            reading=hub.reading,
            vapid_public_key=_vapid_public_key(settings),
            readiness=health.checks,
        )
        history = History(pool, settings.delivery)
        # Before anything is written to it: a partition that appears under a COPY makes that COPY fail.
        await _try_to_keep(history)
        server = HttpServer(
            app, settings.http, websocket=hub.protocol_class(), drain_seconds=settings.shutdown.drain_seconds
        )
        metrics_server = MetricsServer(settings.metrics)
        await server.start()
        await metrics_server.start()
        stack.push_async_callback(metrics_server.stop)

        parts: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("planner", planner.run),
            ("workers", workers.run),
            ("live feed", live.run),
            ("history", history.run),
            ("server", server.run),
            ("health", health.run),
        ]
        async with asyncio.TaskGroup() as tasks:
            running = {name: tasks.create_task(_part(name, part)) for name, part in parts}
            log.info(
                "daemon.started",
                node=node,
                http_port=server.port,
                metrics_port=metrics_server.port,
                channels=sorted(workers.channels),
                watches=[watch.name for watch in settings.watch],
            )
            ready = tasks.create_task(health.ready_when_live(), name="ready")
            await stop.wait()
            manager.stopping()
            log.info("daemon.stopping")
            ready.cancel()
            for name in ("planner", "workers"):
                await _end(running[name])
            await workers.drain(settings.shutdown.drain_seconds)
            await server.stop()
            await hub.stop()
            for task in running.values():
                await _end(task)


def _vapid_public_key(settings: Settings) -> str | None:
    private = settings.webpush.vapid_private_key
    if private is None:
        return None
    try:
        return public_key(private.get_secret_value())
    except BadKey as error:
        raise ConfigError("webpush.vapid_private_key", [Mistake("", str(error))]) from error


async def _try_to_keep(history: History) -> None:
    try:
        await history.keep(datetime.now(UTC).date())
    except psycopg.Error as error:
        # The default partition takes what comes until it works.
        log.warning("history.not_kept", error=" ".join(str(error).split()))


async def _part(name: str, part: Callable[[], Awaitable[None]]) -> None:
    """A part runs until it is cancelled or told to stop; should it fail, the daemon ends and systemd starts it anew."""
    try:
        await part()
    except Exception:
        log.exception("part.failed", part=name)
        raise


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _started(dispatchers: list[Dispatcher], stack: AsyncExitStack) -> list[Dispatcher]:
    for dispatcher in dispatchers:
        await dispatcher.start()
        stack.push_async_callback(dispatcher.stop)
    return dispatchers


async def _database_is_ready(settings: Settings, manager: ServiceManager, stop: asyncio.Event) -> bool:
    """Wait until the database answers and its schema is ours; False when asked to stop meanwhile.

    Raises :class:`SchemaError` when it answers and the schema is not there or another one.
    """
    while not stop.is_set():
        try:
            stale = await asyncio.to_thread(_look, settings)
        except psycopg.OperationalError as error:
            manager.status("waiting for the database")
            log.warning("database.not_ready", error=" ".join(str(error).split()))
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
