"""Tokens signed by somebody else's key: in a file, or in a set at a URL."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from config.settings import Auth
from daemon.api.auth import Tokens
from daemon.api.keys import BadKeyFile, Key, KeySet, key_in_file
from dispatchers.websocket import CannotAuthenticate, Unauthenticated

SECRET = "s" * 32
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KINDS = {"RS256": RSA, "ES256": ec.generate_private_key(ec.SECP256R1()), "EdDSA": ed25519.Ed25519PrivateKey.generate()}


def pem(key: Any) -> bytes:
    made: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return made


def signed(key: Any, algorithm: str, **headers: str) -> str:
    claims = {"sub": "ann", "exp": datetime.now(UTC) + timedelta(minutes=5)}
    return jwt.encode(claims, key, algorithm, headers=headers or None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "issuer.pem"


@pytest.mark.parametrize("algorithm", KINDS)
def test_a_token_signed_by_the_key_in_the_file_is_good(file: Path, algorithm: str) -> None:
    file.write_bytes(pem(KINDS[algorithm]))
    tokens = Tokens(Auth(public_key_file=str(file)))
    assert tokens.verify(signed(KINDS[algorithm], algorithm)).user_id == "ann"


def test_a_token_signed_by_another_key_is_not(file: Path) -> None:
    file.write_bytes(pem(RSA))
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(Unauthenticated):
        Tokens(Auth(public_key_file=str(file))).verify(signed(other, "RS256"))


def test_the_public_key_is_no_shared_secret(file: Path) -> None:
    """What everybody can read must not sign: RFC 8725, 2.1."""
    file.write_bytes(pem(RSA))
    tokens = Tokens(Auth.model_validate({"public_key_file": str(file), "secret": SECRET}))
    forged = jwt.api_jws.PyJWS(algorithms=["HS256"])
    forged._algorithms["HS256"].prepare_key = lambda key: key  # type: ignore[method-assign]  # what an attacker's does
    payload = json.dumps({"sub": "ann", "exp": 9_999_999_999}).encode()
    with pytest.raises(Unauthenticated):
        tokens.verify(forged.encode(payload, pem(RSA), "HS256"))


@pytest.mark.parametrize("algorithm", ["none", "RS512", "ES256"])
def test_a_token_does_not_choose_its_algorithm(file: Path, algorithm: str) -> None:
    file.write_bytes(pem(RSA))
    key = {"none": None, "RS512": RSA, "ES256": KINDS["ES256"]}[algorithm]
    with pytest.raises(Unauthenticated):
        Tokens(Auth(public_key_file=str(file))).verify(signed(key, algorithm))


def test_the_shared_secret_still_counts_beside_a_file(file: Path) -> None:
    file.write_bytes(pem(RSA))
    tokens = Tokens(Auth.model_validate({"public_key_file": str(file), "secret": SECRET}))
    assert tokens.verify(tokens.mint("bob")).user_id == "bob"
    assert tokens.verify(signed(RSA, "RS256")).user_id == "ann"


def test_without_a_secret_no_token_can_be_made(file: Path) -> None:
    file.write_bytes(pem(RSA))
    with pytest.raises(CannotAuthenticate, match=r"auth\.secret"):
        Tokens(Auth(public_key_file=str(file))).mint("ann")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "no public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key"),
        (pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)), "2048"),
        (RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "no public key"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(file: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadKeyFile, match=said):
        key_in_file(str(file))


def of_set(keys: Mapping[str | None, Key]) -> Tokens:
    tokens = Tokens(Auth(jwks_url="https://shop.example/jwks.json"))
    tokens._set = KeySet("https://shop.example/jwks.json")
    tokens._set._keys = keys
    return tokens


PUBLIC = Key("RS256", RSA.public_key())


def test_a_key_of_the_set_is_found_by_its_name() -> None:
    assert of_set({"k1": PUBLIC}).verify(signed(RSA, "RS256", kid="k1")).user_id == "ann"


def test_the_only_key_of_a_set_needs_no_name() -> None:
    assert of_set({"k1": PUBLIC}).verify(signed(RSA, "RS256")).user_id == "ann"


def test_one_of_several_keys_needs_its_name() -> None:
    with pytest.raises(Unauthenticated):
        of_set({"k1": PUBLIC, "k2": PUBLIC}).verify(signed(RSA, "RS256"))


def test_a_key_that_is_not_in_the_set_is_looked_for() -> None:
    tokens = of_set({"k1": PUBLIC})
    with pytest.raises(Unauthenticated):
        tokens.verify(signed(RSA, "RS256", kid="k2"))
    assert tokens._set is not None
    assert tokens._set._wanted.is_set()


def test_before_the_set_was_fetched_nobody_can_be_judged() -> None:
    tokens = Tokens(Auth(jwks_url="https://shop.example/jwks.json"))
    with pytest.raises(CannotAuthenticate, match="jwks_url"):
        tokens.verify(signed(RSA, "RS256"))
