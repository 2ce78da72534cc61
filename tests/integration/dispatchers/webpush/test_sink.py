"""The sandbox push service says no where the RFCs do."""

import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from py_vapid import jwt

from demo.sinks.push import LARGEST_BYTES, PushSink
from dispatchers.base import Delivery
from dispatchers.webpush.subscription import read
from dispatchers.webpush.vapid import generate_vapid_key, load_key

PRIVATE, PUBLIC = generate_vapid_key()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def authorization(sink: PushSink, key: str = PUBLIC, **claims: object) -> str:
    body = {"aud": sink.url, "exp": int(time.time()) + 600, "sub": "mailto:ops@shop.example", **claims}
    signed = jwt.sign({name: value for name, value in body.items() if value is not None}, load_key(PRIVATE))
    return f"vapid t={signed}, k={key}"


async def post(
    session: aiohttp.ClientSession, delivery: Delivery, headers: dict[str, str], body: bytes = b""
) -> tuple[int, str]:
    endpoint = json.loads(delivery.address)["endpoint"]
    async with session.post(endpoint, data=body, headers=headers) as response:
        return response.status, response.headers.get("WWW-Authenticate", "")


async def test_a_push_without_a_payload_is_taken(
    sink: PushSink, session: aiohttp.ClientSession, delivery: Delivery
) -> None:
    status, _ = await post(session, delivery, {"Authorization": authorization(sink), "TTL": "0"})
    assert status == 201
    assert sink.pushes[0].payload == {}


async def test_a_push_without_a_token_is_challenged(session: aiohttp.ClientSession, delivery: Delivery) -> None:
    assert await post(session, delivery, {"TTL": "0"}) == (401, "vapid")


async def test_a_push_that_does_not_say_how_long_to_keep_it_is_a_bad_request(
    sink: PushSink, session: aiohttp.ClientSession, delivery: Delivery
) -> None:
    assert (await post(session, delivery, {"Authorization": authorization(sink)}))[0] == 400


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://push.example"},
        {"aud": None},
        {"exp": int(time.time()) - 60},
        {"exp": int(time.time()) + 48 * 3600},
        {"exp": None},
        {"sub": None},
        {"sub": "ops@shop.example"},
        {"key": generate_vapid_key()[1]},
        {"key": "AAAA"},
    ],
    ids=lambda claims: next(iter(claims)),
)
async def test_a_token_that_does_not_hold_is_forbidden(
    sink: PushSink, session: aiohttp.ClientSession, delivery: Delivery, claims: dict[str, str]
) -> None:
    status, _ = await post(session, delivery, {"Authorization": authorization(sink, **claims), "TTL": "0"})
    assert status == 403
    assert sink.pushes == []


@pytest.mark.parametrize(
    "headers",
    [{"TTL": ""}, {"TTL": "soon"}, {"Topic": "x" * 33}, {"Topic": "order:4711"}, {"Urgency": "urgent"}],
    ids=str,
)
async def test_a_header_that_is_not_as_the_rfc_has_it_is_a_bad_request(
    sink: PushSink, session: aiohttp.ClientSession, delivery: Delivery, headers: dict[str, str]
) -> None:
    status, _ = await post(session, delivery, {"TTL": "0", "Authorization": authorization(sink)} | headers)
    assert status == 400


async def test_more_than_4096_bytes_are_too_large(
    sink: PushSink, session: aiohttp.ClientSession, delivery: Delivery
) -> None:
    body = b"x" * (LARGEST_BYTES + 1)
    status, _ = await post(session, delivery, {"Authorization": authorization(sink), "TTL": "0"}, body)
    assert status == 413


async def test_what_its_device_cannot_read_is_a_bad_request(
    sink: PushSink, session: aiohttp.ClientSession, delivery: Delivery
) -> None:
    for_another = read(json.dumps(sink.subscribe("grace")), allow_private=True).encrypt(b"{}")
    headers = {"Authorization": authorization(sink), "TTL": "0", "Content-Encoding": "aes128gcm"}
    assert (await post(session, delivery, headers, for_another))[0] == 400
    assert (await post(session, delivery, headers, b"plain"))[0] == 400
