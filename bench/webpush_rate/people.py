"""Who is pushed to: each a device of its own, with keys of its own."""

import os
from base64 import urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DEVICES = 2_000
AT_ONCE = 32
"""Pushes under way, of those who can: ``webpush.concurrency``."""
CONTACT = "mailto:orders@shop.example"


def subscription(port: int, number: int) -> dict[str, Any]:
    """As ``PushSubscription.toJSON()`` gives it."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {
        "endpoint": f"http://127.0.0.1:{port}/push/gAAAAABoCq0b{number:052d}",
        "keys": {"p256dh": _encode(point), "auth": _encode(os.urandom(16))},
    }


def subscriptions(port: int) -> list[dict[str, Any]]:
    """Everybody's."""
    return [subscription(port, number) for number in range(DEVICES)]


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
