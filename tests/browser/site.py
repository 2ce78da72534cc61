"""The shop's own site: pages with a bell, under a Content-Security-Policy that allows no more than the bell needs."""

from datetime import UTC, datetime, timedelta
from html import escape

import jwt
from aiohttp import web

from config import Settings

TOKEN_LIFETIME = timedelta(hours=1)

WORKER = 'importScripts("{hub}/web/orderbell-sw.js");'
"""A worker must be of the page's own origin: this is all that stands there."""

PAGE = """<!doctype html>
<html lang="{lang}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Shop</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/shop.css">
<script type="module" src="{hub}/web/order-bell.js"></script></head>
<body><nav><b>Basil &amp; Thyme</b><span></span><a href="#menu">Menu</a><a href="#orders">My orders</a>{bar}</nav>
<main>{main}</main></body></html>"""

STYLE = """
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; background: light-dark(#f5f6f8, #0d0f13); }
body { color: light-dark(#15181e, #eceef2); }
nav { display: flex; gap: 22px; align-items: center; padding: 12px 24px; background: light-dark(#fff, #17191f); }
nav { border-bottom: 1px solid light-dark(#e3e6ec, #2c303a); }
nav span { flex: 1; }
a { color: inherit; text-decoration: none; }
main { max-width: 720px; margin: 32px auto; padding: 0 16px; }
order-bell[page] { height: 560px; }
@media (max-width: 480px) { nav a { display: none; } }
"""


class Site:
    """Listens on loopback. ``/as/USER`` shows that user's bell with the attributes of the query; ``page`` makes it a
    whole page, ``nows`` a page from which no WebSocket may be opened.
    """

    def __init__(self) -> None:
        self.hub = ""
        """HOST:PORT at which pages find Orderbell."""
        self.tokens = 0
        """How many have been asked for."""
        self.lifetime = TOKEN_LIFETIME
        self.snippet = ""
        """The whole page at ``/snippet``."""
        self._secret = ""
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/as/{user}", self._page)
        app.router.add_get("/snippet", self._own_page)
        app.router.add_get("/token/{user}", self._token)
        app.router.add_get("/orderbell-sw.js", self._worker)
        app.router.add_get("/shop.css", self._style)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        listener = web.TCPSite(self._runner, "127.0.0.1", 0)
        await listener.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def trusts(self, settings: Settings) -> None:
        """Its tokens are signed for this daemon."""
        assert settings.auth.secret is not None
        self._secret = settings.auth.secret.get_secret_value()
        self.hub = f"127.0.0.1:{settings.http.port}"

    def token(self, user: str) -> str:
        now = datetime.now(UTC)
        return jwt.encode({"sub": user, "iat": now, "exp": now + self.lifetime}, self._secret, "HS256")

    def policy(self, *, sockets: bool = True) -> dict[str, str]:
        """What docs/how-to/bell.md says is enough; and no string becomes markup (Trusted Types)."""
        connect = f"'self' http://{self.hub}" + (f" ws://{self.hub}" if sockets else "")
        return {
            "Content-Security-Policy": f"default-src 'none'; script-src 'self' http://{self.hub}; style-src 'self';"
            f" img-src 'self' data:; connect-src {connect}; worker-src 'self'; base-uri 'none'; form-action 'none';"
            " require-trusted-types-for 'script'"
        }

    async def _page(self, request: web.Request) -> web.Response:
        user, query = request.match_info["user"], dict(request.query)
        lang, sockets = query.pop("lang", "en"), query.pop("nows", None) is None
        attributes = "".join(f' {escape(name)}="{escape(value)}"' for name, value in query.items())
        bell = f'<order-bell token-url="/token/{user}" worker="/orderbell-sw.js"{attributes}></order-bell>'
        whole = "page" in query
        text = PAGE.format(
            lang=lang,
            hub=f"http://{self.hub}",
            bar="" if whole else bell,
            main=bell if whole else "",
        )
        return web.Response(text=text, content_type="text/html", headers=self.policy(sockets=sockets))

    async def _own_page(self, _request: web.Request) -> web.Response:
        return web.Response(text=self.snippet, content_type="text/html", headers=self.policy())

    async def _token(self, request: web.Request) -> web.Response:
        self.tokens += 1
        return web.json_response(
            {"token": self.token(request.match_info["user"])}, headers={"Cache-Control": "no-store"}
        )

    async def _worker(self, _request: web.Request) -> web.Response:
        headers = {
            "Content-Security-Policy": f"script-src 'self' http://{self.hub}; connect-src 'self' http://{self.hub}"
        }
        return web.Response(
            text=WORKER.format(hub=f"http://{self.hub}"), content_type="text/javascript", headers=headers
        )

    async def _style(self, _request: web.Request) -> web.Response:
        return web.Response(text=STYLE, content_type="text/css")
