"""A key set as it comes over a real socket: in pieces, too big, odd, late."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from config.settings import Auth
from daemon.api.auth import Tokens
from daemon.api.keys import BadKeySet, KeySet, keys_in
from dispatchers.websocket import CannotAuthenticate, Unauthenticated

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key())), "kid": "k1", "use": "sig", "alg": "RS256"}
SET = json.dumps({"keys": [PUBLIC]}).encode()

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def begin(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> str:
        application = web.Application()
        application.router.add_get("/keys", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/keys"

    yield begin
    for runner in runners:
        await runner.cleanup()


def token(kid: str = "k1") -> str:
    return jwt.encode({"sub": "ann", "exp": 9_999_999_999}, RSA, "RS256", headers={"kid": kid})


async def test_a_set_that_comes_in_pieces_is_whole(serve: Serve) -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(SET), 100):
            await response.write(SET[start : start + 100])
            await asyncio.sleep(0.01)
        return response

    assert list(await KeySet(await serve(slowly)).fetch()) == ["k1"]


async def test_one_that_never_ends_is_refused(serve: Serve) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)

    with pytest.raises(BadKeySet, match="longer than"):
        await KeySet(await serve(endless)).fetch()


async def test_tokens_are_judged_once_the_set_is_there_and_a_new_key_is_found(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.api.keys.LEAST_SECONDS", 0.05)
    keys: list[dict[str, Any]] = []
    broken = True

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=500) if broken else web.json_response({"keys": keys})

    tokens = Tokens(Auth(jwks_url=await serve(answer)))
    running = asyncio.create_task(tokens.run())
    try:
        with pytest.raises(CannotAuthenticate):
            tokens.verify(token())
        keys.append(PUBLIC)
        broken = False
        await accepted(tokens, token())
        keys.append({**PUBLIC, "kid": "k2"})
        with pytest.raises(Unauthenticated):
            tokens.verify(token("k2"))
        await accepted(tokens, token("k2"))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def accepted(tokens: Tokens, given: str) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                assert tokens.verify(given).user_id == "ann"
            except (CannotAuthenticate, Unauthenticated):
                await asyncio.sleep(0.02)
            else:
                return


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"keys": []}',
        b'{"keys": 7}',
        b'{"keys": [null]}',
        b'{"keys": [{"kty": "RSA"}]}',
        b"[" * 200_000,
        b"\xff\xfe",
        json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "k1"}]}).encode(),
        json.dumps({"keys": [{**PUBLIC, "kid": []}]}).encode(),
        json.dumps({"keys": [{**PUBLIC, "kid": {}}]}).encode(),
        json.dumps({"keys": [{**PUBLIC, "use": "enc"}]}).encode(),
    ],
)
def test_what_is_no_key_set_is_said_and_nothing_else(document: bytes) -> None:
    with pytest.raises(BadKeySet):
        keys_in(document)


def test_of_a_set_what_can_be_used_is_used() -> None:
    odd = {**PUBLIC, "kid": ["k9"]}
    assert list(keys_in(json.dumps({"keys": [odd, {"kty": "new"}, PUBLIC]}).encode())) == ["k1"]
