"""Puts the parts of the daemon together. With the supervisor, the only module that knows them all."""

import asyncio
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import structlog

from config import ConfigError, Mistake, Settings
from daemon.api.admin import Admin
from daemon.api.app import create_app
from daemon.api.auth import Tokens
from daemon.api.database import create_engine
from daemon.api.inbox import Inbox
from daemon.api.keys import BadKeyFile
from daemon.api.metrics_server import MetricsServer
from daemon.api.routes.admin import install as install_admin
from daemon.api.server import HttpServer
from daemon.bulletins import Bulletins
from daemon.capture.changelog.reader import ChangeLog
from daemon.capture.doorbell import Doorbell
from daemon.channels import dispatchers_of
from daemon.clock import DatabaseClock
from daemon.connections import Connections, Pool
from daemon.delivery.history import History
from daemon.delivery.holds import Holds
from daemon.delivery.leases import Leases
from daemon.delivery.ledger import Ledger
from daemon.delivery.workers import Workers
from daemon.explain.explainer import Explainer
from daemon.feedback.mail.service import ReturnedMail
from daemon.feedback.record import Feedback
from daemon.health import Health
from daemon.kept import one_line
from daemon.live import LiveFeed
from daemon.policy import last_look_of, planning_of
from daemon.presence import Presence
from daemon.series import begin_series
from daemon.store.planner import Planner, Planning
from daemon.store.rooms import Rooms
from daemon.systemd import ServiceManager
from daemon.tracing import NOBODY, Tracer, tracer_of
from daemon.whereabouts import Whereabouts
from dispatchers.base import Dispatcher
from dispatchers.email.keys import link_secret
from dispatchers.webpush import BadKey, public_key
from dispatchers.websocket import Broker, Hub, redis_broker
from schema.queries import statements

log = structlog.get_logger(__name__)

TRACES_SECONDS = 5.0
"""At the end, for what is not with the collector yet."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that runs."""

    node: str
    changelog: ChangeLog
    planner: Planner
    workers: Workers
    leases: Leases
    holds: Holds
    live: LiveFeed
    hub: Hub
    tokens: Tokens
    broker: Broker | None
    presence: Presence
    whereabouts: Whereabouts
    bulletins: Bulletins
    admin: Admin
    explainer: Explainer
    pool: Pool
    history: History
    feedback: Feedback
    returned_mail: ReturnedMail
    server: HttpServer
    metrics_server: MetricsServer
    health: Health

    def running(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        """The name of each part that runs until it is cancelled, and what runs it."""
        between_daemons = [("broker", self.broker.run), ("catch up", self.hub.run)] if self.broker else []
        return [
            *between_daemons,
            ("change log", self.changelog.run),
            ("planner", self._plan),
            ("workers", self.workers.run),
            ("holds", self.holds.run),
            ("live feed", self.live.run),
            ("presence", self.presence.run),
            ("whereabouts", self.whereabouts.run),
            ("announcements", lambda: self.bulletins.run(self.hub)),
            ("keys", self.tokens.run),
            ("history", self.history.run),
            ("server", self.server.run),
            ("returned mail", self.returned_mail.run),
            ("health", self.health.run),
        ]

    async def _plan(self) -> None:
        # What was written before triggers took over is told before what they captured.
        await self.changelog.settled.wait()
        await self.planner.run()

    def obey(self, settings: Settings) -> None:
        """Go by these rules, messages and limits from now on. Raises ConfigError, and has then changed nothing."""
        planning = planning_of(settings, self.workers.channels, self.node)
        self.metrics_server.renew_certificate()
        begin_series(settings, self.workers.channels)
        self.changelog.obey(settings)
        self.planner.planning = planning
        self.leases.last_look = self.holds.look = last_look_of(
            settings, planning.policy, self.live.listening, self.node
        )
        self.hub.rooms = _rooms(settings, planning, self.pool)
        self.hub.spawn(self.hub.live_rooms.refresh())
        self.whereabouts.watches = planning.watches
        self.bulletins.obey(settings.audience, planning.lookup)
        self.admin.obey(settings, planning.policy, planning.lookup)
        self.explainer.settings = settings
        self.holds.catalogue = planning.policy.catalogue
        self.hub.limits = settings.hub
        self.workers.obey(settings.delivery)
        self.history.settings = self.feedback.settings = settings.delivery
        self.holds.poll_seconds = settings.delivery.poll_seconds


async def assemble(settings: Settings, manager: ServiceManager, stack: AsyncExitStack) -> Parts:
    """Open what is kept open, and listen; ``stack`` closes it again. Raises ConfigError, OSError, psycopg.Error."""
    node = f"{socket.gethostname()}:{secrets.token_hex(4)}"
    connections, clock = Connections(settings.database), DatabaseClock()
    pool = await stack.enter_async_context(connections.pool())
    queue = await stack.enter_async_context(connections.queue())
    engine, of_the_hub = create_engine(settings.database), create_engine(settings.database, "orderbell hub")
    for each in (engine, of_the_hub):
        stack.push_async_callback(each.dispose)
    dispatchers = await _started(dispatchers_of(settings), stack)

    tokens, inbox = _tokens(settings), Inbox(of_the_hub)
    hub = Hub(
        settings.hub,
        settings.http.allowed_origins,
        authenticate=tokens.verify,
        inbox=inbox,
        cookie=settings.auth.cookie,
        queries=settings.database.pool_size,
    )
    broker = await _broker(settings, hub, pool)
    presence = Presence(pool, node)
    hub.on_presence = presence.changed
    whereabouts = Whereabouts(pool, hub, {watch.name: watch for watch in settings.watch})
    live, health = LiveFeed(hub, whereabouts.put), Health(manager)

    region = settings.sms.default_region
    feedback = Feedback(pool, settings.delivery, region)
    leases, ledger = Leases(queue, settings.delivery, node, clock, region), Ledger(queue, region)
    tracer = await _tracer(settings, pool, stack)
    workers = Workers(dispatchers, leases, ledger, settings.delivery, clock, tracer)
    planning = planning_of(settings, workers.channels, node)
    begin_series(settings, workers.channels)
    leases.last_look = look = last_look_of(settings, planning.policy, live.listening, node)
    hub.rooms = _rooms(settings, planning, pool)
    hub.bulletins = bulletins = Bulletins(pool, settings.audience, planning.lookup)
    doorbell = Doorbell(connections.open, settings.capture)
    planner = Planner(connections.open, doorbell, planning, workers, live, tracer)
    changelog = ChangeLog(connections, settings)
    health.observe(planner, doorbell, changelog, workers, queue, dispatchers)
    app = create_app(
        settings,
        tokens=tokens,
        engine=engine,
        inbox=inbox,
        reading=hub.reading,
        vapid_public_key=_vapid_public_key(settings),
        readiness=health.checks,
        liveness=health.alive,
        feedback=feedback,
        obeyed=lambda: planner.planning,
        publish=hub.publish,
    )
    explainer = Explainer(settings)
    admin = Admin(engine, connections, settings, planning.policy, planning.lookup, explain=explainer)
    install_admin(app, admin)
    parts = Parts(
        node=node,
        changelog=changelog,
        planner=planner,
        workers=workers,
        leases=leases,
        holds=Holds(queue, planning.policy.catalogue, look, settings.delivery.poll_seconds),
        live=live,
        hub=hub,
        tokens=tokens,
        broker=broker,
        presence=presence,
        whereabouts=whereabouts,
        bulletins=bulletins,
        admin=admin,
        explainer=explainer,
        pool=pool,
        history=History(pool, settings.delivery, settle=feedback.settle),
        feedback=feedback,
        returned_mail=_returned_mail(settings, pool, feedback),
        server=HttpServer(
            app, settings.http, websocket=hub.protocol_class(), drain_seconds=settings.shutdown.drain_seconds
        ),
        metrics_server=MetricsServer(settings.metrics),
        health=health,
    )
    # Before anything is written to it: a partition that appears under a COPY makes that COPY fail.
    await _try_to_keep(parts.history)
    await parts.returned_mail.start()
    if broker is not None:
        await broker.start()
        stack.push_async_callback(broker.stop)
    await parts.server.start()
    await parts.metrics_server.start()
    stack.push_async_callback(parts.metrics_server.stop)
    return parts


def _tokens(settings: Settings) -> Tokens:
    try:
        return Tokens(settings.auth)
    except BadKeyFile as error:
        raise ConfigError("the configuration", [Mistake("auth.public_key_file", str(error))]) from error


def _rooms(settings: Settings, planning: Planning, pool: Pool) -> Rooms:
    return Rooms(
        pool,
        planning.watches,
        settings.audience,
        planning.lookup,
        settings.hub.locating_audiences,
        settings.auth.admin_role,
    )


async def _tracer(settings: Settings, pool: Pool, stack: AsyncExitStack) -> Tracer:
    """Stopped before the database is closed, when all that is to be traced has ended."""
    if settings.tracing.endpoint is None:
        return NOBODY
    async with pool.connection() as connection:
        (installation,) = await (await connection.execute(statements("live")["installation"])).fetchone() or ("",)
    tracer = tracer_of(settings.tracing, str(installation))
    stack.push_async_callback(asyncio.to_thread, tracer.stop, TRACES_SECONDS)
    return tracer


async def _broker(settings: Settings, hub: Hub, pool: Pool) -> Broker | None:
    if settings.hub.broker_url is None:
        return None
    async with pool.connection() as connection:
        (installation,) = await (await connection.execute(statements("live")["installation"])).fetchone() or ("",)
    url = settings.hub.broker_url.get_secret_value()
    try:
        broker = redis_broker(url, installation=installation, receive=hub.receive, on_gap=hub.catch_up)
    except ImportError as error:
        raise ConfigError(
            "the configuration", [Mistake("hub.broker_url", "needs redis: pip install 'orderbell[redis]'")]
        ) from error
    except ValueError as error:
        raise ConfigError("the configuration", [Mistake("hub.broker_url", str(error))]) from error
    hub.outward = broker.publish
    return broker


def _returned_mail(settings: Settings, pool: Pool, feedback: Feedback) -> ReturnedMail:
    try:
        return ReturnedMail(settings.email, link_secret(settings), pool, feedback)
    except ValueError as error:
        raise ConfigError("the configuration", [Mistake("", str(error))]) from error


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
        log.warning("history.not_kept", error=one_line(error))


async def _started(dispatchers: list[Dispatcher], stack: AsyncExitStack) -> list[Dispatcher]:
    for dispatcher in dispatchers:
        await dispatcher.start()
        stack.push_async_callback(dispatcher.stop)
    return dispatchers
