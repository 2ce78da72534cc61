"""The browser's files under /web/: the bell's modules and the service worker."""

import gzip
from importlib.resources import files
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
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
    "Vary": "Accept-Encoding",
}


def web_directory() -> Path:
    """Where the files are: in the wheel inside this package, in a clone beside it."""
    packaged = Path(str(files("daemon"))) / "web"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "web"


class WebFiles(StaticFiles):
    """Static files with headers that let a page do no more than it needs; compressed once for all (RFC 9110, 8.4.1)."""

    def __init__(self) -> None:
        super().__init__(directory=web_directory())
        self._compressed: dict[str, tuple[str, bytes]] = {}
        """Path -> the ETag of what was compressed, and the outcome."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if isinstance(response, FileResponse) and _takes_gzip(Headers(scope=scope)):
            response = self._as_gzip(path, response)
        response.headers.update(HEADERS)
        if path == SERVICE_WORKER:
            # A worker may control the whole origin, not only /web/ (Service Workers, 6.5.2).
            response.headers["Service-Worker-Allowed"] = "/"
            response.headers["Cache-Control"] = "no-cache"
        return response

    def _as_gzip(self, path: str, file: FileResponse) -> Response:
        etag = file.headers["ETag"]
        known, content = self._compressed.get(path, ("", b""))
        if known != etag:
            content = gzip.compress(Path(file.path).read_bytes(), mtime=0)
            self._compressed[path] = etag, content
        # Weak: the bytes differ from those of the file, what they say does not.
        headers = {"Content-Encoding": "gzip", "ETag": f"W/{etag}", "Last-Modified": file.headers["Last-Modified"]}
        return Response(content, headers=headers, media_type=file.media_type)


def _takes_gzip(headers: Headers) -> bool:
    for accepted in headers.get("Accept-Encoding", "").lower().split(","):
        coding, _, weight = accepted.partition(";")
        if coding.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
