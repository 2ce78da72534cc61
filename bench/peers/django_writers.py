"""An application in Django that writes orders for some seconds: ``HOW URL-PARTS CLIENTS SECONDS ORDERS``.

HOW is "plain", or "signals": a post_save signal that asks ``transaction.on_commit`` for a job, which is a row in the
same database, so that it is as safe as the order from then on. Each writer is a process, as under an application
server. Prints the orders a second. URL-PARTS is JSON: host, user, dbname.
"""

import json
import multiprocessing
import random
import sys
import time
from multiprocessing.synchronize import Barrier

import django
from django.conf import settings

HOW, PARTS, CLIENTS, SECONDS, ORDERS = sys.argv[1], json.loads(sys.argv[2]), *map(int, sys.argv[3:6])

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": PARTS["host"],
            "USER": PARTS["user"],
            "NAME": PARTS["dbname"],
            "OPTIONS": {"server_side_binding": True, "prepare_threshold": 5},
        }
    },
    USE_TZ=True,
)
django.setup()

from django.db import connection, models, transaction  # noqa: E402
from django.db.models.signals import post_save  # noqa: E402


class Order(models.Model):  # noqa: DJ008 - never shown
    status = models.TextField()
    customer_id = models.IntegerField()
    vendor_id = models.IntegerField()
    total = models.DecimalField(max_digits=10, decimal_places=2)
    note = models.TextField()

    class Meta:
        app_label = "shop"
        db_table = "orders"


class Job(models.Model):  # noqa: DJ008 - as above
    order_id = models.BigIntegerField()
    status = models.TextField()

    class Meta:
        app_label = "shop"
        db_table = "job"


def saved(instance: Order, **_: object) -> None:
    """The signal's receiver, as Django's documentation advises: the job is only made when the order is committed."""
    transaction.on_commit(lambda: Job.objects.create(order_id=instance.pk, status=instance.status))


def write(ready: Barrier, counts: "multiprocessing.SimpleQueue[float]") -> None:
    """One writer: four orders move on for one that is placed. Says how many it wrote a second."""
    dice, written = random.Random(), 0
    connection.ensure_connection()
    ready.wait()
    began = time.monotonic()
    until = began + SECONDS
    while time.monotonic() < until:
        with transaction.atomic():
            if dice.random() < 0.2:
                customer = dice.randint(1, 1000)
                Order.objects.create(
                    status="pending",
                    customer_id=customer,
                    vendor_id=customer % 50,
                    total="12.50",
                    note="no onions, please",
                )
            else:
                order = Order.objects.get(pk=dice.randint(1, ORDERS))
                order.status = "ready" if order.status == "preparing" else "preparing"
                order.save(update_fields=["status"])
        written += 1
    counts.put(written / (time.monotonic() - began))


def main() -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Job)
    connection.close()
    if HOW == "signals":
        post_save.connect(saved, sender=Order)
    counts: multiprocessing.SimpleQueue[float] = multiprocessing.SimpleQueue()
    ready = multiprocessing.Barrier(CLIENTS)
    writers = [multiprocessing.Process(target=write, args=(ready, counts)) for _ in range(CLIENTS)]
    for each in writers:
        each.start()
    print(sum(counts.get() for _ in writers))
    for each in writers:
        each.join()


multiprocessing.set_start_method("fork")
main()
