"""A delivery's address: the browser's push subscription, and the encryption that it asks for."""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ec
from pywebpush import WebPusher
from yarl import URL

from dispatchers.webpush import endpoint

AUTH_BYTES = 16
"""RFC 8291, 3.2."""


class BadSubscription(ValueError):
    """The address is no subscription that can be pushed to; the text says why, without the address."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where to push, and the keys of who reads it (RFC 8291)."""

    url: URL
    p256dh: str
    auth: str

    @property
    def origin(self) -> str:
        """Scheme, host and port (RFC 6454): the audience of a VAPID token."""
        return str(self.url.origin())

    def encrypt(self, plaintext: bytes) -> bytes:
        """``plaintext`` as one aes128gcm record (RFC 8188, RFC 8291), with a fresh key pair and salt."""
        pusher = WebPusher({"endpoint": str(self.url), "keys": {"p256dh": self.p256dh, "auth": self.auth}})
        body: bytes = pusher.encode(plaintext, content_encoding="aes128gcm")["body"]
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


def _point(p256dh: str) -> str:
    """``p256dh``, once it is known to be a point of the curve; pywebpush would find out too late."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _decode(p256dh))
    except ValueError:
        raise BadSubscription("p256dh is not a P-256 public key") from None
    return _unpadded(p256dh)


def _secret(auth: str) -> str:
    try:
        size = len(_decode(auth))
    except ValueError:
        size = 0
    if size != AUTH_BYTES:
        raise BadSubscription(f"auth is not {AUTH_BYTES} bytes in base64url")
    return _unpadded(auth)


def _unpadded(text: str) -> str:
    """base64url without padding, which is what pywebpush pads; some browsers once gave plain base64."""
    return text.rstrip("=").replace("+", "-").replace("/", "_")


def _decode(text: str) -> bytes:
    plain = _unpadded(text)
    return urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
