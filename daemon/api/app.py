"""The REST API as one application: see the package for how it is wired."""

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from sqlalchemy.ext.asyncio import AsyncEngine

from config import Settings
from daemon.api import problems
from daemon.api.auth import Tokens
from daemon.api.body import BodyLimit
from daemon.api.caller import Parts
from daemon.api.inbox import Inbox
from daemon.api.routes import health, notifications, push
from daemon.api.routes.health import Readiness
from daemon.api.static import WebFiles
from daemon.api.subscriptions import Subscriptions
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
) -> FastAPI:
    """The application, for :class:`daemon.api.server.HttpServer`.

    ``reading`` is the hub's: what is read here shows on every screen. ``readiness`` is asked at each /readyz.
    """
    app = FastAPI(
        title="Orderbell",
        summary="What a person was told about their orders.",
        version="1",
    )
    app.state.parts = Parts(
        tokens=tokens,
        inbox=inbox,
        reading=reading,
        subscriptions=Subscriptions(engine, allow_private_endpoints=settings.webpush.allow_private_endpoints),
        vapid_public_key=vapid_public_key,
    )
    app.state.readiness = readiness
    for module in (notifications, push, health):
        app.include_router(module.router)
    app.mount("/web", WebFiles(), name="web")
    problems.install(app)
    app.add_middleware(BodyLimit)
    if settings.http.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.http.allowed_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        )
    return app
