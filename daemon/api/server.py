"""The listener for REST and WebSockets: uvicorn in our own loop, with its hands off signals and logs."""

import asyncio
import contextlib
import math
import socket

import uvicorn
from starlette.types import ASGIApp

from config.settings import Http
from daemon.api.listen import BACKLOG, listen

DATE_SECONDS = 1.0
"""How old the date in a response may be."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    def leave(self) -> None:
        """End :meth:`serve`, after what is in flight."""
        self.should_exit = True
        self._told.set()

    async def main_loop(self) -> None:
        """Is told when to end: uvicorn's own looks ten times a second, for ever."""
        while not await self.on_tick(0):
            try:
                async with asyncio.timeout(DATE_SECONDS):
                    await self._told.wait()
            except TimeoutError:
                pass

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        """None are captured: the supervisor decides when to stop."""
        return contextlib.nullcontext()


class HttpServer:
    """Serves ``app``, and WebSockets by ``websocket``, until it is told to stop."""

    def __init__(
        self, app: ASGIApp, settings: Http, *, websocket: type[asyncio.Protocol], drain_seconds: float = 15.0
    ) -> None:
        self._settings = settings
        self._socket: socket.socket | None = None
        self._stopped = asyncio.Event()
        self._running = False
        self._server = _Server(
            uvicorn.Config(
                app,
                http="httptools",
                ws=websocket,
                interface="asgi3",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                ws_per_message_deflate=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=max(1, math.ceil(drain_seconds)),
            )
        )

    async def start(self) -> None:
        """Bind and listen: from now on connections wait to be served. Raises ListenError."""
        self._socket = listen(self._settings.host, self._settings.port, setting="http.port")

    @property
    def port(self) -> int:
        """The real one, also where the settings say 0."""
        if self._socket is None:
            raise RuntimeError("not started")
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """``http://HOST:PORT``, once started."""
        host = self._settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def run(self) -> None:
        """Serve until :meth:`stop`, or until cancelled, which closes at once."""
        if self._socket is None:
            raise RuntimeError("not started")
        self._running = True
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            for server in getattr(self._server, "servers", ()):  # still open only after a cancellation
                server.close()
            self._socket.close()
            self._stopped.set()

    async def stop(self) -> None:
        """Accept no more, close WebSockets with 1012, let requests in flight finish; returns once done."""
        self._server.leave()
        if self._running:
            await self._stopped.wait()
        elif self._socket is not None:
            self._socket.close()
