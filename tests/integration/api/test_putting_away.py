"""Putting away whatever is read: nothing else, and no screen is flooded."""

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.integration.api.test_fairness import until_waiting

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

PATH = "/api/notifications"
WAYS = [("POST", "archive-read", "archived"), ("DELETE", "read", "deleted")]


@pytest.mark.usefixtures("no_limits")
@pytest.mark.parametrize(("method", "path", "name"), WAYS)
@pytest.mark.parametrize("meanwhile", ["read_at = NULL", "archived_at = '2001-01-01Z'", "withdrawn_at = now()"])
async def test_what_another_device_does_meanwhile_holds(
    api: "Api", database: str, method: str, path: str, name: str, meanwhile: str
) -> None:
    await api.store("ann", 1, 2, 3, read_at="2001-01-01Z")
    before = await api.rows("SELECT id FROM orderbell.notification WHERE changed IS NOT NULL")
    ann = await api.of("ann")
    async with await psycopg.AsyncConnection.connect(database) as other:
        await other.execute(f"UPDATE orderbell.notification SET {meanwhile} WHERE id = 2".encode())
        asked = asyncio.create_task(ann.request(method, f"{PATH}/{path}"))
        await until_waiting(api)
    assert (await asked).json() == {name: 2}
    changed = await api.rows("SELECT id FROM orderbell.notification WHERE changed IS NOT NULL ORDER BY id")
    assert (before, changed) == ([], [(1,), (3,)])
    assert {frame.get("id") for _, frame in api.screens.shown} == {1, 3, None}


@pytest.mark.parametrize(("method", "path", "name"), WAYS)
async def test_of_many_screens_are_told_to_load_their_list_again(api: "Api", method: str, path: str, name: str) -> None:
    await api.store("ann", *range(1, 102), read_at="2001-01-01Z")
    await api.store("ann", 200)
    assert (await (await api.of("ann")).request(method, f"{PATH}/{path}")).json() == {name: 101}
    assert api.screens.shown == [
        ("ann", {"type": "reload"}),
        ("ann", {"type": "unread_count", "unread_count": 1, "last_id": 200}),
    ]
    ((changes,),) = await api.rows("SELECT count(DISTINCT changed) FROM orderbell.notification")
    assert changes == 1


@pytest.mark.parametrize(("method", "path", "name"), WAYS)
async def test_of_a_few_each_is_shown(api: "Api", method: str, path: str, name: str) -> None:
    await api.store("ann", *range(1, 101), read_at="2001-01-01Z")
    assert (await (await api.of("ann")).request(method, f"{PATH}/{path}")).json() == {name: 100}
    *each, count = api.screens.shown
    assert [frame["id"] for _, frame in each] == [*range(1, 101)]
    assert {frame["type"] for _, frame in each} <= {"notification_update", "notification_withdrawn"}
    assert all(frame.get("archived_at") or not frame.get("unread", True) for _, frame in each)
    assert count[1] == {"type": "unread_count", "unread_count": 0, "last_id": 100}


async def test_where_nothing_is_read_nothing_is_shown(api: "Api") -> None:
    await api.store("ann", 1)
    assert (await (await api.of("ann")).post(f"{PATH}/archive-read")).json() == {"archived": 0}
    assert api.screens.shown == []
