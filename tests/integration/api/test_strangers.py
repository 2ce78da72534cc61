"""Every route that takes a caller, walked with no token, with a bad one, and with a stranger's.

What the OpenAPI document names is walked: a new route is covered as soon as it is there.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from psycopg.sql import SQL, Identifier, Literal

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tests.integration.api.conftest import Api

OWNER = "the-owner-of-it"

OWN: dict[str, dict[str, Any]] = {
    "preference": {"category": "order", "channel": "sms", "enabled": True},
    "person": {"locale": "fr", "snoozed_until": "2099-01-01Z"},
    "push_subscription": {"endpoint": "https://push.example/send/abc", "p256dh": "k", "auth": "a"},
}
"""Table -> the owner's row."""

METHODS = ("get", "put", "post", "patch", "delete")


class Route(NamedTuple):
    method: str
    path: str
    operation: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def is_of_staff(self) -> bool:
        return self.path.startswith("/api/admin")

    @property
    def has_id(self) -> bool:
        """Names one thing of somebody's; a channel is nobody's."""
        return "{" in self.path and "{channel}" not in self.path

    def concrete(self, id_: int) -> str:
        """The path with an id wherever it wants one."""
        path = self.path.replace("{channel}", "email")
        for parameter in self.operation.get("parameters", ()):
            if parameter["in"] == "path":
                path = path.replace("{" + parameter["name"] + "}", str(id_))
        return path

    def body(self, document: dict[str, Any]) -> Any:
        """A body that the route takes: the first example of its schema."""
        content = self.operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            return None
        schema = content["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if "examples" in schema:
            return schema["examples"][0]
        properties = schema.get("properties", {})
        return {name: property_["examples"][0] for name, property_ in properties.items() if "examples" in property_}


def of_callers(app: "FastAPI") -> Iterator[Route]:
    for path, operations in app.openapi()["paths"].items():
        for method in METHODS:
            if operations.get(method, {}).get("security"):
                yield Route(method, path, operations[method])


async def everything(api: "Api") -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all our tables, but those that a request of a stranger may write: the stranger's own."""
    tables = await api.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'orderbell' ORDER BY tablename")
    found = {}
    for (table,) in tables:
        found[table] = await api.rows(f"SELECT t::text FROM orderbell.{table} t ORDER BY 1")
    return found


async def fill(api: "Api") -> None:
    """The owner has something of everything, all with the id 1."""
    await api.store(OWNER, 1)
    await api.database.execute(
        "INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state, due_at,"
        " expires_at, user_id, subject, audience)"
        " VALUES (1, 1, 'email', 'a@example.com', '', 'en', 'pending', now(), now(), %s, 'order:1', 'customer')",
        (OWNER,),
    )
    for table, values in OWN.items():
        columns = SQL(", ").join(map(Identifier, ("user_id", *values)))
        row = SQL(", ").join(map(Literal, (OWNER, *values.values())))
        await api.database.execute(
            SQL("INSERT INTO orderbell.{} ({}) VALUES ({})").format(Identifier(table), columns, row)
        )


async def test_the_walk_knows_which_routes_take_a_caller(whole: "Api") -> None:
    walked = {(route.method, route.path) for route in of_callers(whole.app)}
    assert ("patch", "/api/notifications/{notification_id}") in walked
    assert ("put", "/api/settings/channels/{channel}") in walked
    assert ("get", "/api/push-subscriptions/vapid-public-key") not in walked
    documented = {
        (method, path) for path, of in whole.app.openapi()["paths"].items() for method in METHODS if method in of
    }
    # Whatever is not walked is open to everybody on purpose.
    assert documented - walked == {
        ("get", "/healthz"),
        ("get", "/livez"),
        ("get", "/readyz"),
        ("get", "/api/push-subscriptions/vapid-public-key"),
    }


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, "Bearer"),
        ({"Authorization": "Bearer nonsense"}, 'Bearer error="invalid_token"'),
        ({"Authorization": "Bearer"}, "Bearer"),
        ({"Authorization": "Basic YTpi"}, "Bearer"),
    ],
)
async def test_no_route_is_open_without_a_good_token(whole: "Api", headers: dict[str, str], challenge: str) -> None:
    await fill(whole)
    before, document = await everything(whole), whole.app.openapi()
    client = await whole.of(None, **headers)
    for route in of_callers(whole.app):
        answer = await client.request(route.method, route.concrete(1), json=route.body(document))
        assert answer.status_code == 401, route.name
        assert answer.headers["WWW-Authenticate"].startswith(challenge), route.name
        assert answer.headers["Content-Type"] == "application/problem+json", route.name
    assert await everything(whole) == before


async def test_what_is_anothers_is_not_there_for_a_stranger_and_stays_as_it_is(whole: "Api") -> None:
    await fill(whole)
    before, document = await everything(whole), whole.app.openapi()
    stranger = await whole.of("eve")
    for route in of_callers(whole.app):
        if route.has_id and not route.is_of_staff:
            strange, none = [
                await stranger.request(route.method, route.concrete(number), json=route.body(document))
                for number in (1, 987_654)
            ]
            assert strange.status_code == none.status_code == 404, route.name
            assert strange.json() == none.json(), route.name
    assert await everything(whole) == before


async def test_whatever_a_stranger_does_anothers_rows_stay(whole: "Api") -> None:
    await fill(whole)
    before, document = await everything(whole), whole.app.openapi()
    stranger = await whole.of("eve")
    for route in of_callers(whole.app):
        answer = await stranger.request(route.method, route.concrete(1), json=route.body(document))
        assert answer.status_code < 500, (route.name, answer.text)
        if not route.has_id and not route.is_of_staff:
            assert OWNER not in answer.text, route.name
            assert "order:1" not in answer.text, route.name
    after = await everything(whole)
    for table, rows in before.items():
        assert set(rows) <= set(after[table]), table


async def test_what_staff_may_do_nobody_else_may(whole: "Api") -> None:
    await fill(whole)
    before, document = await everything(whole), whole.app.openapi()
    for client in (await whole.of(OWNER), await whole.of("eve", "customer", "administrator")):
        for route in of_callers(whole.app):
            if route.is_of_staff:
                answer = await client.request(route.method, route.concrete(1), json=route.body(document))
                assert answer.status_code == 403, route.name
                assert answer.headers["Content-Type"] == "application/problem+json", route.name
    assert await everything(whole) == before


async def test_each_route_says_in_the_document_what_it_may_answer(whole: "Api") -> None:
    for route in of_callers(whole.app):
        said = set(route.operation["responses"])
        assert said >= {"401", "413", "422", "429", "503"}, route.name
        assert ("404" in said) or not route.has_id, route.name
        assert ("403" in said) == route.is_of_staff, route.name
        for parameter in route.operation.get("parameters", ()):
            assert parameter.get("description"), (route.name, parameter["name"])
        assert route.operation.get("description"), route.name
