"""The HTTP side: REST API, the hub's listener, static files, and the metrics listener.

How it is wired::

    tokens = Tokens(settings.auth)
    engine = create_engine(settings.database)    # SQLAlchemy on psycopg; `await engine.dispose()` at the end
    inbox = Inbox(create_engine(settings.database, "orderbell hub"))    # to be disposed of as well
    hub = Hub(settings.hub, settings.http.allowed_origins, authenticate=tokens.verify, inbox=inbox,
              queries=settings.database.pool_size)
    app = create_app(settings, tokens=tokens, engine=engine, inbox=inbox, reading=hub.reading, publish=hub.publish,
                     vapid_public_key=None, feedback=feedback,
                     readiness=health.checks,  # async: check -> None or what is wrong
                     obeyed=lambda: planner.planning)
    server = HttpServer(app, settings.http, websocket=hub.protocol_class(),
                        drain_seconds=settings.shutdown.drain_seconds)
    metrics = MetricsServer(settings.metrics)

    await server.start()       # binds and listens; raises ListenError; server.port, server.url
    await server.run()         # serves until stop() is called; run it as a task
    await server.stop()        # 1012 to WebSockets, requests in flight finish; returns when run() is over
    await hub.stop()

    await metrics.start(); metrics.port; await metrics.stop()
"""

from daemon.api.app import create_app
from daemon.api.auth import Identity, Tokens
from daemon.api.database import create_engine
from daemon.api.inbox import Inbox
from daemon.api.listen import ListenError
from daemon.api.metrics_server import MetricsServer
from daemon.api.server import HttpServer

__all__ = [
    "HttpServer",
    "Identity",
    "Inbox",
    "ListenError",
    "MetricsServer",
    "Tokens",
    "create_app",
    "create_engine",
]
