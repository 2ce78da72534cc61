"""For load balancers and whoever looks after the daemon."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from daemon.api.problems import documented, problem

Readiness = Callable[[], Awaitable[Mapping[str, str | None]]]
"""Each check by its name: None where it is well, else what is wrong."""

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    status: str = "alive"


class Ready(BaseModel):
    status: str = "ready"
    checks: dict[str, str | None]


async def _readiness(request: Request) -> Readiness:
    return cast("Readiness", request.app.state.readiness)


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> Alive:
    """The process is alive and its event loop turns."""
    return Alive()


@router.head("/readyz", response_model=Ready, include_in_schema=False)
@router.get("/readyz", response_model=Ready, responses=documented(503))
async def readyz(readiness: Annotated[Readiness, Depends(_readiness)]) -> Ready | Response:
    """Every part works, or 503 with the reasons."""
    checks = dict(await readiness())
    wrong = {name: reason for name, reason in checks.items() if reason is not None}
    if wrong:
        return problem(503, "Not ready: " + ", ".join(sorted(wrong)) + ".", checks=checks)
    return Ready(checks=checks)
