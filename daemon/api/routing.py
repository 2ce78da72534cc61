"""Routes that a person calls with their token: what they have in common."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import StringConstraints
from starlette.exceptions import HTTPException

from daemon.api.problems import documented

LARGEST_ID = 2**63 - 1
"""PostgreSQL's bigint."""

Id = Annotated[int, Path(ge=1, le=LARGEST_ID, description="its id", examples=[4711])]

Written = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""A text that a database takes: no NUL. What is no Unicode, such as half of a surrogate pair, is none either."""


class PersonRoute(APIRoute):
    """What cannot even be read as JSON is refused as what says nothing that makes sense is: 422."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def refusing(request: Request) -> Response:
            try:
                return await handler(request)
            except HTTPException as error:
                if error.status_code != 400:
                    raise
                # FastAPI's answer to a body that is no UTF-8, or is nested too deeply.
                unreadable = {"loc": ("body",), "msg": "this cannot be read as JSON", "type": "json_invalid"}
                raise RequestValidationError([unreadable]) from None

        return refusing


OF_A_PERSON = documented(401, 413, 422, 429, 503)
"""What each route that takes a Caller may answer, besides what is its own."""


def person_router(prefix: str, tag: str) -> APIRouter:
    """A router whose routes take a Caller."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=PersonRoute, responses=OF_A_PERSON)
