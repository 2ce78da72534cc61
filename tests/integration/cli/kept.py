"""Rows as the daemon writes them, for what is said about them afterwards: all of yesterday noon, UTC."""

import json
from datetime import UTC, datetime, time, timedelta
from typing import Any

import psycopg

NOON = datetime.combine(datetime.now(UTC).date() - timedelta(days=1), time(12), UTC)
DAY = f"{NOON:%Y-%m-%d}"

DEVICE = json.dumps({"endpoint": "https://push.example.net/send/abc", "keys": {"p256dh": "P", "auth": "A"}})
PHONE = "+12025550123"
MAIL = "ada@example.com"

ADDRESSES = {"email": MAIL, "sms": PHONE, "webpush": DEVICE}


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


class Kept:
    """A database with Orderbell in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)
        self._delivery = 100

    def sql(self, query: str, *parameters: Any) -> None:
        self._connection.execute(query.encode(), parameters or None)

    def add(self, table: str, **values: Any) -> None:
        names = ", ".join(values)
        marks = ", ".join(["%s"] * len(values))
        self.sql(f"INSERT INTO orderbell.{table} ({names}) VALUES ({marks})", *values.values())

    def event(self, id_: int, name: str, minutes: float = 0, remarks: list[str] | None = None, **more: Any) -> None:
        values = {
            "id": id_, "name": name, "subject": "order:4711", "watch": "orders", "key": "4711", "data": "{}",
            "label": "#4711", "remarks": remarks or [], "captured_at": at(minutes), "planned_at": at(minutes),
        }  # fmt: skip
        self.add("event", **values | more)

    def told(self, id_: int, event: int, name: str, minutes: float = 0, **more: Any) -> None:
        values = {
            "id": id_, "event_id": event, "message_id": id_, "user_id": "u1", "event": name, "subject": "order:4711",
            "audience": "customer", "category": "order", "priority": "normal", "created_at": at(minutes),
            "expires_at": at(minutes + 60),
        }  # fmt: skip
        self.add("notification", **values | more)

    def finished(self, told: int, channel: str, state: str, minutes: float = 0, **more: Any) -> int:
        self._delivery += 1
        values = {
            "id": self._delivery, "notification_id": told, "channel": channel, "address": ADDRESSES.get(channel),
            "state": state, "attempt": 0 if state == "skipped" else 1, "finished_at": at(minutes),
            "provider": None if state == "skipped" else "first",
        }  # fmt: skip
        self.add("delivery_history", **values | more)
        return self._delivery

    def skipped(self, told: int, channel: str, reason: str, minutes: float = 0, **more: Any) -> int:
        return self.finished(told, channel, "skipped", minutes, reason=reason, **more)

    def waiting(self, told: int, channel: str, due_at: datetime, **more: Any) -> int:
        self._delivery += 1
        values = {
            "id": self._delivery, "notification_id": told, "channel": channel, "address": ADDRESSES[channel],
            "recipient_name": "Ada", "locale": "en", "state": "pending", "due_at": due_at, "user_id": "u1",
            "subject": "order:4711", "audience": "customer", "expires_at": due_at + timedelta(days=1),
        }  # fmt: skip
        self.add("delivery", **values | more)
        return self._delivery

    def tried(self, delivery: int, attempt: int, minutes: float, outcome: str, **more: Any) -> None:
        values = {"provider": "first", "started_at": at(minutes), "ended_at": at(minutes)}
        self.add("attempt", delivery_id=delivery, attempt=attempt, outcome=outcome, **values | more)

    def close(self) -> None:
        self._connection.close()


CONFIGURATION = """
[database]
url = "{url}"

[[watch]]
table = "public.orders"
columns = ["customer_id"]

[people]
query = "SELECT id AS user_id FROM users WHERE id = ANY(:ids)"

[audience.customer]
column = "customer_id"
[audience.vendor]
column = "customer_id"
time_zone = "Asia/Tbilisi"

[quiet_hours]
time_zone = "Europe/Berlin"

[[throttle]]
channel = "sms"
at_most = 2
per = "1h30m"

[[rule]]
event = "order.created"
audience = "customer"
channels = ["inbox", "email"]

[[rule]]
event = "order.ready"
audience = "customer"
channels = ["inbox", "email", "sms", "webpush"]

[[rule]]
event = "order.ready"
audience = "vendor"
channels = ["inbox", "webpush"]
withdraw_on = ["order.delivered"]

[[rule]]
event = "order.delivered"
audience = "customer"
category = "delivery"
[[rule.steps]]
channels = ["inbox"]
[[rule.steps]]
channels = ["email"]
after = "2m"
unless = "read"
"""


def life(kept: Kept) -> None:
    """An order of which one notification or another has met everything there is."""
    kept.event(1, "order.created")
    kept.told(1, 1, "order.created", read_at=at(4))
    kept.finished(1, "email", "delivered", 0.05, provider_id="<1.2@shop>", reported_at=at(0.1))
    kept.event(2, "order.ready", 10, ["vendor: user u9 is not among the people"])
    kept.told(2, 2, "order.ready", 10, seen_at=at(11))
    kept.skipped(2, "email", "superseded", 20)
    failed = kept.finished(2, "sms", "failed", 13, attempt=2, error="Twilio error 21610: +12025550123 said STOP")
    kept.tried(failed, 1, 10, "retry", code="429", detail="too many requests")
    kept.tried(failed, 2, 13, "rejected", code="21610", detail="+12025550123 said STOP", provider="second")
    kept.skipped(2, "webpush", "no_address", 10, address=None)
    kept.told(3, 2, "order.ready", 10, user_id="u2", audience="vendor", priority="high", withdrawn_at=at(20))
    kept.finished(3, "webpush", "sent", 10.01)
    kept.finished(3, "webpush", "sent", 20.01)
    kept.event(3, "order.delivered", 20)
    kept.told(4, 3, "order.delivered", 20, category="delivery")
    soon = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=1)
    kept.waiting(4, "email", soon, hold="quiet", step=1, time_zone="Europe/Berlin")
    kept.add("change", watch="orders", op="update", key="4711", old='{"status": "delivered"}',
             new='{"id": 4711, "status": "refunded"}')  # fmt: skip
    kept.add("change_failed", id=7, watch="orders", op="update", key="4711", old='{"status": "ready"}',
             new='{"id": 4711, "status": "lost"}', captured_at=at(15), failed_at=at(15),
             error='column "mail" does not exist')  # fmt: skip
    kept.add("scheduled", event="order.rate", key="4711", scheduled_for=soon)
