"""What the e-mail unit tests share."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.names import Category, Priority
from dispatchers.base import Delivery

NOW = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)

ORDER_IS_READY = Delivery(
    id=812,
    attempt=1,
    channel="email",
    address="zoe@example.com",
    notification_id=77,
    user_id="u1",
    recipient_name="Zoe Miller",
    locale="en",
    event="order.ready",
    subject="order:4711",
    audience="customer",
    category=Category.ORDER,
    priority=Priority.NORMAL,
    title="Your order #4711 is ready",
    body="Trattoria Bella has packed it.\n\nTotal: 34.80\nPaid by card",
    text="Order #4711 is ready",
    url="https://shop.example/orders/4711?a=1&b=2",
    action="Track your order",
    created_at=NOW,
    expires_at=NOW + timedelta(hours=1),
)


@pytest.fixture(scope="session")
def delivery() -> Callable[..., Delivery]:
    """A delivery that is ordinary but for what the test says."""

    def make(**changes: Any) -> Delivery:
        return replace(ORDER_IS_READY, **changes)

    return make
