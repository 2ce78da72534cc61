"""The browser's subscription, as the delivery's address carries it."""

import json
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dispatchers.webpush.payload import PLAINTEXT_BYTES, RECORD_BYTES
from dispatchers.webpush.subscription import BadSubscription, read
from dispatchers.webpush.vapid import generate_vapid_key, load_key

PRIVATE, POINT = generate_vapid_key()
AUTH = "AAECAwQFBgcICQoLDA0ODw"


def address(endpoint: Any = "https://push.example/abc", p256dh: Any = POINT, auth: Any = AUTH) -> str:
    return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": {"p256dh": p256dh, "auth": auth}})


def test_a_subscription_is_read_and_has_an_origin() -> None:
    assert read(address(), allow_private=False).origin == "https://push.example"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://push.example:443/x", "https://push.example"),
        ("https://push.example:8443/x", "https://push.example:8443"),
        ("https://[2a00:1450::1]/x", "https://[2a00:1450::1]"),
    ],
)
def test_an_origin_names_its_port_only_where_it_is_not_the_default(url: str, origin: str) -> None:
    assert read(address(url), allow_private=False).origin == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada@shop.example",
        "[]",
        "null",
        '"text"',
        "{}",
        '{"endpoint": "https://push.example/x"}',
        '{"endpoint": "https://push.example/x", "keys": []}',
        "[" * 100_000,
        address(endpoint=7),
        address(endpoint="http://push.example/x"),
        address(endpoint="https://127.0.0.1/x"),
        address(p256dh=None),
        address(p256dh="AAAA"),
        address(p256dh="B" + "A" * 86),
        address(auth="AAAA"),
        address(auth="é"),
    ],
)
def test_what_is_no_subscription_is_refused(text: str) -> None:
    with pytest.raises(BadSubscription):
        read(text, allow_private=False)


def test_padded_and_plain_base64_is_understood() -> None:
    padded = read(
        address(p256dh=POINT.replace("-", "+").replace("_", "/") + "=", auth=AUTH + "=="), allow_private=False
    )
    assert padded == read(address(), allow_private=False)


def test_its_keys_are_kept_as_the_browser_gave_them() -> None:
    assert read(address(), allow_private=False).keys == {"p256dh": POINT, "auth": AUTH}
    padded = read(address(p256dh=POINT + "=", auth=AUTH + "=="), allow_private=False)
    assert padded.keys == {"p256dh": POINT, "auth": AUTH}


def test_the_largest_payload_makes_exactly_one_record_that_only_the_device_can_read() -> None:
    plaintext = b"x" * PLAINTEXT_BYTES
    sealed = read(address(), allow_private=False).encrypt(plaintext)
    assert len(sealed) == RECORD_BYTES
    device: ec.EllipticCurvePrivateKey = load_key(PRIVATE)
    secret = bytes(range(16))
    assert http_ece.decrypt(sealed, private_key=device, auth_secret=secret, version="aes128gcm") == plaintext


def test_the_same_payload_is_never_sealed_the_same_way() -> None:
    subscription = read(address(), allow_private=False)
    assert subscription.encrypt(b"x") != subscription.encrypt(b"x")
