"""Errors as the API says them: problem documents (RFC 9457), whatever went wrong and wherever."""

import logging
from functools import cache
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from dispatchers.websocket import CannotAuthenticate, Unauthenticated

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

AWAY = (
    OperationalError,
    InterfaceError,
    PoolTimeout,
    psycopg.OperationalError,  # psycopg_pool's own are of this kind
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
)
"""The database is not there, or not to be written to, as SQLAlchemy and psycopg say it."""


BUSY = "Busy: try again."
HELD = "Something else is changing this: try again."
TOO_SLOW = "This takes too long: ask for less."
CANNOT_BE_REACHED = "The database cannot be reached: try again later."


class Problem(BaseModel):
    """RFC 9457, 3: ``type`` is left out, so it is about:blank and ``title`` is the status in words."""

    model_config = ConfigDict(extra="allow")

    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str | None = Field(default=None, examples=["There is no such notification."])


class NotFound(LookupError):
    """There is no such thing, or it is another's: the answer is the same."""


def problem(status: int, detail: str | None = None, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """The response for ``status``; ``more`` becomes extension members (RFC 9457, 3.2)."""
    content = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    content = {name: value for name, value in content.items() if value is not None}
    return JSONResponse(content, status, headers, MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's ``responses``: what the OpenAPI document says of its errors."""
    content = {MEDIA_TYPE: {"schema": _schema()}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


@cache
def _schema() -> dict[str, Any]:
    """Of a problem document: the same for each of the routes, so it is made once."""
    return Problem.model_json_schema()


def install(app: FastAPI) -> None:
    """Have ``app`` answer every error with a problem document."""
    for error in AWAY:
        app.add_exception_handler(error, _database_away)
    app.add_exception_handler(Unauthenticated, _unauthenticated)
    app.add_exception_handler(CannotAuthenticate, _cannot_authenticate)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _database_away(_: Request, error: Exception) -> Response:
    cause = error.orig if isinstance(error, DBAPIError) else error
    match cause:
        case psycopg.errors.LockNotAvailable() | psycopg.errors.DeadlockDetected():
            said, seconds = HELD, "2"
        case psycopg.errors.QueryCanceled():
            said, seconds = TOO_SLOW, "5"
        case PoolTimeout():
            said, seconds = BUSY, "5"
        case _:
            said, seconds = CANNOT_BE_REACHED, "5"
    log.warning("api.database_away", extra={"error": type(cause).__name__})
    return problem(503, said, {"Retry-After": seconds})


async def _unauthenticated(request: Request, error: Exception) -> Response:
    # RFC 6750, 3: no error code where no token was given.
    given = "authorization" in request.headers
    challenge = f'Bearer error="invalid_token", error_description="{error}"' if given else "Bearer"
    code = error.code.value if given and isinstance(error, Unauthenticated) else None
    return problem(401, _sentence(str(error)), {"WWW-Authenticate": challenge}, code=code)


async def _cannot_authenticate(_: Request, error: Exception) -> Response:
    return problem(503, _sentence(str(error)))


async def _not_found(_: Request, error: Exception) -> Response:
    return problem(404, str(error))


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    # Where and why, never what was given: it may be a secret.
    found = [{"at": [str(step) for step in e["loc"]], "problem": e["msg"]} for e in error.errors()]
    return problem(422, "The request is not what this route takes.", errors=found)


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    detail = None if error.detail == HTTPStatus(error.status_code).phrase else error.detail
    return problem(error.status_code, detail, dict(error.headers or {}))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
