"""Rows in which everything is plausible, with changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from config import Settings
from daemon.explain.configured import Configured
from daemon.explain.moments import Moments
from daemon.explain.records import EventRow, FinishedRow, NotificationRow, WaitingRow

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOMENT = Moments(UTC, NOON.date())


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def event(**changes: Any) -> EventRow:
    values: dict[str, Any] = {
        "id": 1, "name": "order.ready", "watch": "orders", "label": "#7", "captured_at": NOON, "planned_at": NOON,
        "remarks_total": 0, "remarks": (),
    }  # fmt: skip
    return EventRow(**values | changes)


def told(**changes: Any) -> NotificationRow:
    values: dict[str, Any] = {
        "id": 1, "event_id": 1, "event": "order.ready", "user_id": "u1", "audience": "customer", "category": "order",
        "priority": "normal", "critical": False, "created_at": NOON, "expires_at": at(60), "read_at": None,
        "seen_at": None, "withdrawn_at": None, "total": 1, "last": 1,
    }  # fmt: skip
    return NotificationRow(**values | changes)


def finished(**changes: Any) -> FinishedRow:
    values: dict[str, Any] = {
        "id": 1, "notification_id": 1, "channel": "email", "address": "ada@example.com", "state": "sent",
        "reason": None, "attempt": 1, "provider": "first", "provider_id": None, "error": None, "finished_at": at(1),
        "reported_at": None,
    }  # fmt: skip
    return FinishedRow(**values | changes)


def waiting(**changes: Any) -> WaitingRow:
    values: dict[str, Any] = {
        "id": 2, "notification_id": 1, "channel": "email", "address": "ada@example.com", "state": "pending",
        "due_at": at(60), "leased_by": None, "attempt": 0, "expires_at": at(600), "error": None, "uncertain": False,
        "step": 0, "time_zone": None, "hold": None, "kind": None,
    }  # fmt: skip
    return WaitingRow(**values | changes)


def configured(**more: Any) -> Configured:
    values: dict[str, Any] = {
        "people": {"query": "SELECT 1 AS user_id WHERE 1 = ANY(:ids)"},
        "watch": [{"table": "orders"}],
        "audience": {"customer": {"column": "id"}, "vendor": {"column": "id", "time_zone": "Asia/Tbilisi"}},
        "rule": [{"event": "order.ready", "audience": "customer", "channels": ["inbox", "email"]}],
        "quiet_hours": {"time_zone": "Europe/Berlin"},
    }
    return Configured.of(Settings.model_validate(values | more))
