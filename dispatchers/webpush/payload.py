"""A delivery as the JSON that the service worker shows, small enough for every push service."""

import json
from base64 import urlsafe_b64encode
from hashlib import sha256

from dispatchers.base import Delivery, Kind

RECORD_BYTES = 4096
"""What a push service must at least accept (RFC 8030, 7.2), and what RFC 8291, 4 takes as its one record."""
HEADER_BYTES = 86
"""Salt 16, record size 4, key id length 1, key id 65 (RFC 8188, 2.1; RFC 8291, 4)."""
SEAL_BYTES = 17
"""The delimiter and the tag of AES-128-GCM (RFC 8188, 2)."""
PLAINTEXT_BYTES = RECORD_BYTES - HEADER_BYTES - SEAL_BYTES
"""3,993, as RFC 8291, 4 has it."""

ELLIPSIS = "…"
_SHORTENED = ("body", "title", "action")
"""In this order: the body says least per byte, and without the title nothing is said."""
_DROPPED = ("url", "action", "subject", "tag", "event")
"""Given up only when texts of no length at all do not help: each would have to be absurdly long."""
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def topic(subject: str) -> str:
    """The Topic header for ``subject``: a newer push with the same topic replaces one that waits for its
    device.

    At most 32 characters of base64url (RFC 8030, 5.4); a hash, because the push service reads this header.
    """
    return urlsafe_b64encode(sha256(subject.encode("utf-8", "surrogatepass")).digest())[:32].decode()


def payload(delivery: Delivery) -> bytes:
    """The JSON to encrypt, :data:`PLAINTEXT_BYTES` at most; too long a body ends in an ellipsis."""
    fields: dict[str, object] = {
        "id": delivery.notification_id,
        "event": delivery.event,
        "subject": delivery.subject,
        "title": delivery.title,
        "body": delivery.body,
        "url": delivery.url,
        "action": delivery.action,
        "tag": delivery.subject,
        "priority": delivery.priority.value,
        "created_at": delivery.created_at.isoformat(),
    }
    if delivery.kind is Kind.WITHDRAWAL:
        fields["withdrawn"] = True
    whole = _encoded(fields)
    return whole if len(whole) <= PLAINTEXT_BYTES else _cut(fields)


def _cut(fields: dict[str, object]) -> bytes:
    for name in _SHORTENED:
        text = fields[name]
        if isinstance(text, str) and text and _size(fields) > PLAINTEXT_BYTES:
            fields[name] = _longest_that_fits(fields, name, text)
    for name in _DROPPED:
        if _size(fields) > PLAINTEXT_BYTES:
            fields[name] = topic(str(fields["tag"])) if name == "tag" else None
    return _encoded(fields)


def _longest_that_fits(fields: dict[str, object], name: str, text: str) -> str:
    """By bisection: how many bytes a character takes depends on what JSON and UTF-8 make of it."""
    low, high = 0, min(len(text), PLAINTEXT_BYTES)
    while low < high:
        middle = (low + high + 1) // 2
        if _size({**fields, name: _shortened(text, middle)}) <= PLAINTEXT_BYTES:
            low = middle
        else:
            high = middle - 1
    return _shortened(text, low)


def _shortened(text: str, characters: int) -> str:
    return text[:characters].rstrip() + ELLIPSIS


def _encoded(fields: dict[str, object]) -> bytes:
    # A lone surrogate, which UTF-8 cannot hold, becomes a question mark rather than an error.
    return _JSON.encode(fields).encode("utf-8", "replace")


def _size(fields: dict[str, object]) -> int:
    return len(_encoded(fields))
