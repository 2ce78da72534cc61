"""What the server says, as bytes: each frame is made once, unmasked, and written as it is to everybody."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from websockets.frames import Frame, Opcode

from dispatchers.base import Delivery
from dispatchers.websocket.codes import ErrorCode


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification as its recipient sees it: the same JSON in the REST API and in the hub."""

    id: int
    event: str
    subject: str
    audience: str
    category: str
    priority: str
    title: str
    body: str
    url: str | None
    action: str | None
    created_at: datetime
    read_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        read_at = None if self.read_at is None else moment(self.read_at)
        # Spelled out: dataclasses.asdict copies deeply, which costs more than all the rest of a frame.
        return {
            "id": self.id,
            "event": self.event,
            "subject": self.subject,
            "audience": self.audience,
            "category": self.category,
            "priority": self.priority,
            "title": self.title,
            "body": self.body,
            "url": self.url,
            "action": self.action,
            "created_at": moment(self.created_at),
            "read_at": read_at,
        }


class Outgoing(NamedTuple):
    """A frame on its way."""

    id: int
    """The notification's id, by which a replay knows what it has sent already; 0 for everything else."""
    data: bytes


def moment(at: datetime) -> str:
    """RFC 3339, in UTC with a Z: what pydantic writes as well."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def text_frame(message: dict[str, Any]) -> bytes:
    """One unmasked text frame (RFC 6455, 5.2) with ``message`` as JSON."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate, which UTF-8 cannot hold, becomes a question mark: a bad frame would end connections.
    return Frame(Opcode.TEXT, text.encode("utf-8", "replace")).serialize(mask=False)


def of_delivery(delivery: Delivery) -> Notification:
    """What is delivered to the hub is new, so it is unread."""
    return Notification(
        id=delivery.notification_id,
        event=delivery.event,
        subject=delivery.subject,
        audience=delivery.audience,
        category=delivery.category.value,
        priority=delivery.priority.value,
        title=delivery.title,
        body=delivery.body,
        url=delivery.url,
        action=delivery.action,
        created_at=delivery.created_at,
        read_at=None,
    )


def new_notification(notification: Notification) -> Outgoing:
    frame = {"type": "new_notification", "id": notification.id, "notification": notification.as_json()}
    return Outgoing(notification.id, text_frame(frame))


def welcome(user_id: str, last_id: int, unread_count: int, replayed: int) -> bytes:
    return text_frame(
        {
            "type": "welcome",
            "user_id": user_id,
            "last_id": last_id,
            "unread_count": unread_count,
            "replayed": replayed,
        }
    )


def read(notification_id: int, read_at: datetime) -> Outgoing:
    """One notification was read, on whichever device."""
    return Outgoing(0, text_frame({"type": "notification_update", "id": notification_id, "read_at": moment(read_at)}))


def read_up_to(last_id: int, read_at: datetime) -> Outgoing:
    """Everything up to ``last_id`` is read."""
    return Outgoing(0, text_frame({"type": "notification_update", "up_to": last_id, "read_at": moment(read_at)}))


def withdrawn(notification_id: int, *, unread: bool) -> Outgoing:
    """One notification is taken back; ``unread`` says whether it had counted as that."""
    return Outgoing(0, text_frame({"type": "notification_withdrawn", "id": notification_id, "unread": unread}))


def unread_count(count: int, last_id: int) -> Outgoing:
    """``last_id`` says as of which notification the count is: one that came later is not in it."""
    return Outgoing(0, text_frame({"type": "unread_count", "unread_count": count, "last_id": last_id}))


def error(code: ErrorCode, message: str) -> bytes:
    return text_frame({"type": "error", "code": code.value, "message": message})


RELOAD = text_frame({"type": "reload"})
PONG = text_frame({"type": "pong"})
PING = Frame(Opcode.PING, b"").serialize(mask=False)
"""RFC 6455, 5.5.2; without a payload, so that one frame serves everybody."""
