"""The same application in Django, told of by Channels: ``PER_SECOND SECONDS``.

``save`` -> ``post_save`` -> ``transaction.on_commit`` -> ``group_send``, as the documentation of both has it.
"""

import sys
import time
from typing import Any

import django

django.setup()

from asgiref.sync import async_to_sync  # noqa: E402 - after setup()
from channels.layers import get_channel_layer  # noqa: E402
from django.db import models, transaction  # noqa: E402
from django.db.models.signals import post_save  # noqa: E402
from django.dispatch import receiver  # noqa: E402

from bench.frame_latency.pace import keep_ordering  # noqa: E402
from bench.peers.sender import ring  # noqa: E402


class Order(models.Model):  # noqa: DJ008 - shown to nobody
    """As much of the shop's table as an order needs."""

    id = models.BigAutoField(primary_key=True)
    status = models.TextField()
    customer_id = models.BigIntegerField()
    vendor_id = models.BigIntegerField()
    total = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        app_label = "shop"
        db_table = "orders"
        managed = False


group_send = async_to_sync(get_channel_layer().group_send)
committed_at: dict[int, float] = {}


@receiver(post_save, sender=Order)
def tell(instance: Order, **_: Any) -> None:
    def when_committed() -> None:
        committed_at[instance.id] = time.monotonic()
        frame = {
            "type": "new_notification",
            "id": instance.id,
            "subject": f"order:{instance.id}",
            "title": "Order picked up",
        }
        group_send(f"person_{instance.customer_id}", ring(frame))

    transaction.on_commit(when_committed)


def place(customer: int) -> tuple[int, float]:
    with transaction.atomic():
        order = Order(status="picked_up", customer_id=customer, vendor_id=1, total="12.50")
        order.save()
    return order.id, committed_at.pop(order.id)


if __name__ == "__main__":
    keep_ordering(place, float(sys.argv[1]), float(sys.argv[2]))
