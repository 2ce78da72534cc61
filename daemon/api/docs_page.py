"""GET /docs: the OpenAPI document in Swagger UI, from files of ours alone.

FastAPI's own page loads Swagger UI from a CDN. Here its files come with the package ``fastapi-offline``, of which
nothing is imported.
"""

from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from daemon.api.static import HEADERS

FILES = "/docs/files"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TITLE: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="FILES/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="FILES/swagger-ui-bundle.js"></script>
<script src="FILES/start.js"></script>
</html>
"""

_START = """SwaggerUIBundle({
  url: "URL",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
"""


def _directory() -> Path:
    """Where Swagger UI's files are."""
    found = find_spec("fastapi_offline")
    places = list(found.submodule_search_locations or ()) if found is not None else []
    return Path(places[0]) / "static"


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


def install(app: FastAPI) -> None:
    """Serve ``app``'s document. It must have been made with ``docs_url=None``."""
    page = _PAGE.replace("TITLE", app.title).replace("FILES", FILES)
    start = _START.replace("URL", str(app.openapi_url))

    async def docs(_: Request) -> Response:
        return HTMLResponse(page, headers=HEADERS)

    async def starting(_: Request) -> Response:
        return Response(start, media_type="text/javascript", headers=HEADERS)

    app.add_route("/docs", docs, include_in_schema=False)
    app.add_route(f"{FILES}/start.js", starting, include_in_schema=False)
    app.mount(FILES, _Files(directory=_directory()), name="docs")
