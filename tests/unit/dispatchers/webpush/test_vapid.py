"""Keys, and the tokens that they sign (RFC 8292)."""

import time
from base64 import urlsafe_b64decode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dispatchers.webpush.vapid import (
    ORIGINS_KEPT,
    RENEW_SECONDS,
    TOKEN_SECONDS,
    BadKey,
    Signer,
    generate_vapid_key,
    load_key,
    public_key,
)

ORIGIN = "https://push.example"


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signer(clock: Clock) -> Signer:
    return Signer(generate_vapid_key()[0], "mailto:ops@shop.example", clock)


def parts(header: str) -> dict[str, str]:
    scheme, _, rest = header.partition(" ")
    assert scheme == "vapid"
    return dict(part.strip().split("=", 1) for part in rest.split(","))


def test_a_new_key_pair_belongs_together() -> None:
    private, public = generate_vapid_key()
    assert public_key(private) == public
    assert len(urlsafe_b64decode(public + "=")) == 65


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_pem_is_understood_also_with_escaped_line_ends(form: PrivateFormat) -> None:
    private, public = generate_vapid_key()
    pem = load_key(private).private_bytes(Encoding.PEM, form, NoEncryption()).decode()
    assert public_key(pem) == public
    assert public_key(pem.replace("\n", "\\n")) == public


@pytest.mark.parametrize(
    "private",
    [
        "",
        "AAAA",
        "A" * 43,
        "not base64 at all!",
        "é",
        "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----",
    ],
)
def test_what_is_no_key_is_refused_without_repeating_it(private: str) -> None:
    with pytest.raises(BadKey) as refused:
        load_key(private)
    assert not private or private not in str(refused.value)


def test_a_key_of_another_curve_or_kind_is_refused() -> None:
    for key in (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        with pytest.raises(BadKey, match="P-256"):
            load_key(pem)


def test_a_token_names_the_push_service_the_contact_and_an_end_within_a_day(signer: Signer, clock: Clock) -> None:
    given = parts(signer.authorization(ORIGIN))
    claims = jwt.decode(given["t"], signer.key.public_key(), algorithms=["ES256"], audience=ORIGIN)
    assert claims["sub"] == "mailto:ops@shop.example"
    assert 0 < claims["exp"] - clock.now <= 24 * 3600
    point = urlsafe_b64decode(given["k"] + "=")
    assert ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point) == signer.key.public_key()


def test_a_contact_may_be_any_https_url(clock: Clock) -> None:
    signer = Signer(generate_vapid_key()[0], "https://shop.example/contact", clock)
    assert signer.authorization(ORIGIN).startswith("vapid t=")


def test_a_token_is_kept_per_push_service(signer: Signer) -> None:
    assert signer.authorization(ORIGIN) is signer.authorization(ORIGIN)
    assert signer.authorization(ORIGIN) != signer.authorization("https://other.example")


def test_a_token_is_renewed_well_before_its_end(signer: Signer, clock: Clock) -> None:
    first = signer.authorization(ORIGIN)
    clock.now += TOKEN_SECONDS - RENEW_SECONDS - 2
    assert signer.authorization(ORIGIN) is first
    clock.now += 4
    assert signer.authorization(ORIGIN) != first


def test_a_token_that_was_refused_is_signed_anew(signer: Signer) -> None:
    first = signer.authorization(ORIGIN)
    signer.forget(ORIGIN)
    assert signer.authorization(ORIGIN) is not first


def test_thousands_of_origins_fill_no_memory(signer: Signer) -> None:
    for number in range(ORIGINS_KEPT + 10):
        signer.authorization(f"https://push{number}.example")
    assert len(signer._tokens) == ORIGINS_KEPT
