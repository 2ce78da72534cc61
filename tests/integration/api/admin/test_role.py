"""Nobody gets in without the role, on any route."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from config import Settings

if TYPE_CHECKING:
    from tests.integration.api.admin.conftest import BuildOffice, Office


def routes(app: FastAPI) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path with something in its places, operation) of all that OpenAPI says is there."""
    for path, methods in app.openapi()["paths"].items():
        if path.startswith("/api/admin"):
            for method, operation in methods.items():
                yield method.upper(), re.sub(r"\{\w+\}", "1", path), operation


async def test_every_route_is_closed_to_who_has_no_token_and_to_who_has_not_the_role(office: "Office") -> None:
    nobody, ann = await office.api.of(None), await office.api.of("ann", "customer", "Admin")
    asked = list(routes(office.api.app))
    assert len(asked) > 25
    for method, path, _ in asked:
        bodies: list[dict[str, str] | None] = [{}, None]
        for body in bodies:
            refused = await nobody.request(method, path, json=body)
            assert refused.status_code == 401, (method, path)
            forbidden = await ann.request(method, path, json=body)
            assert forbidden.status_code == 403, (method, path, forbidden.text)
            assert forbidden.headers["Content-Type"] == "application/problem+json"
            assert "admin" in forbidden.json()["detail"]
    assert await office.audited() == []


async def test_every_route_says_what_it_does_and_what_may_go_wrong(office: "Office") -> None:
    for method, path, operation in routes(office.api.app):
        assert operation["description"], path
        assert operation["tags"] == ["admin"]
        assert {"401", "403", "422", "429", "503"} <= operation["responses"].keys(), (method, path)
        of_one = "/1" in path
        assert not of_one or "404" in operation["responses"], path


async def test_the_role_is_the_one_that_is_configured(build_office: "BuildOffice") -> None:
    office = await build_office(auth={"secret": "a secret of at least thirty-two bytes", "admin_role": "shop:staff"})
    assert (await office.get("/audit"))["items"] == []
    admin = await office.api.of("ada", "admin")
    assert (await admin.get("/api/admin/audit")).status_code == 403


async def test_another_configuration_is_obeyed_from_the_next_request_on(office: "Office") -> None:
    admin = office.api.app.state.admin
    other = {"database": {"url": "dbname=x"}, "auth": {"admin_role": "boss"}}
    admin.obey(Settings.model_validate(other), admin.policy, admin.lookup)
    assert (await office.client.get("/api/admin/audit")).status_code == 403
