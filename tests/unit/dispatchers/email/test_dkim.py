"""Signatures, judged by dkimpy's verifier with a DNS of our own."""

import importlib
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from config.channels import Email
from dispatchers.base import Delivery
from dispatchers.email.message import Composer

Deliveries = Callable[..., Delivery]

NOW = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
SEED = b64encode(ED25519.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())).decode()


def pem(
    key: Any,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption = NoEncryption(),  # noqa: B008 - it has no state
) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, form, encryption)
    return text.decode()


def composer_with(private_key: str, **settings: Any) -> Composer:
    section = {"selector": "mail2026", "private_key": private_key} | settings
    email = {"sender": "Bella Shop <hello@shop.example>", "reply_to": "help@shop.example", "dkim": section}
    return Composer(Email.model_validate(email), public_url="https://notify.shop.example", secret="s" * 32)


def dns(name: bytes, timeout: int = 5) -> bytes | None:
    """As the owner of shop.example has filled it in."""
    public = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raw = ED25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        b"mail2026._domainkey.shop.example.": b"v=DKIM1; k=rsa; p=" + b64encode(public),
        b"ed2026._domainkey.shop.example.": b"v=DKIM1; k=ed25519; p=" + b64encode(raw),
    }.get(name)


def signed(composer: Composer, delivery: Delivery) -> bytes:
    """A mail as it arrives: SMTP has undone the dots."""
    return composer.compose(delivery, NOW).content.replace(b"\r\n..", b"\r\n.")


def is_valid(content: bytes) -> bool:
    return bool(dkim.verify(content, dnsfunc=dns))


@pytest.mark.parametrize(
    "key",
    [pem(RSA), pem(RSA, PrivateFormat.TraditionalOpenSSL), pem(RSA).replace("\n", "\r\n")],
    ids=["pkcs8", "pkcs1", "crlf"],
)
def test_a_mail_is_signed_with_rsa(delivery: Deliveries, key: str) -> None:
    content = signed(composer_with(key), delivery())
    assert content.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=shop.example;")
    assert is_valid(content)


@pytest.mark.parametrize("key", [SEED, f" {SEED}\n", pem(ED25519)], ids=["seed", "seed with blanks", "pem"])
def test_a_mail_is_signed_with_ed25519(delivery: Deliveries, key: str) -> None:
    content = signed(composer_with(key, selector="ed2026"), delivery())
    assert b"a=ed25519-sha256" in content
    assert is_valid(content)


@pytest.mark.parametrize(
    "changes",
    [
        {"body": ".\n..two\n...three\n.", "title": ".dots"},
        {"body": "Grüße  \n\n\n\n", "title": "準備ができました 🍕" * 20},
        {"recipient_name": "Zoë Müller", "address": "zoë@bücher.example"},
        {"user_id": "u" * 500},
        {"subject": ""},
    ],
)
def test_whatever_is_in_it_the_signature_holds(delivery: Deliveries, changes: dict[str, str]) -> None:
    assert is_valid(signed(composer_with(SEED, selector="ed2026"), delivery(**changes)))


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (b"From: Bella Shop", b"From: Eve"),
        (b"Subject: Your order", b"Subject: My order"),
        (b"Reply-To: help@", b"Reply-To: eve@"),
        (b"To: Zoe Miller", b"To: Adam Miller"),
        (b"Date: Sun", b"Date: Mon"),
        (b"List-Unsubscribe: <https://notify", b"List-Unsubscribe: <https://evil"),
        (b"List-Unsubscribe-Post: List-", b"List-Unsubscribe-Post: Mist-"),
        (b"Total: 34.80", b"Total: 0.00"),
        (b"\r\nSubject:", b"\r\nFrom: eve@example.com\r\nSubject:"),
    ],
)
def test_what_is_changed_on_the_way_breaks_it(delivery: Deliveries, found: bytes, written: bytes) -> None:
    content = signed(composer_with(SEED, selector="ed2026"), delivery())
    head, tail = content[: content.index(b"\r\nFrom: ")], content[content.index(b"\r\nFrom: ") :]
    assert found in tail
    assert not is_valid(head + tail.replace(found, written, 1))


def test_another_domain_may_sign(delivery: Deliveries) -> None:
    content = signed(composer_with(SEED, domain="Bücher.example"), delivery())
    assert b"d=xn--bcher-kva.example;" in content


@pytest.mark.parametrize(
    "key",
    [
        "nonsense",
        b64encode(b"x" * 31).decode(),
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(RSA, encryption=BestAvailableEncryption(b"password")),
    ],
    ids=["nonsense", "a short seed", "no key", "another curve", "encrypted"],
)
def test_a_key_that_is_none_is_named_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match=r"^email\.dkim\.private_key: is neither RSA in PEM") as raised:
        composer_with(key)
    assert key not in str(raised.value)


def test_a_selector_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"^email\.dkim\.selector: "):
        composer_with(SEED, selector="a b")


def test_without_dkimpy_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ValueError, match=r"email\.dkim\.private_key: .*dkim.*pip install 'orderbell\[dkim\]'"):
        composer_with(SEED)


def test_without_a_key_nothing_is_signed(delivery: Deliveries) -> None:
    composer = Composer(Email(sender="hello@shop.example"))
    assert not composer.takes_long
    assert b"DKIM" not in composer.compose(delivery(), NOW).content
