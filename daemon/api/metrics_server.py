"""/metrics for Prometheus, on a listener of its own: what is public is not beside what is private."""

import socket

from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder

from config.settings import Metrics
from daemon.api.listen import listen


class MetricsServer:
    """Serves ``registry`` in the text format, or as OpenMetrics to who asks for it."""

    def __init__(self, settings: Metrics, registry: CollectorRegistry = REGISTRY) -> None:
        self._settings = settings
        self._registry = registry
        self._socket: socket.socket | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen and serve. Raises ListenError."""
        self._socket = listen(self._settings.host, self._settings.port, setting="metrics.port")
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    @property
    def port(self) -> int:
        """The real one, also where the settings say 0."""
        if self._socket is None:
            raise RuntimeError("not started")
        port: int = self._socket.getsockname()[1]
        return port

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})
