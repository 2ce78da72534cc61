"""Unsubscribe links: who may be told no more, signed, so that one click is enough (RFC 8058).

A token is base64url of version, signature, and ``category NUL user NUL address``. Made with the standard library's hmac
and not as a JWT: half as long, and nothing that is signed elsewhere with the same secret can pass for one.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

from config.names import NOT_DECLINED, Category
from dispatchers.base import Delivery
from dispatchers.email.keys import is_signed, key_for, signature

PREFIX: Final = "/unsubscribe"

_VERSION: Final = b"\x01"
_SIGNATURE_OCTETS: Final = 16
_LONGEST: Final = 900
"""Characters of a link: a line of a mail has at most 998 (RFC 5322 2.1.1), and a folded address is a broken one."""


class BadToken(ValueError):
    """Not made by us, or not with this secret."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a link ends: mails of one category to one person at one address."""

    user_id: str
    address: str
    """As the application has it."""
    category: Category


class Links:
    """Makes links and reads their tokens. Without a public URL or a secret there are none."""

    def __init__(self, public_url: str, secret: str | None) -> None:
        self._prefix = f"{public_url}{PREFIX}/"
        self._key = key_for("unsubscribe", secret) if public_url and secret else None

    def of(self, delivery: Delivery) -> str | None:
        """Where the recipient can unsubscribe; None where that is not offered, or the link would be too long."""
        if self._key is None or delivery.critical or delivery.category in NOT_DECLINED or not delivery.user_id:
            return None
        link = self._prefix + _token(
            self._key, Subscription(delivery.user_id, delivery.address.strip(), delivery.category)
        )
        return link if len(link) <= _LONGEST else None

    def read(self, token: str) -> Subscription:
        """What ``token`` is about. Never expires. Raises BadToken."""
        if self._key is None or len(token) > _LONGEST:
            raise BadToken("not one of ours")
        try:
            raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            raise BadToken("not base64url") from None
        version, content = raw[:1], raw[1 + _SIGNATURE_OCTETS :]
        if version != _VERSION or not is_signed(
            self._key, version + content, raw[1 : 1 + _SIGNATURE_OCTETS], _SIGNATURE_OCTETS
        ):
            raise BadToken("the signature is not ours")
        category, user_id, address = content.decode("utf-8", "surrogatepass").split("\0")
        return Subscription(user_id, address, Category(category))


def _token(key: bytes, subscription: Subscription) -> str:
    """Visible ASCII that needs no escape in a URL."""
    said = f"{subscription.category}\0{subscription.user_id}\0{subscription.address}"
    content = said.encode("utf-8", "surrogatepass")
    signed = signature(key, _VERSION + content)[:_SIGNATURE_OCTETS]
    return urlsafe_b64encode(_VERSION + signed + content).rstrip(b"=").decode("ascii")
