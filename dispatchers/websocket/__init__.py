"""The channel every notification has: the inbox, live in the browser, over WebSockets.

:class:`Hub` is wired by the daemon and not found by entry point: it needs the inbox and the API's tokens.
"""

from dispatchers.websocket.broker import Broker, Envelope, redis_broker
from dispatchers.websocket.contract import (
    AllMarked,
    Bulletins,
    CannotAuthenticate,
    Identity,
    Inbox,
    Mark,
    Moment,
    Rooms,
    Standing,
    Summary,
    TokenExpired,
    Unauthenticated,
)
from dispatchers.websocket.frames import RELOAD, Announcement, Location, Notification, Status, withdrawn
from dispatchers.websocket.hub import Hub
from dispatchers.websocket.reading import Reading

__all__ = [
    "RELOAD",
    "AllMarked",
    "Announcement",
    "Broker",
    "Bulletins",
    "CannotAuthenticate",
    "Envelope",
    "Hub",
    "Identity",
    "Inbox",
    "Location",
    "Mark",
    "Moment",
    "Notification",
    "Reading",
    "Rooms",
    "Standing",
    "Status",
    "Summary",
    "TokenExpired",
    "Unauthenticated",
    "redis_broker",
    "withdrawn",
]
