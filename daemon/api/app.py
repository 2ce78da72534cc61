"""The REST API as one application: see the package for how it is wired."""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from sqlalchemy.ext.asyncio import AsyncEngine

from config import Settings
from daemon.api import docs_page, problems
from daemon.api.around import Faults, NotKept
from daemon.api.auth import Tokens
from daemon.api.body import BodyLimit
from daemon.api.caller import Parts
from daemon.api.costly import Costly
from daemon.api.inbox import Inbox, Listing, Putting, Statistics
from daemon.api.inbox.putting import Publish, to_nobody
from daemon.api.inbox.session import Session
from daemon.api.rate import Rates
from daemon.api.routes import health, notifications, push, twilio, unsubscribe
from daemon.api.routes import settings as own_settings
from daemon.api.routes.health import Liveness, Readiness
from daemon.api.settings_store import Obeyed, SettingsStore
from daemon.api.static import WebFiles
from daemon.api.subscriptions import Subscriptions
from daemon.api.unsubscribe_page import UnsubscribePage
from daemon.feedback.record import Feedback
from dispatchers.email.keys import link_secret
from dispatchers.email.message import brand_of
from dispatchers.email.unsubscribe import Links
from dispatchers.sms.signature import Accounts
from dispatchers.websocket import Reading


def create_app(
    settings: Settings,
    *,
    tokens: Tokens,
    engine: AsyncEngine,
    inbox: Inbox,
    reading: Reading,
    vapid_public_key: str | None,
    readiness: Readiness,
    feedback: Feedback,
    obeyed: Callable[[], Obeyed],
    publish: Publish = to_nobody,
    liveness: Liveness = lambda: None,
) -> FastAPI:
    """The application, for :class:`daemon.api.server.HttpServer`.

    ``reading`` is the hub's: what is read here shows on every screen. ``readiness`` is asked at each /readyz,
    ``obeyed`` for what the planner goes by at that moment. ``publish`` is the hub's, too: it brings a frame to all
    connections of a person. ``engine`` is the API's own; the hub and ``inbox`` have another. ``liveness`` says at each
    /livez whether only a restart would help.
    """
    app = FastAPI(
        title="Orderbell",
        summary="What a person was told about their orders.",
        version="1",
        docs_url=None,
        redoc_url=None,
    )
    session = Session(engine)
    app.state.parts = Parts(
        tokens=tokens,
        rates=Rates(settings.http.requests_per_second),
        inbox=inbox,
        costly=Costly(settings.database.pool_size),
        listing=Listing(session),
        putting=Putting(engine, inbox, publish),
        statistics=Statistics(session),
        reading=reading,
        settings=SettingsStore(engine, obeyed, settings.audience),
        subscriptions=Subscriptions(engine, allow_private_endpoints=settings.webpush.allow_private_endpoints),
        vapid_public_key=vapid_public_key,
        feedback=feedback,
        twilio=Accounts(settings.sms, settings.http.public_url),
        help_text=settings.sms.help_text,
        links=Links(settings.http.public_url, link_secret(settings)),
        unsubscribe_page=UnsubscribePage(brand=brand_of(settings.email), accent=settings.email.accent),
    )
    app.state.readiness, app.state.liveness = readiness, liveness
    for module in (notifications, own_settings, push, health, twilio, unsubscribe):
        app.include_router(module.router)
    if settings.sms.provider and settings.http.public_url:
        twilio.begin_series()
    if settings.email.provider and settings.http.public_url:
        unsubscribe.begin_series()
    docs_page.install(app)
    app.mount("/web", WebFiles(), name="web")
    problems.install(app)
    # The last is the outermost.
    app.add_middleware(Faults)
    app.add_middleware(BodyLimit)
    if settings.http.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.http.allowed_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After", "WWW-Authenticate"],
        )
    app.add_middleware(NotKept)
    return app
