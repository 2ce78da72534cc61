"""A delivery's address: the browser's push subscription, and the encryption that it asks for."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pywebpush import WebPusher
from yarl import URL

from dispatchers.webpush import endpoint
from dispatchers.webpush.wire import head_of

AUTH_BYTES = 16
"""RFC 8291, 3.2."""


class BadSubscription(ValueError):
    """The address is no subscription that can be pushed to; the text says why, without the address."""


CURVE = ec.SECP256R1()


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where to push, and the keys of who reads it (RFC 8291)."""

    url: URL
    p256dh: ec.EllipticCurvePublicKey
    auth: bytes
    origin: str = field(init=False)
    """Scheme, host and port (RFC 6454): the audience of a VAPID token."""
    head: str = field(init=False, repr=False, compare=False)
    """The lines that begin each request to it."""
    _pusher: WebPusher = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "origin", str(self.url.origin()))
        object.__setattr__(self, "head", head_of(self.url))
        pusher = WebPusher({"endpoint": str(self.url), "keys": self.keys})
        # It reads the key anew for each push, a fifth of the time that one takes; a key that is read already will do.
        pusher.receiver_key = self.p256dh
        object.__setattr__(self, "_pusher", pusher)

    @property
    def keys(self) -> dict[str, str]:
        """``p256dh`` and ``auth`` as a browser gives them (base64url without padding): to be kept."""
        point = self.p256dh.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return {"p256dh": _encode(point), "auth": _encode(self.auth)}

    def encrypt(self, plaintext: bytes) -> bytes:
        """``plaintext`` as one aes128gcm record (RFC 8188, RFC 8291), with a fresh key pair and salt."""
        body: bytes = self._pusher.encode(plaintext, content_encoding="aes128gcm")["body"]
        return body


@lru_cache(maxsize=8192)  # a device gets one push after another; checking its keys anew costs as much as encrypting
def read(address: str, *, allow_private: bool) -> Subscription:
    """The subscription in ``address``, the W3C's ``PushSubscription.toJSON()``. Raises BadSubscription."""
    try:
        given = json.loads(address)
        text, p256dh, auth = given["endpoint"], given["keys"]["p256dh"], given["keys"]["auth"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BadSubscription("the subscription is not {endpoint, keys: {p256dh, auth}} in JSON") from None
    if not (isinstance(text, str) and isinstance(p256dh, str) and isinstance(auth, str)):
        raise BadSubscription("the subscription's endpoint and keys are not text")
    try:
        url = endpoint.check(text, allow_private=allow_private)
    except endpoint.BadEndpoint as error:
        raise BadSubscription(str(error)) from None
    return Subscription(url, _point(p256dh), _secret(auth))


def _point(p256dh: str) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, _decode(p256dh))
    except ValueError:
        raise BadSubscription("p256dh is not a P-256 public key") from None


def _secret(auth: str) -> bytes:
    try:
        secret = _decode(auth)
    except ValueError:
        secret = b""
    if len(secret) != AUTH_BYTES:
        raise BadSubscription(f"auth is not {AUTH_BYTES} bytes in base64url")
    return secret


def _unpadded(text: str) -> str:
    """base64url without padding; some browsers once gave plain base64."""
    return text.rstrip("=").replace("+", "-").replace("/", "_")


def _decode(text: str) -> bytes:
    plain = _unpadded(text)
    return urlsafe_b64decode(plain + "=" * (-len(plain) % 4))


def _encode(value: bytes) -> str:
    return _unpadded(urlsafe_b64encode(value).decode())
