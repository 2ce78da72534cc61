"""Browsers that want Web Push."""

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from daemon.api.subscriptions import MOST_PER_PERSON

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, Build

PATH = "/api/push-subscriptions"


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def subscription(endpoint: str = "https://push.example/one", **keys: str) -> dict[str, Any]:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {
        "endpoint": endpoint,
        "expirationTime": None,
        "keys": {"p256dh": encoded(point), "auth": encoded(b"a" * 16)} | keys,
    }


async def owners(api: "Api") -> list[tuple[Any, ...]]:
    return await api.rows("SELECT user_id, endpoint FROM orderbell.push_subscription ORDER BY id")


async def test_a_browser_is_kept_as_its_persons(api: "Api") -> None:
    given = subscription()
    client = await api.of("ann", **{"User-Agent": "Firefox/140"})
    assert (await client.post(PATH, json=given)).status_code == 204
    assert await api.rows("SELECT user_id, endpoint, p256dh, auth, user_agent FROM orderbell.push_subscription") == [
        ("ann", given["endpoint"], given["keys"]["p256dh"], given["keys"]["auth"], "Firefox/140")
    ]


async def test_the_same_browser_again_replaces_its_keys_and_moves_to_whoever_uses_it(api: "Api") -> None:
    await (await api.of("ann")).post(PATH, json=subscription())
    given = subscription()
    await (await api.of("bob")).post(PATH, json=given)
    assert await api.rows("SELECT user_id, p256dh FROM orderbell.push_subscription") == [
        ("bob", given["keys"]["p256dh"])
    ]


async def test_a_person_has_so_many_browsers_and_the_oldest_goes(api: "Api") -> None:
    client = await api.of("ann")
    await (await api.of("bob")).post(PATH, json=subscription("https://push.example/of-bob"))
    for number in range(MOST_PER_PERSON + 2):
        assert (await client.post(PATH, json=subscription(f"https://push.example/{number}"))).status_code == 204
    bobs, *kept = await owners(api)
    assert bobs == ("bob", "https://push.example/of-bob")
    assert len(kept) == MOST_PER_PERSON
    assert kept[0] == ("ann", "https://push.example/2")


async def test_a_browser_is_forgotten_by_its_person_and_by_nobody_else(api: "Api") -> None:
    ann, bob = await api.of("ann"), await api.of("bob")
    await ann.post(PATH, json=subscription())
    body = {"endpoint": "https://push.example/one"}
    assert (await bob.request("DELETE", PATH, json=body)).status_code == 404
    assert await owners(api) == [("ann", "https://push.example/one")]
    assert (await ann.request("DELETE", PATH, json=body)).status_code == 204
    assert (await ann.request("DELETE", PATH, json=body)).status_code == 404
    assert await owners(api) == []


@pytest.mark.parametrize("odd", ["https://push.example/a\x00b", "https://push.example/ä b?c=%C3%A4", "no url"])
async def test_however_an_endpoint_is_written_it_can_be_forgotten_as_it_was_given(api: "Api", odd: str) -> None:
    client = await api.of("ann")
    given = (await client.post(PATH, json=subscription(odd))).status_code
    forgotten = (await client.request("DELETE", PATH, json={"endpoint": odd})).status_code
    assert (given, forgotten) in {(204, 204), (422, 404)}
    assert await owners(api) == []


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"endpoint": "https://push.example/one"},
        subscription("http://push.example/one"),
        subscription("https://127.0.0.1/one"),
        subscription("https://[::1]/one"),
        subscription("https://169.254.169.254/latest"),
        subscription("https://user:pass@push.example/"),
        subscription("no url"),
        subscription("https://push.example/" + "x" * 3000),
        subscription(p256dh="AAAA"),
        subscription(auth="AAAA"),
        subscription(auth="ä" * 16),
    ],
)
async def test_what_is_no_subscription_is_refused_with_a_problem(api: "Api", bad: dict[str, Any]) -> None:
    answer = await (await api.of("ann")).post(PATH, json=bad)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"]
    assert await owners(api) == []


async def test_what_was_given_is_not_said_back(api: "Api") -> None:
    bad = subscription("http://push.example/a-capability")
    assert "a-capability" not in (await (await api.of("ann")).post(PATH, json=bad)).text


async def test_private_endpoints_can_be_allowed_for_the_demo(build: "Build") -> None:
    api = await build(webpush={"allow_private_endpoints": True})
    client = await api.of("ann")
    assert (await client.post(PATH, json=subscription("http://127.0.0.1:9/x"))).status_code == 204


async def test_the_servers_key_is_told_to_anybody_or_is_not_there(build: "Build") -> None:
    client = await (await build("BKey")).of(None)
    assert (await client.get(f"{PATH}/vapid-public-key")).json() == {"public_key": "BKey"}
    client = await (await build()).of(None)
    assert (await client.get(f"{PATH}/vapid-public-key")).status_code == 404
