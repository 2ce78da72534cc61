"""The page's routes: its files, what happens as server-sent events, mails, and the buttons."""

import asyncio
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web

from daemon.api.static import web_directory
from demo.browser import token_for
from demo.counter import Counter, NotNow
from demo.feed import Feed, server_sent
from demo.shop import LIFECYCLE
from demo.sinks.server import Handler
from demo.stage import Stage

ON_STAGE = ("1", "2", "3", "4", "5")
"""The customer, the vendor and the three drivers of shop.sql."""
STAGE_CUSTOMER, STAGE_VENDOR, STAGE_DRIVER = 1, 1, 1
TOTALS_SECONDS = 0.5
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Page:
    """The page's routes."""

    def __init__(self, running: Stage, feed: Feed, counter: Counter) -> None:
        self._running = running
        self._feed = feed
        self._counter = counter
        self._hub = f"127.0.0.1:{running.settings.http.port}"

    def application(self) -> web.Application:
        """An application with all of them."""
        app = web.Application(middlewares=[self._guarded])
        app.router.add_get("/", self._index)
        app.router.add_get("/page/{name}", self._file)
        app.router.add_get("/web/{name}", self._bell)
        app.router.add_get("/feed", self._listen)
        app.router.add_get("/mails/{number:\\d+}", self._mail)
        app.router.add_post("/orders", self._place)
        app.router.add_post("/orders/{key:\\d+}/{status}", self._advance)
        return app

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        # No other site may press our buttons, or read this page under its own name (DNS rebinding).
        if request.url.host not in {"127.0.0.1", "localhost"} or (
            request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin"
        ):
            raise web.HTTPForbidden(text="this page is for this machine only")
        return await handler(request)

    async def _index(self, _request: web.Request) -> web.Response:
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; frame-src 'self';"
            f" connect-src 'self' http://{self._hub} ws://{self._hub};"
            " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return _served(files("demo") / "page" / "index.html", {"Content-Security-Policy": policy})

    async def _file(self, request: web.Request) -> web.Response:
        return _one_of(files("demo") / "page", request.match_info["name"])

    async def _bell(self, request: web.Request) -> web.Response:
        return _one_of(web_directory(), request.match_info["name"])

    async def _listen(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        with self._feed.listening() as events:
            await response.write(server_sent(self._stage()))
            totals = asyncio.create_task(self._totals(response))
            try:
                async for event in events:
                    await response.write(server_sent(event))
            except ConnectionResetError:
                pass  # the page was closed
            finally:
                totals.cancel()
        return response

    async def _totals(self, response: web.StreamResponse) -> None:
        last = None
        while True:
            if (totals := self._feed.totals()) != last:
                await response.write(server_sent(totals))
                last = totals
            await asyncio.sleep(TOTALS_SECONDS)

    def _stage(self) -> dict[str, object]:
        """Who is on stage, what has happened so far, and where the hub is."""
        settings, people = self._running.settings, self._running.cast.people
        return {
            "kind": "stage",
            "hub": f"http://{self._hub}",
            "lifecycle": LIFECYCLE,
            "people": [
                {
                    "user_id": user_id,
                    "name": people[user_id].name,
                    "role": people[user_id].role,
                    "token": token_for(settings, user_id),
                }
                for user_id in ON_STAGE
            ],
            "history": list(self._feed.history),
        }

    async def _mail(self, request: web.Request) -> web.Response:
        html = self._feed.mail(int(request.match_info["number"]))
        if html is None:
            raise web.HTTPNotFound
        # What a mail program would allow, and less: no script, nothing from elsewhere.
        policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
        return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def _place(self, _request: web.Request) -> web.Response:
        order = await self._counter.place_order(STAGE_CUSTOMER, STAGE_VENDOR)
        return web.json_response({"id": order.id}, status=201)

    async def _advance(self, request: web.Request) -> web.Response:
        try:
            await self._counter.advance(int(request.match_info["key"]), request.match_info["status"], STAGE_DRIVER)
        except LookupError as error:
            raise web.HTTPNotFound(text=str(error)) from None
        except NotNow as error:
            raise web.HTTPConflict(text=str(error)) from None
        return web.Response(status=204)


def _one_of(folder: Traversable, name: str) -> web.Response:
    """Raises HTTPNotFound for what is not in the folder itself."""
    found = next((file for file in folder.iterdir() if file.name == name), None)
    if found is None:
        raise web.HTTPNotFound
    return _served(found)


def _served(file: Traversable, headers: dict[str, str] | None = None) -> web.Response:
    suffix = file.name[file.name.rfind(".") :]
    return web.Response(
        body=file.read_bytes(),
        content_type=TYPES[suffix],
        charset="utf-8",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
    )
