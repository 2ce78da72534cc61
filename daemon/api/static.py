"""The browser's files under /web/: the bell's module and the service worker."""

from importlib.resources import files
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

SERVICE_WORKER = "orderbell-sw.js"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # The module is meant to be imported by the application's own pages, which have another origin.
    "Cross-Origin-Resource-Policy": "cross-origin",
    # Short, with an ETag: after an upgrade no page keeps an old module for long.
    "Cache-Control": "public, max-age=300",
}


def web_directory() -> Path:
    """Where the files are: in the wheel inside this package, in a clone beside it."""
    packaged = Path(str(files("daemon"))) / "web"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "web"


class WebFiles(StaticFiles):
    """Static files with headers that let a page do no more than it needs."""

    def __init__(self) -> None:
        super().__init__(directory=web_directory())

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        if path == SERVICE_WORKER:
            # A worker may control the whole origin, not only /web/ (Service Workers, 6.5.2).
            response.headers["Service-Worker-Allowed"] = "/"
            response.headers["Cache-Control"] = "no-cache"
        return response
