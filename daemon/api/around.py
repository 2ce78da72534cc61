"""What goes around every route: no answer of the API is kept by anybody, and a fault has an answer as well."""

import logging

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.api.problems import problem

log = logging.getLogger(__name__)

KEPT_BY_NOBODY = "/api/"


class NotKept:
    """``Cache-Control: no-store`` (RFC 9111, 5.2.2.5) on what is a person's."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(KEPT_BY_NOBODY):
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, marked)


class Faults:
    """What nobody has expected becomes a 500 here, inside of what lets other origins read it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            log.error("api.failed", exc_info=error)
            await problem(500, "This is a fault of ours; the log says more.")(scope, receive, send)
