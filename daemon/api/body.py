"""No request body is kept that is larger than any route could need.

What still comes after the answer is thrown away by uvicorn: to close instead would reset the connection under
a client that is still sending, which would then not see the answer.
"""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.api.problems import problem

MOST_BYTES = 65_536
"""The largest body that a person's own routes take is a push subscription, under 3 KB."""
MOST_BYTES_OF_STAFF = 524_288
"""A message to a thousand people, or a long template."""
STAFF = "/api/admin/"


class BodyLimit:
    """413 for a body that says it is too large, and for one that turns out to be."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MOST_BYTES_OF_STAFF if scope["path"].startswith(STAFF) else MOST_BYTES
        too_large = f"A body may have {most} bytes."
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if said.isdigit() and int(said) > most:
            await problem(413, too_large)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise HTTPException(413, too_large)
            return message

        await self._app(scope, counted, send)
