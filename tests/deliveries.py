"""A delivery as tests need it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from config.names import Category, Priority
from dispatchers.base import Delivery


def delivery(**changes: Any) -> Delivery:
    """A delivery in which everything is plausible, with ``changes``."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "id": 1,
        "attempt": 1,
        "channel": "test",
        "address": "somewhere",
        "notification_id": 1,
        "user_id": "1",
        "recipient_name": "Ada",
        "locale": "en",
        "event": "order.ready",
        "subject": "order:7",
        "audience": "customer",
        "category": Category.ORDER,
        "priority": Priority.NORMAL,
        "title": "Order #7 is ready",
        "body": "Your order #7 is ready.",
        "text": "Order #7 is ready.",
        "url": None,
        "action": None,
        "created_at": now,
        "expires_at": now + timedelta(days=1),
    }
    return Delivery(**values | changes)
