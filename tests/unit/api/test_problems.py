"""What each kind of trouble with the database is said as."""

from collections.abc import Callable

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from daemon.api import problems


def wrapped(error: Exception) -> Exception:
    return OperationalError("SELECT 1", {}, error)


TROUBLES: list[tuple[Callable[[], Exception], str]] = [
    (PoolTimeout, problems.BUSY),
    (lambda: wrapped(psycopg.errors.LockNotAvailable()), problems.HELD),
    (lambda: wrapped(psycopg.errors.DeadlockDetected()), problems.HELD),
    (psycopg.errors.LockNotAvailable, problems.HELD),
    (lambda: wrapped(psycopg.errors.QueryCanceled()), problems.TOO_SLOW),
    (lambda: wrapped(psycopg.OperationalError("connection refused")), problems.CANNOT_BE_REACHED),
    (psycopg.errors.AdminShutdown, problems.CANNOT_BE_REACHED),
]


@pytest.mark.parametrize(("trouble", "sentence"), TROUBLES)
async def test_each_trouble_with_the_database_has_its_sentence_and_says_when_to_come_back(
    trouble: Callable[[], Exception], sentence: str
) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    async def fail() -> None:
        raise trouble()

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["detail"]) == (503, sentence)
    assert 1 <= int(answer.headers["Retry-After"]) <= 5
