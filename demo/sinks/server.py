"""What the HTTP sinks share: a server on loopback, in the running loop, that can be told to misbehave."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from weakref import WeakSet

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a sink does with one request in place of its own answer."""

    status: int | None = None
    """None: the sink's own answer, perhaps late."""
    body: object = None
    """JSON, or text as it is."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    hang: bool = False
    """No answer, until the sink stops."""
    drop: bool = False
    """No answer: the connection is closed."""
    record: bool = True
    """Whether what arrived counts as taken."""


class LoopbackServer:
    """An aiohttp server on 127.0.0.1; port 0 takes any free one."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self._seen: WeakSet[asyncio.Transport] = WeakSet()
        self.connections = 0
        """How many connections have carried a request."""

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``, once started."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        app = web.Application(middlewares=[self._count], client_max_size=1 << 20)
        self.add_routes(app.router)
        self._stopping.clear()
        # No grace for open requests at the end: hung ones are let go first.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """The routes of this sink."""
        raise NotImplementedError

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        if transport is not None and transport not in self._seen:
            self._seen.add(transport)
            self.connections += 1
        return await handler(request)

    async def play(self, request: web.Request, reply: Reply, own: web.Response) -> web.Response:
        """The answer that ``reply`` asks for; ``own`` where it asks for none."""
        if reply.delay_seconds:
            await asyncio.sleep(reply.delay_seconds)
        if reply.hang:
            await self._stopping.wait()
        if reply.drop or reply.hang:
            if request.transport is not None:
                request.transport.close()
            return own
        if reply.status is None:
            return own
        if isinstance(reply.body, str):
            return web.Response(status=reply.status, text=reply.body, headers=reply.headers)
        if reply.body is None:
            return web.Response(status=reply.status, headers=reply.headers)
        return web.json_response(reply.body, status=reply.status, headers=reply.headers)
