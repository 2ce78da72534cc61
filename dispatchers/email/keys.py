"""The keys behind what we sign in mails: all from one secret, each for one purpose."""

import hmac
from functools import lru_cache

from config import Settings


def link_secret(settings: Settings) -> str | None:
    """``email.link_secret`` or, without it, ``auth.secret``; None where neither is set."""
    chosen = settings.email.link_secret or settings.auth.secret
    return chosen.get_secret_value() if chosen is not None else None


def key_for(purpose: str, secret: str) -> bytes:
    """32 bytes: what is signed with them for one purpose never passes for another."""
    return signature(secret.encode(), purpose.encode())


def signature(key: bytes, content: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104), 32 bytes."""
    made = _keyed(key).copy()
    made.update(content)
    return made.digest()


def is_signed(key: bytes, content: bytes, given: bytes, length: int) -> bool:
    """Whether ``given`` is the first ``length`` bytes of the signature, in constant time."""
    return hmac.compare_digest(signature(key, content)[:length], given)


@lru_cache(maxsize=8)
def _keyed(key: bytes) -> hmac.HMAC:
    """To be copied: half of what a short signature takes is taking in the key."""
    return hmac.new(key, digestmod="sha256")
