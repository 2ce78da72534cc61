"""What is sent to browsers in this benchmark. The peers import it in their own environment: standard library only."""

from typing import Any

ANNOUNCE = b"a"
"""A command to a server: everybody gets the same, one frame each."""
TELL = b"t"
"""A command to a server: each person gets a notification of their own, one frame each."""

CREATED_AT = "2026-03-01T18:30:05.250000Z"
EXPIRES_AT = "2026-03-02T18:30:05.250000Z"
FIRST_ID = 1_000_000
"""Ids of seven digits: all frames have one length."""

ANNOUNCEMENT: dict[str, Any] = {
    "id": 1,
    "level": "info",
    "title": "Late tonight",
    "body": "It rains, and kitchens are busy: for the next hour or so, orders take ten minutes longer.",
    "url": "https://shop.example/status",
    "action": "See all",
    "starts_at": CREATED_AT,
    "ends_at": None,
}


def announcement() -> dict[str, Any]:
    """The hub's frame, as what JSON is made of."""
    return {"type": "announcement", "announcement": ANNOUNCEMENT}


def notification(number: int) -> dict[str, Any]:
    """The hub's frame for person ``number``."""
    return {
        "type": "new_notification",
        "id": FIRST_ID + number,
        "notification": {
            "id": FIRST_ID + number,
            "event": "order.ready",
            "subject": f"order:{FIRST_ID + number}",
            "audience": "customer",
            "category": "order",
            "priority": "normal",
            "title": "Ready",
            "body": "",
            "url": None,
            "action": None,
            "created_at": CREATED_AT,
            "read_at": None,
            "seen_at": None,
            "archived_at": None,
            "expires_at": EXPIRES_AT,
        },
    }
