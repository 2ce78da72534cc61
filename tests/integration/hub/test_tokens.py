"""Where a token may come from, and how a connection outlives one."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

if TYPE_CHECKING:
    from tests.integration.hub.conftest import Build, House

SHOP = "https://shop.example"


async def refusal(opening: Awaitable[Any]) -> int:
    with pytest.raises(InvalidStatus) as refused:
        await opening
    return refused.value.response.status_code


async def test_a_renewed_connection_outlives_its_first_token(
    house: "House", until: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    client = await house.open()
    await client.send(type="hello", token=house.tokens.mint("ann", lifetime=timedelta(minutes=1)))
    assert (await client.frame())["type"] == "welcome"
    await client.send(type="renew", token=house.tokens.mint("ann"))
    renewed = await client.frame()
    assert (renewed["type"], renewed["expires_at"][-1]) == ("renewed", "Z")
    [connection] = house.hub.people.of("ann")
    house.pass_time(120)
    await until(lambda: connection.pinged_at > 0)  # it was looked at since, and may stay
    assert await client.is_quiet()


@pytest.mark.parametrize(
    ("user_id", "lifetime", "code", "close"),
    [("bob", 60, "bad_token", 4401), ("ann", -1, "token_expired", 4419), (None, 60, "bad_token", 4401)],
)
async def test_a_connection_is_not_renewed_with_anothers_token_or_a_bad_one(
    house: "House", user_id: str | None, lifetime: float, code: str, close: int
) -> None:
    client = await house.come("ann")
    token = "x.y.z" if user_id is None else house.tokens.mint(user_id, lifetime=timedelta(seconds=lifetime))
    await client.send(type="renew", token=token)
    assert (await client.frame())["code"] == code
    assert await client.closed() == close
    assert house.hub.connections_of("ann") == house.hub.connections_of("bob") == 0


async def test_a_token_that_ends_earlier_neither_shortens_the_connection_nor_gives_it_roles(house: "House") -> None:
    client = await house.come("ann")
    [connection] = house.hub.people.of("ann")
    before = connection.expires_at
    short = house.tokens.mint("ann", lifetime=timedelta(minutes=1), roles=frozenset({"staff"}))
    await client.send(type="renew", token=short)
    assert (await client.frame())["code"] == "not_later"
    assert (connection.expires_at, connection.roles) == (before, frozenset())
    assert await client.is_quiet()


async def test_renew_comes_after_hello(house: "House") -> None:
    client = await house.open()
    await client.send(type="renew", token=house.tokens.mint("ann"))
    assert (await client.frame())["code"] == "hello_first"


async def test_the_token_may_come_in_a_header(house: "House") -> None:
    client = await house.open(additional_headers={"Authorization": f"Bearer {house.tokens.mint('ann')}"})
    await client.send(type="hello", after=0)
    assert (await client.frame())["user_id"] == "ann"


async def test_nothing_flows_before_hello_whatever_the_header_says(house: "House") -> None:
    client = await house.open(additional_headers={"Authorization": f"Bearer {house.tokens.mint('ann')}"})
    await house.tell("ann")
    await client.send(type="ping")
    assert (await client.frame())["code"] == "hello_first"
    assert house.hub.connections_of("ann") == 0


async def test_the_token_of_hello_counts_more_than_the_headers(house: "House") -> None:
    client = await house.open(additional_headers={"Authorization": f"Bearer {house.tokens.mint('ann')}"})
    await client.send(type="hello", token=house.tokens.mint("bob"))
    assert (await client.frame())["user_id"] == "bob"


async def test_a_bad_token_in_a_header_is_refused_at_hello(house: "House") -> None:
    client = await house.open(additional_headers={"Authorization": "Bearer nonsense"})
    await client.send(type="hello")
    assert (await client.frame())["code"] == "bad_token"
    assert await client.closed() == 4401


async def test_without_any_token_hello_is_malformed_and_may_be_said_again(house: "House") -> None:
    client = await house.open()
    await client.send(type="hello")
    assert (await client.frame())["code"] == "malformed"
    await client.send(type="hello", token=house.tokens.mint("ann"))
    assert (await client.frame())["type"] == "welcome"


async def test_the_cookie_of_a_known_page_is_a_token(build: "Build") -> None:
    house = await build(cookie="session", origins=(SHOP,))
    cookie = {"Cookie": f"theme=dark; session={house.tokens.mint('ann')}"}
    for origin in (SHOP, house.server.url):
        client = await house.open(origin=origin, additional_headers=cookie)
        await client.send(type="hello")
        assert (await client.frame())["user_id"] == "ann"


async def test_a_cookie_from_another_page_or_from_none_opens_nothing(build: "Build") -> None:
    house = await build(cookie="session", origins=(SHOP,))
    cookie = {"Cookie": f"session={house.tokens.mint('ann')}"}
    assert await refusal(house.open(additional_headers=cookie)) == 403
    assert await refusal(house.open(origin="https://evil.example", additional_headers=cookie)) == 403


async def test_where_any_page_may_come_none_can_use_the_cookie(build: "Build") -> None:
    house = await build(cookie="session", origins=("*",))
    cookie = {"Cookie": f"session={house.tokens.mint('ann')}"}
    client = await house.open(origin="https://evil.example", additional_headers=cookie)
    await client.send(type="hello")
    assert (await client.frame())["code"] == "malformed"


async def test_a_token_in_the_url_is_refused(house: "House") -> None:
    assert await refusal(connect(f"{house.url}?token={house.tokens.mint('ann')}").__aenter__()) == 400
