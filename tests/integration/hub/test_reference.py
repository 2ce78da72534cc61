"""docs/reference/websocket.md is what the hub does: every example is sent, or compared with what comes."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dispatchers.websocket.codes import CloseCode, ErrorCode
from dispatchers.websocket.frames import withdrawn

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Build, Client, House

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
async def client(house: "House") -> "Client":
    """Ann, with the notification that the page speaks of."""
    house.last_id = 4710
    await house.tell("ann")
    return await house.come("ann", after=4710)


@pytest.mark.parametrize("name", examples("From the client"))
async def test_every_message_of_a_client_is_understood(client: "Client", house: "House", name: str) -> None:
    await client.ids(1)
    [message] = examples("From the client")[name]
    assert message["type"] == name
    if name == "hello":
        client = await house.open()
        message["token"] = house.tokens.mint("ann")
    await client.send(**message)
    assert (await client.frame())["type"] != "error"


async def test_every_frame_of_the_server_looks_as_it_is_documented(
    client: "Client", house: "House", build: "Build"
) -> None:
    seen = [client.welcome, await client.frame()]
    await client.send(type="mark_as_read", id=4711)
    seen += await client.frames(2)
    await client.send(type="mark_all_as_read")
    seen += await client.frames(2)
    await client.send(type="mark_as_read", id=4712)
    seen.append(await client.frame())
    await client.send(type="ping")
    seen.append(await client.frame())
    house.hub.publish("ann", withdrawn(4711, unread=True))
    seen.append(await client.frame())
    seen.append(await (await house.come("ann", after=9999)).frame())

    documented = examples("From the server")
    assert {frame["type"] for frame in seen} == set(documented)
    for name, of_this_type in documented.items():
        for example in of_this_type:
            assert example["type"] == name
            assert any(alike(example, frame) for frame in seen), (example, seen)
    for frame in seen:
        assert any(alike(example, frame) for example in documented[frame["type"]]), frame


def test_every_error_code_is_documented() -> None:
    section = PAGE.split("### `error`")[1].split("###")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {code.value for code in ErrorCode}


def test_every_close_code_is_documented() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d{4}) \|", PAGE, re.MULTILINE)}
    assert codes == {code.value for code in CloseCode} | OF_THE_LIBRARY
