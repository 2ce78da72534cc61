"""Orderbell's dispatcher with its default settings, called as the delivery workers call it.

``push PORT SECONDS`` sends; ``encrypt PORT SECONDS`` is the limit: what it makes of each push is encrypted for its
device, one after the other, and thrown away.
"""

import asyncio
import json
import sys
from dataclasses import replace

from pydantic import SecretStr

from bench.email_rate.ours import delivery as mail
from bench.sending import keep_calling, keep_sending
from bench.webpush_rate import people
from config.channels import WebPush
from dispatchers.base import Delivery, Sent
from dispatchers.webpush import WebPushDispatcher, subscription
from dispatchers.webpush.payload import payload
from dispatchers.webpush.vapid import generate_vapid_key


def delivery(number: int, address: str) -> Delivery:
    """The same words as in the mails."""
    return replace(mail(number), channel="webpush", address=address)


async def push(port: int, seconds: float) -> None:
    """Send for so long."""
    private_key, _ = generate_vapid_key()
    dispatcher = WebPushDispatcher(
        WebPush(vapid_private_key=SecretStr(private_key), vapid_subject=people.CONTACT, allow_private_endpoints=True)
    )
    await dispatcher.start()
    deliveries = [delivery(number, json.dumps(each)) for number, each in enumerate(people.subscriptions(port))]

    async def send(number: int) -> None:
        (outcome,) = await dispatcher.send([deliveries[number % people.DEVICES]])
        if not isinstance(outcome, Sent):
            raise TypeError(outcome)

    await keep_sending(send, seconds, dispatcher.concurrency)
    await dispatcher.stop()


def encrypt(port: int, seconds: float) -> None:
    """Encrypt for so long."""
    targets = [subscription.read(json.dumps(each), allow_private=True) for each in people.subscriptions(port)]
    plaintext = payload(delivery(1, ""))
    keep_calling(lambda number: targets[number % people.DEVICES].encrypt(plaintext), seconds)


if __name__ == "__main__":
    if sys.argv[1] == "encrypt":
        encrypt(int(sys.argv[2]), float(sys.argv[3]))
    else:
        asyncio.run(push(int(sys.argv[2]), float(sys.argv[3])))
