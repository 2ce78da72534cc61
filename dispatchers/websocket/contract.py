"""What the hub asks of the rest: who a token is, and what an inbox holds. It imports nothing of the daemon.

Errors::

    Unauthenticated (PermissionError)   the token is not good
     └── TokenExpired                   it was; a new one will be
    CannotAuthenticate (RuntimeError)   nobody's token can be judged: no key is configured
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dispatchers.websocket.codes import ErrorCode
from dispatchers.websocket.frames import Notification


class Unauthenticated(PermissionError):
    """The token does not say who this is; the text says why, without the token."""

    code = ErrorCode.BAD_TOKEN


class TokenExpired(Unauthenticated):
    """The token was good once."""

    code = ErrorCode.TOKEN_EXPIRED


class CannotAuthenticate(RuntimeError):
    """Tokens cannot be judged at all; the text says what to configure."""


class Identity(Protocol):
    """Who a token says someone is."""

    @property
    def user_id(self) -> str: ...

    @property
    def expires_at(self) -> datetime:
        """From then on the token is not accepted: aware."""


@dataclass(frozen=True, slots=True)
class Summary:
    """An inbox at one moment."""

    last_id: int
    """The newest notification's id, 0 in an empty inbox. Withdrawn ones count: a client may have them."""
    unread_count: int


@dataclass(frozen=True, slots=True)
class ReadMark:
    """What is read now: one notification, or every one up to ``id``."""

    id: int
    read_at: datetime


class Inbox(Protocol):
    """The inboxes in the database. Every method answers for one person and sees nobody else's rows."""

    async def summary(self, user_id: str) -> Summary: ...

    async def replay(self, user_id: str, after: int, limit: int) -> Sequence[Notification]:
        """The first ``limit`` notifications after ``after``, oldest first, without withdrawn ones."""

    async def mark_read(self, user_id: str, notification_id: int) -> ReadMark | None:
        """None where this person has no such notification. A second time changes nothing."""

    async def mark_all_read(self, user_id: str) -> ReadMark:
        """Marks everything up to ``id``, which is the newest that was there."""
