"""docs/reference/websocket.md is what the hub does: every example is sent, or compared with what comes."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dispatchers.websocket import Announcement, Status
from dispatchers.websocket.codes import CloseCode, ErrorCode
from dispatchers.websocket.commands import COMMANDS

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Board, Build, Doors, House

PAGE = (Path(__file__).parents[3] / "docs/reference/websocket.md").read_text(encoding="utf-8")
OF_THE_LIBRARY = {1002, 1009}
"""Close codes that websockets' protocol sends by itself."""


def examples(section: str) -> dict[str, list[dict[str, Any]]]:
    """The examples under each heading of a section, by the heading."""
    text = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    found = {}
    for part in text.split("\n### ")[1:]:
        name = part.split("`")[1]
        found[name] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", part, re.DOTALL)]
    return found


def shape(value: Any) -> Any:
    """Keys and types, without the values; null goes with anything."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return type(value).__name__


def alike(documented: Any, sent: Any) -> bool:
    if isinstance(documented, dict) and isinstance(sent, dict):
        return documented.keys() == sent.keys() and all(alike(documented[key], sent[key]) for key in documented)
    return documented is None or sent is None or shape(documented) == shape(sent)


@pytest.fixture
async def shop(build: "Build", doors: "Doors", board: "Board", status: Callable[..., Status]) -> "House":
    """With the notification, the order and the announcement that the page speaks of."""
    doors.people["order:815"] = {"ann": True}
    doors.statuses["order:815"] = status(room="order:815")
    house = await build(messages_per_second=1000, rooms=doors, bulletins=board)
    house.last_id = 4710
    await house.tell("ann")
    return house


@pytest.mark.parametrize("name", examples("From the client"))
async def test_every_message_of_a_client_is_understood(shop: "House", name: str) -> None:
    client = await shop.come("ann")
    if name == "location":
        await client.subscribe("order:815")
    for message in examples("From the client")[name]:
        assert message["type"] == name
        if name == "hello":
            client = await shop.open()
        if "token" in message:
            message["token"] = shop.tokens.mint("ann")
        await client.send(**message)
        assert (await client.frame())["type"] != "error"


async def everything(shop: "House", doors: "Doors", board: "Board", made: Announcement) -> list[dict[str, Any]]:
    """Each frame that the server has, in each of its forms."""
    board.now = [made]
    client = await shop.come("ann", after=4710)
    client.reads_all = True
    seen = [client.welcome, *await client.frames(3)]

    async def say(kind: str, answers: int = 1, **message: Any) -> None:
        await client.send(type=kind, **message)
        seen.extend(await client.frames(answers))

    await say("mark_as_read", 2, id=4711)
    await say("mark_all_as_read", 2)
    await say("mark_all_as_seen", 2)
    await say("mark_as_read", id=4712)
    await say("ping")
    await say("renew", token=shop.tokens.mint("ann"))
    await say("subscribe", room="order:815")
    await say("location", room="order:815", lat=52.52, lng=13.405, heading=270, speed=4.2, accuracy=12)
    await say("subscribe", room="order:815")
    await say("unsubscribe", room="order:815")
    await say("delete", 2, id=4711)
    await say("subscribe", room="order:815")
    doors.people.clear()
    shop.hub.status(doors.statuses["order:815"])
    seen += await client.frames(2)
    await say("subscribe", room="order:815")
    shop.hub.end_announcement(7)
    seen.append(await client.frame())
    board.now = []
    seen.append(await (await shop.come("ann", after=9999)).frame())
    return seen


async def test_every_frame_of_the_server_looks_as_it_is_documented(
    shop: "House", doors: "Doors", board: "Board"
) -> None:
    now = datetime.now(UTC)
    made = Announcement(7, "info", "Closed on Sunday", "", "https://shop.example/hours", "Hours", now, now)
    seen = await everything(shop, doors, board, made)
    documented = examples("From the server")
    assert {frame["type"] for frame in seen} == set(documented)
    for name, of_this_type in documented.items():
        for example in of_this_type:
            assert example["type"] == name
            assert any(alike(example, frame) for frame in seen), (example, seen)
    for frame in seen:
        assert any(alike(example, frame) for example in documented[frame["type"]]), frame


def test_every_message_that_is_understood_is_documented() -> None:
    assert set(examples("From the client")) == set(COMMANDS)


def test_every_error_code_is_documented() -> None:
    section = PAGE.split("### `error`")[1].split("###")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {code.value for code in ErrorCode}


def test_every_close_code_is_documented() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d{4}) \|", PAGE, re.MULTILINE)}
    assert codes == {code.value for code in CloseCode} | OF_THE_LIBRARY
