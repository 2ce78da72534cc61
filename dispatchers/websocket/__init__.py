"""The channel every notification has: the inbox, live in the browser, over WebSockets.

:class:`Hub` is wired by the daemon and not found by entry point: it needs the inbox and the API's tokens.
"""

from dispatchers.websocket.contract import (
    CannotAuthenticate,
    Identity,
    Inbox,
    ReadMark,
    Summary,
    TokenExpired,
    Unauthenticated,
)
from dispatchers.websocket.frames import Notification, withdrawn
from dispatchers.websocket.hub import Hub
from dispatchers.websocket.reading import Reading

__all__ = [
    "CannotAuthenticate",
    "Hub",
    "Identity",
    "Inbox",
    "Notification",
    "ReadMark",
    "Reading",
    "Summary",
    "TokenExpired",
    "Unauthenticated",
    "withdrawn",
]
