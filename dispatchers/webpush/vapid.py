"""Who is pushing: the key pair, and the token that proves it to a push service (VAPID, RFC 8292)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from py_vapid import jwt

TOKEN_SECONDS = 12 * 3600
"""RFC 8292, 2 allows 24 hours; half of it leaves room for clocks that disagree."""
RENEW_SECONDS = 3600
"""A token with less than this left is not used any more."""
ORIGINS_KEPT = 256
"""There are about five push services; whoever registers endpoints at thousands of names fills no memory."""
PRIVATE_KEY_BYTES = 32


class BadKey(ValueError):
    """The private key cannot be used; the text says why, without the key."""


def generate_vapid_key() -> tuple[str, str]:
    """A new key pair: the private key for the settings, the public one for browsers, both in base64url."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _encode(key.private_numbers().private_value.to_bytes(PRIVATE_KEY_BYTES, "big")), _public(key)


def public_key(private: str) -> str:
    """The browser's ``applicationServerKey``: the uncompressed point in base64url. Raises BadKey."""
    return _public(load_key(private))


def load_key(private: str) -> ec.EllipticCurvePrivateKey:
    """The P-256 key in ``private``: base64url of its 32 bytes, or PEM (PKCS #8 or SEC 1). Raises BadKey."""
    try:
        if "-----BEGIN" in private:
            # An environment variable often carries the line ends as \n.
            key = load_pem_private_key(private.replace("\\n", "\n").strip().encode(), password=None)
        else:
            key = _from_raw(private)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("the VAPID private key is neither base64url of 32 bytes nor PEM without a password") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadKey("the VAPID private key is not on the curve P-256")
    return key


def _from_raw(private: str) -> ec.EllipticCurvePrivateKey:
    text = private.strip().rstrip("=").replace("+", "-").replace("/", "_")
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(raw) != PRIVATE_KEY_BYTES:
        raise ValueError(f"{len(raw)} bytes")
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    expires_at: int


class Signer:
    """Makes the Authorization header for each push service, and keeps it for as long as it is good."""

    def __init__(self, private: str, subject: str, clock: Callable[[], float]) -> None:
        """``clock`` gives Unix seconds."""
        self._private = private
        self._subject = subject
        self._clock = clock
        self._tokens: OrderedDict[str, _Token] = OrderedDict()

    @cached_property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """Raises BadKey."""
        return load_key(self._private)

    def authorization(self, origin: str) -> str:
        """``vapid t=..., k=...`` (RFC 8292, 3) for the push service at ``origin``. Raises BadKey."""
        now = int(self._clock())
        token = self._tokens.get(origin)
        if token is None or token.expires_at - now < RENEW_SECONDS:
            token = self._sign(origin, now + TOKEN_SECONDS)
            self._tokens[origin] = token
        self._tokens.move_to_end(origin)
        while len(self._tokens) > ORIGINS_KEPT:
            self._tokens.popitem(last=False)
        return token.header

    def forget(self, origin: str) -> None:
        """Sign anew next time: ``origin`` did not like the token (a clock that was set, perhaps)."""
        self._tokens.pop(origin, None)

    def _sign(self, origin: str, expires_at: int) -> _Token:
        # py_vapid's Vapid.sign() refuses subjects and audiences that RFC 8292 allows: an https URL with a
        # path, a host with a colon. Its JWT is what is wanted.
        token = jwt.sign({"aud": origin, "exp": expires_at, "sub": self._subject}, self.key)
        return _Token(f"vapid t={token}, k={_public(self.key)}", expires_at)


def _public(key: ec.EllipticCurvePrivateKey) -> str:
    return _encode(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
