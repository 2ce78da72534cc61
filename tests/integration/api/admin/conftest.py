"""The admin API: what staff does, and everybody else must not."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from config import Settings
from daemon.api import create_engine
from daemon.api.admin import Admin
from daemon.api.routes.admin import install
from daemon.connections import Connections
from daemon.explain.explainer import Explainer
from daemon.policy import planning_of

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api
    from tests.integration.api.conftest import Build as BuildApi

JSON = {"Content-Type": "application/json"}

TABLES = """
CREATE TABLE people (id text PRIMARY KEY, name text, email text, phone text, locale text);
INSERT INTO people VALUES ('ann', 'Ann', 'ann@example.com', '+12025550123', 'en');
"""

CONFIGURATION: dict[str, Any] = {
    "watch": [{"table": "orders", "columns": ["customer_id", "total"]}],
    "people": {"query": "SELECT id AS user_id, name, email, phone, locale FROM people WHERE id = ANY(:ids)"},
    "audience": {
        "customer": {"column": "customer_id"},
        "everyone": {"query": "SELECT id FROM people"},
        "admins": {"query": "SELECT id FROM people WHERE id = 'ann'"},
    },
    "rule": [
        {"event": "order.ready", "audience": "customer", "channels": ["inbox", "email", "sms"]},
        {"event": "order.delayed", "audience": "customer"},
    ],
}


class Office:
    """Somebody of the staff, and the database that they change."""

    def __init__(self, api: "Api", client: httpx.AsyncClient) -> None:
        self.api = api
        self.client = client

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.client.get(f"/api/admin{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        return await self.ask("POST", path, body, status)

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        # Escaped, so that a test can send what is no Unicode.
        content = None if body is None else json.dumps(body)
        answer = await self.client.request(method, f"/api/admin{path}", content=content, headers=JSON)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def errors(self, method: str, path: str, body: Any = None) -> list[tuple[str, str]]:
        """(where, what) of an answer that must be 422."""
        problem = await self.ask(method, path, body, 422)
        return [(".".join(each["at"]), each["problem"]) for each in problem["errors"]]

    async def pages(self, path: str, **query: Any) -> list[Any]:
        """Every item, page after page."""
        items: list[Any] = []
        while True:
            page = await self.get(path, **query)
            items += page["items"]
            if page["next"] is None:
                return items
            query["cursor"] = page["next"]

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return await self.api.rows(query)

    async def sql(self, query: str, *parameters: Any) -> None:
        await self.api.database.execute(query.encode(), parameters or None)

    async def audited(self) -> list[tuple[str, str | None, Any]]:
        """(action, target, detail) of all that was done, oldest first."""
        return await self.rows("SELECT action, target, detail FROM orderbell.audit ORDER BY id")

    async def changes(self) -> list[tuple[Any, ...]]:
        """(op, key, old, new) of what the planner is given."""
        return await self.rows("SELECT op, key, old, new FROM orderbell.change ORDER BY id")

    async def told(self, id_: int, user: str = "ann", subject: str = "order:1") -> None:
        """A notification, of an event of its own."""
        await self.api.store(user, id_, subject=subject, event_id=id_)
        await self.sql(
            "INSERT INTO orderbell.event (id, name, subject, watch, key, label, data, captured_at, planned_at)"
            " VALUES (%s, 'order.ready', %s, 'orders', %s, %s, %s, now(), now())",
            id_, subject, subject.partition(":")[2], f"#{subject.partition(':')[2]}",
            json.dumps({"customer_id": user, "total": 12.5}),
        )  # fmt: skip

    async def ended(self, id_: int, state: str, told: int = 1, **more: Any) -> None:
        values = {
            "id": id_, "notification_id": told, "channel": "email", "address": "ann@example.com", "state": state,
            "attempt": 1,
        }  # fmt: skip
        await self._add("delivery_history", "finished_at", values | more)

    async def waits(self, id_: int, told: int = 1, **more: Any) -> None:
        values = {
            "id": id_, "notification_id": told, "channel": "email", "address": "ann@example.com", "state": "pending",
            "recipient_name": "Ann", "locale": "en", "user_id": "ann", "subject": "order:1", "expires_at": "9999-01-01",
        }  # fmt: skip
        await self._add("delivery", "due_at", values | more)

    async def _add(self, table: str, moment: str, values: dict[str, Any]) -> None:
        values = {moment: "now", **values}
        marks = ", ".join(["%s"] * len(values))
        await self.sql(f"INSERT INTO orderbell.{table} ({', '.join(values)}) VALUES ({marks})", *values.values())


BuildOffice = Callable[..., Awaitable[Office]]


@pytest.fixture
async def build_office(build: "BuildApi", database: str) -> AsyncIterator[BuildOffice]:
    """Keyword arguments are sections of the settings."""
    async with AsyncExitStack() as stack:

        async def made(**sections: Any) -> Office:
            api = await build(**CONFIGURATION | sections)
            settings = Settings.model_validate(
                {"database": {"url": database}, "auth": {"secret": "x" * 32}} | CONFIGURATION | sections
            )
            engine = create_engine(settings.database)
            stack.push_async_callback(engine.dispose)
            planning = planning_of(settings, ("email", "sms"), "test")
            admin = Admin(
                engine,
                Connections(settings.database),
                settings,
                planning.policy,
                planning.lookup,
                explain=Explainer(settings),
            )
            install(api.app, admin)
            return Office(api, await api.of("ada", settings.auth.admin_role))

        yield made


@pytest.fixture
async def office(build_office: BuildOffice, database: str) -> Office:
    """Ada, who may do everything; a shop with Ann in it."""
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await connection.execute(TABLES.encode())
    return await build_office()
