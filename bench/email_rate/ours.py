"""Orderbell's dispatcher with its default settings, called as the delivery workers call it."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from bench.email_rate import words
from bench.sending import keep_sending
from config.channels import Email, EmailProvider
from config.names import Category, Priority
from dispatchers.base import Delivery, Sent
from dispatchers.email import EmailDispatcher

SECRET = "of the benchmark, and of nothing else"
PEOPLE = 2_000
PUBLIC_URL = "https://notify.shop.example"


def settings(port: int) -> Email:
    return Email(sender=words.SENDER, provider=(EmailProvider(host="127.0.0.1", port=port, security="none"),))


def delivery(number: int) -> Delivery:
    now = datetime.now(UTC)
    return Delivery(
        id=number + 1,
        attempt=1,
        channel="email",
        address=words.recipient(number),
        notification_id=number + 1,
        user_id=str(number),
        recipient_name=f"Person {number}",
        locale="en",
        event="order.ready",
        subject=f"order:{number}",
        audience="customer",
        category=Category.ORDER,
        priority=Priority.NORMAL,
        title=words.title(number),
        body=words.BODY,
        text="Your order is ready",
        url=f"https://shop.example/orders/{number}",
        action="Track your order",
        created_at=now,
        expires_at=now + timedelta(days=1),
    )


async def run(port: int, seconds: float) -> None:
    """Send for so long."""
    dispatcher = EmailDispatcher(settings(port), public_url=PUBLIC_URL, secret=SECRET)
    await dispatcher.start()
    deliveries = [delivery(number) for number in range(PEOPLE)]

    async def send(number: int) -> None:
        (outcome,) = await dispatcher.send([deliveries[number % PEOPLE]])
        if not isinstance(outcome, Sent):
            raise TypeError(outcome)

    await keep_sending(send, seconds, dispatcher.concurrency)
    await dispatcher.stop()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), float(sys.argv[2])))
