"""What a person does with their notifications over REST."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

PATH = "/api/notifications"


async def stand(api: "Api") -> list[tuple[Any, ...]]:
    """Of each notification: read, seen, archived, deleted, noted as changed."""
    return await api.rows(
        "SELECT id, read_at IS NOT NULL, seen_at IS NOT NULL, archived_at IS NOT NULL, deleted_at IS NOT NULL,"
        " changed IS NOT NULL FROM orderbell.notification ORDER BY id"
    )


@pytest.mark.parametrize(
    ("actions", "read", "seen", "archived"),
    [
        (["read"], True, True, False),
        (["seen"], False, True, False),
        (["archive"], True, True, True),
        (["read", "unread"], False, True, False),
        (["archive", "unarchive"], True, True, False),
        (["archive", "unread"], True, True, True),
    ],
)
async def test_each_action_does_what_it_entails(
    api: "Api", actions: list[str], *, read: bool, seen: bool, archived: bool
) -> None:
    await api.store("ann", 1, 2)
    client = await api.of("ann")
    answers = [(await client.post(f"{PATH}/1/{action}")).json() for action in actions]
    assert {name: value is not None for name, value in answers[-1].items() if name != "id"} == {
        "read_at": read,
        "seen_at": seen,
        "archived_at": archived,
    }
    assert await stand(api) == [(1, read, seen, archived, False, True), (2, False, False, False, False, False)]


@pytest.mark.parametrize("action", ["read", "seen", "archive"])
async def test_a_second_time_changes_nothing(api: "Api", action: str) -> None:
    await api.store("ann", 1)
    client = await api.of("ann")
    first = (await client.post(f"{PATH}/1/{action}")).json()
    changed = await api.rows("SELECT changed FROM orderbell.notification")
    assert (await client.post(f"{PATH}/1/{action}")).json() == first
    assert await api.rows("SELECT changed FROM orderbell.notification") == changed


async def test_what_is_deleted_is_gone_on_every_screen(api: "Api") -> None:
    await api.store("ann", 1, 2)
    client = await api.of("ann")
    assert (await client.delete(f"{PATH}/1")).status_code == 204
    assert (await client.delete(f"{PATH}/1")).status_code == 404
    for method, path in (("GET", "1"), ("POST", "1/read"), ("POST", "1/unarchive")):
        assert (await client.request(method, f"{PATH}/{path}")).status_code == 404
    assert api.screens.shown[0] == ("ann", {"type": "notification_withdrawn", "id": 1, "unread": True})
    assert api.screens.shown[1] == ("ann", {"type": "unread_count", "unread_count": 1, "last_id": 2})
    assert len(await stand(api)) == 2


async def test_what_is_done_here_shows_on_every_screen_of_that_person(api: "Api") -> None:
    await api.store("ann", 1)
    client = await api.of("ann")
    answer = (await client.post(f"{PATH}/1/read")).json()
    (user, update), (_, count) = api.screens.shown
    assert (user, update["type"]) == ("ann", "notification_update")
    assert update["read_at"] == answer["read_at"]
    assert count["unread_count"] == 0


@pytest.mark.parametrize(
    ("change", "read", "seen", "archived"),
    [
        ({"read": True}, True, True, False),
        ({"seen": True}, False, True, False),
        ({"archived": True}, True, True, True),
        ({"archived": True, "read": True, "seen": True}, True, True, True),
        ({"read": False, "archived": False}, False, False, False),
        ({"read": None, "seen": True}, False, True, False),
    ],
)
async def test_one_can_be_changed_as_a_whole(
    api: "Api", change: dict[str, Any], *, read: bool, seen: bool, archived: bool
) -> None:
    await api.store("ann", 1)
    answer = await (await api.of("ann")).patch(f"{PATH}/1", json=change)
    assert answer.status_code == 200
    item = answer.json()
    assert [item[name] is not None for name in ("read_at", "seen_at", "archived_at")] == [read, seen, archived]
    assert item["title"] == "Ready"


NO_CHANGES: Any = [
    {},
    {"read": None},
    {"seen": False},
    {"archived": True, "read": False},
    {"title": "x"},
    {"read": 1},
    [],
    None,
    "x",
]


async def test_a_change_that_makes_no_sense_changes_nothing(api: "Api") -> None:
    await api.store("ann", 1)
    for change in NO_CHANGES:
        assert (await (await api.of("ann")).patch(f"{PATH}/1", json=change)).status_code == 422, change
    assert await stand(api) == [(1, False, False, False, False, False)]


NO_BODIES = [b"\xff\xfe", b'{"read": "\\ud800"}', b"[" * 60_000, b'{"ids": [' + b"9" * 5000 + b"]}", b"{", b""]


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/1"), ("POST", "/bulk")])
async def test_a_body_that_is_no_json_is_a_problem(api: "Api", method: str, path: str) -> None:
    client = await api.of("ann", **{"Content-Type": "application/json"})
    for body in NO_BODIES:
        answer = await client.request(method, PATH + path, content=body)
        assert answer.status_code == 422, body[:20]
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_marking_all_keeps_the_moment_of_those_that_were_read_before(api: "Api") -> None:
    await api.store("ann", 1, 2, 3)
    await api.store("bob", 4)
    client = await api.of("ann")
    first = (await client.post(f"{PATH}/1/read")).json()
    everything = (await client.post(f"{PATH}/mark-all-read")).json()
    assert everything["up_to"] == 3
    items = (await client.get(PATH)).json()["items"]
    assert [item["read_at"] for item in items] == [everything["read_at"]] * 2 + [first["read_at"]]
    assert (await (await api.of("bob")).get(f"{PATH}/count")).json()["unread"] == 1


async def test_to_have_seen_all_is_not_to_have_read_them(api: "Api") -> None:
    await api.store("ann", 1, 2)
    seen = (await (await api.of("ann")).post(f"{PATH}/mark-all-seen")).json()
    assert seen["up_to"] == 2
    assert [row[1:3] for row in await stand(api)] == [(False, True)] * 2
    assert {frame["seen_at"] for _, frame in api.screens.shown if "seen_at" in frame} == {seen["seen_at"]}


async def test_an_empty_inbox_can_be_marked_and_counted(api: "Api") -> None:
    client = await api.of("ann")
    assert (await client.post(f"{PATH}/mark-all-read")).json()["up_to"] == 0
    assert (await client.post(f"{PATH}/archive-read")).json() == {"archived": 0}
    assert (await client.delete(f"{PATH}/read")).json() == {"deleted": 0}
    assert set((await client.get(f"{PATH}/count")).json().values()) == {0}
    assert (await client.get(PATH)).json() == {"items": [], "next": None}


async def test_the_same_is_done_with_several_and_strangers_ones_are_left_out(api: "Api") -> None:
    await api.store("ann", 1, 2, 3)
    await api.store("bob", 4)
    client = await api.of("ann")
    answer = (await client.post(f"{PATH}/bulk", json={"ids": [3, 1, 4, 99, 1], "action": "delete"})).json()
    assert [(item["id"], item["gone"]) for item in answer["items"]] == [(1, True), (3, True)]
    assert [row[0] for row in await stand(api) if row[4]] == [1, 3]
    assert {user for user, _ in api.screens.types()} == {"ann"}


NO_BULKS: Any = [
    {"ids": [], "action": "read"},
    {"ids": [*range(1, 102)], "action": "read"},
    {"ids": [0], "action": "read"},
    {"ids": [2**63], "action": "read"},
    {"ids": ["1"], "action": "read"},
    {"ids": [True], "action": "read"},
    {"ids": [1], "action": "explode"},
    {"ids": [1]},
]


async def test_several_are_not_touched_by_what_makes_no_sense(api: "Api") -> None:
    await api.store("ann", 1)
    for bulk in NO_BULKS:
        assert (await (await api.of("ann")).post(f"{PATH}/bulk", json=bulk)).status_code == 422, bulk
    assert await stand(api) == [(1, False, False, False, False, False)]


@pytest.mark.parametrize(
    ("method", "path", "name"), [("POST", "archive-read", "archived"), ("DELETE", "read", "deleted")]
)
async def test_all_that_is_read_is_put_away_and_nothing_else(api: "Api", method: str, path: str, name: str) -> None:
    await api.store("ann", *range(1, 10))
    await api.store("bob", 20)
    ann, bob = await api.of("ann"), await api.of("bob")
    await ann.post(f"{PATH}/bulk", json={"ids": [1, 2, 4, 6, 9], "action": "read"})
    await ann.post(f"{PATH}/9/archive")
    await bob.post(f"{PATH}/20/read")
    assert (await ann.request(method, f"{PATH}/{path}")).json() == {name: 4}
    assert [item["id"] for item in (await ann.get(PATH)).json()["items"]] == [8, 7, 5, 3]
    assert [item["id"] for item in (await bob.get(PATH)).json()["items"]] == [20]
    assert (await ann.get(f"{PATH}/9")).status_code == 200
