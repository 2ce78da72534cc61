"""What frames are about, as values: the same JSON everywhere, and back from it where another node has sent it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


def moment(at: datetime) -> str:
    """RFC 3339, in UTC with a Z: what pydantic writes as well."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat()[:-6] + "Z"  # in place of +00:00


def moment_or_none(at: datetime | None) -> str | None:
    return None if at is None else moment(at)


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
    seen_at: datetime | None = None
    archived_at: datetime | None = None
    expires_at: datetime | None = None
    """From then on nothing of it is sent any more."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where the order of a room stands."""

    room: str
    event: str
    """``order.ready``"""
    status: str
    """The column's value."""
    at: datetime

    def as_json(self) -> dict[str, Any]:
        return {"event": self.event, "status": self.status, "at": moment(self.at)}


@dataclass(frozen=True, slots=True)
class Location:
    """Where somebody is who works for a room."""

    room: str
    lat: float
    """Degrees north, -90 to 90 (WGS 84), as the Geolocation API of browsers gives it; so is all below."""
    lng: float
    """Degrees east, -180 to 180."""
    heading: float | None
    """Degrees clockwise from north."""
    speed: float | None
    """Metres a second."""
    accuracy: float | None
    """Metres."""
    at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "lat": self.lat,
            "lng": self.lng,
            "heading": self.heading,
            "speed": self.speed,
            "accuracy": self.accuracy,
            "at": moment(self.at),
        }


@dataclass(frozen=True, slots=True)
class Announcement:
    """What everybody is shown, or everybody of an audience, for a time."""

    id: int
    level: str
    """``info``, ``warning`` or ``critical``."""
    title: str
    body: str
    url: str | None
    action: str | None
    starts_at: datetime
    ends_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "level": self.level,
            "title": self.title,
            "body": self.body,
            "url": self.url,
            "action": self.action,
            "starts_at": moment(self.starts_at),
            "ends_at": moment_or_none(self.ends_at),
        }
