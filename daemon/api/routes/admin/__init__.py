"""What staff may do: routes under ``/api/admin``, for who has the role. See :mod:`daemon.api.admin` for the wiring."""

from fastapi import FastAPI

from daemon.api.admin import Admin
from daemon.api.routes.admin import (
    announcements,
    audit,
    deliveries,
    messages,
    overview,
    people,
    scheduled,
    suppressions,
    templates,
)

MODULES = (messages, scheduled, deliveries, people, announcements, templates, suppressions, overview, audit)


def install(app: FastAPI, admin: Admin) -> None:
    """Let ``app`` have the admin routes."""
    app.state.admin = admin
    for module in MODULES:
        app.include_router(module.router)
