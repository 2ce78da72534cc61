"""Who may use the admin API, and what every route of it is given."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException

from daemon.api.admin import Admin
from daemon.api.auth import Identity
from daemon.api.caller import Caller
from daemon.api.problems import documented
from daemon.api.routing import OF_A_PERSON, PersonRoute


async def _admin(request: Request) -> Admin:
    return cast("Admin", request.app.state.admin)


WithAdmin = Annotated[Admin, Depends(_admin)]


async def _staff(caller: Caller, admin: WithAdmin) -> Identity:
    role = admin.settings.auth.admin_role
    if role not in caller.roles:
        raise HTTPException(403, f'This takes a token with the role "{role}".')
    return caller


Staff = Annotated[Identity, Depends(_staff)]
"""The caller, who has the role."""


def staff_router(path: str) -> APIRouter:
    """A router under ``/api/admin``; each of its routes takes a :data:`Staff`."""
    responses = {**OF_A_PERSON, **documented(403)}
    return APIRouter(prefix=f"/api/admin{path}", tags=["admin"], route_class=PersonRoute, responses=responses)
