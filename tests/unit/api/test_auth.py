from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from config.settings import Auth
from daemon.api import Tokens
from dispatchers.websocket import CannotAuthenticate, TokenExpired, Unauthenticated

SECRET = "a secret of at least thirty-two bytes"


def tokens(**settings: Any) -> Tokens:
    return Tokens(Auth.model_validate({"secret": SECRET, "leeway_seconds": 10} | settings))


def signed(key: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    given = {"sub": "ann", "exp": datetime.now(UTC) + timedelta(days=1)} | claims
    return jwt.encode({name: value for name, value in given.items() if value is not None}, key, algorithm)


def test_a_minted_token_says_who_it_is() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    token = tokens().mint("ann", lifetime=timedelta(minutes=5), roles=frozenset({"admin"}), now=now)
    identity = tokens().verify(token)
    assert (identity.user_id, identity.roles) == ("ann", frozenset({"admin"}))
    assert identity.expires_at == now + timedelta(minutes=5, seconds=10)


def test_a_header_that_was_seen_before_vouches_for_nothing() -> None:
    judge, good = tokens(), signed()
    assert judge.verify(good).user_id == "ann"
    header, payload, signature = good.split(".")
    for bad in (f"{header}..", header, f"{header}.{payload}.", f"{header}.{payload}.{signature[::-1]}",
                f"{header}.!.{signature}", signed("another secret of at least thirty-two bytes")):  # fmt: skip
        with pytest.raises(Unauthenticated):
            judge.verify(bad)


def test_audience_and_issuer_are_minted_and_asked_for() -> None:
    both = {"audience": "orderbell", "issuer": "https://shop.example"}
    assert tokens(**both).verify(tokens(**both).mint("ann")).user_id == "ann"
    for missing in ("audience", "issuer"):
        given = tokens(**{name: value for name, value in both.items() if name != missing}).mint("ann")
        with pytest.raises(Unauthenticated):
            tokens(**both).verify(given)


def test_an_audience_is_not_asked_for_unless_it_is_configured() -> None:
    assert tokens().verify(signed(aud="something")).user_id == "ann"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        "a.b.c",
        "\ud800",
        signed("another secret of at least 32 bytes"),
        signed(SECRET * 2, "HS512"),
        jwt.encode({"sub": "ann", "exp": 2**33}, "", "none"),
        signed(sub=None),
        signed(exp=None),
        signed(exp="soon"),
        signed(exp=10**30),
        signed(nbf=datetime.now(UTC) + timedelta(hours=12)),
        signed(sub=""),
        signed(sub="a\x00b"),
        signed(sub="x" * 257),
        signed(roles="admin"),
        signed(roles=[1]),
    ],
)
def test_any_other_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens().verify(token)


def test_a_clock_difference_is_forgiven_and_no_more() -> None:
    now, judge = datetime.now(UTC), tokens(leeway_seconds=60)
    assert judge.verify(signed(exp=now - timedelta(seconds=15))).user_id == "ann"
    with pytest.raises(TokenExpired):
        judge.verify(signed(exp=now - timedelta(seconds=61)))


def test_without_a_secret_nobody_can_be_recognised() -> None:
    unset = Tokens(Auth())
    assert not unset.configured
    with pytest.raises(CannotAuthenticate, match=r"auth\.secret"):
        unset.verify(signed())
    with pytest.raises(CannotAuthenticate):
        unset.mint("ann")
