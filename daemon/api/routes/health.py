"""For load balancers and whoever looks after the daemon."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from daemon.api.problems import documented, problem

Readiness = Callable[[], Awaitable[Mapping[str, str | None]]]
"""Each check by its name: None where it is well, else what is wrong. A name with a colon is one of its kind,
``provider:email/smtp``."""

Liveness = Callable[[], str | None]
"""None, or why only a restart helps."""

PROVIDER = "provider"

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    status: str = "alive"


class Ready(BaseModel):
    status: str = "ready"
    checks: dict[str, str | None]
    """Also those that keep nobody from being told: one provider of several."""


def not_ready(checks: Mapping[str, str | None], exclude: Collection[str] = ()) -> list[str]:
    """The names of the checks that make the daemon unready. Pure.

    A provider that is out does so only with all the others: what is left still tells people, and a load balancer that
    took the daemon away would take the bell from every browser as well.
    """
    kept = {name: said for name, said in checks.items() if not {name, _kind(name)} & set(exclude)}
    providers = [name for name in kept if _kind(name) == PROVIDER]
    some_left = any(kept[name] is None for name in providers)
    return sorted(
        name for name, said in kept.items() if said is not None and not (some_left and _kind(name) == PROVIDER)
    )


def _kind(name: str) -> str:
    return name.partition(":")[0]


async def _readiness(request: Request) -> Readiness:
    return cast("Readiness", request.app.state.readiness)


async def _liveness(request: Request) -> Liveness:
    return cast("Liveness", request.app.state.liveness)


@router.head("/livez", response_model=Alive, include_in_schema=False)
@router.get("/livez", response_model=Alive, responses=documented(503))
async def livez(liveness: Annotated[Liveness, Depends(_liveness)]) -> Alive | Response:
    """The event loop turns and the planner moves, or 503: then only a restart helps. That the database is away is no
    reason.
    """
    said = liveness()
    return Alive() if said is None else problem(503, f"Stuck: {said}.")


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> Alive:
    """The process is alive and its event loop turns."""
    return Alive()


@router.head("/readyz", response_model=Ready, include_in_schema=False)
@router.get("/readyz", response_model=Ready, responses=documented(422, 503))
async def readyz(
    readiness: Annotated[Readiness, Depends(_readiness)],
    exclude: Annotated[
        list[str] | None,
        Query(
            max_length=50,
            description="a check, or a kind of them, that does not count, such as `provider`; may be repeated",
        ),
    ] = None,
) -> Ready | Response:
    """Every part works, or 503 with the reasons. A provider that is out is named; it makes the answer 503 only where
    none is left.
    """
    checks = dict(await readiness())
    if wrong := not_ready(checks, exclude or ()):
        return problem(503, "Not ready: " + ", ".join(wrong) + ".", checks=checks)
    return Ready(checks=checks)
