"""What the hub asks of the rest: who a token is, what an inbox holds, whose a room is. It imports nothing of the
daemon.

Errors::

Unauthenticated (PermissionError) the token is not good └── TokenExpired it was; a new one will be
CannotAuthenticate (RuntimeError) nobody's token can be judged now: no key is configured, or it is being fetched
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from dispatchers.websocket.codes import ErrorCode
from dispatchers.websocket.frames import Announcement, Location, Notification, Status


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
    def roles(self) -> frozenset[str]: ...

    @property
    def expires_at(self) -> datetime:
        """From then on the token is not accepted: aware."""


@dataclass(frozen=True, slots=True)
class Summary:
    """An inbox at one moment."""

    last_id: int
    """The newest notification's id, 0 in an empty inbox. Withdrawn ones count: a client may have them."""
    unread_count: int
    since: str
    """Every change that a later moment could miss is after this one (``pg_snapshot_xmin``): opaque to clients."""


class Mark(StrEnum):
    """What a person does with a notification. To archive or to delete one is to have read it."""

    READ = "read"
    UNREAD = "unread"
    SEEN = "seen"
    ARCHIVED = "archived"
    UNARCHIVED = "unarchived"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one notification stands with its person."""

    id: int
    read_at: datetime | None
    seen_at: datetime | None
    archived_at: datetime | None
    gone: bool = False
    """Withdrawn, or deleted by the person: out of every list."""
    unread: bool = False
    """Of one that is gone: it had counted as unread."""


@dataclass(frozen=True, slots=True)
class Moment:
    """All inboxes at one moment: what is committed later has a greater id, or was changed after ``since``."""

    last_id: int
    since: str
    """As in :class:`Summary`."""


@dataclass(frozen=True, slots=True)
class AllMarked:
    """Everything in an inbox up to ``up_to`` was marked; ``at`` is when."""

    up_to: int
    mark: Mark
    at: datetime


class Inbox(Protocol):
    """The inboxes in the database. What names one person sees nobody else's rows."""

    async def summary(self, user_id: str) -> Summary: ...

    async def replay(self, user_id: str, after: int, limit: int) -> Sequence[Notification]:
        """The first ``limit`` notifications after ``after``, oldest first, without those that are gone."""

    async def changes(self, user_id: str, since: str, up_to: int, limit: int) -> Sequence[Standing] | None:
        """What was done, since the moment ``since`` of an earlier summary, with notifications up to ``up_to``: the
        first ``limit``, in order of id. What is given may have been given before. None where ``since`` is no such
        moment of this database.
        """

    async def mark(self, user_id: str, ids: Sequence[int], mark: Mark) -> Sequence[Standing]:
        """How those of ``ids`` that are this person's stand now, by id. A second time changes nothing: the moment of
        the first stays.
        """

    async def mark_all(self, user_id: str, mark: Mark) -> AllMarked:
        """Mark everything that is there now: READ, SEEN or ARCHIVED."""

    # For a hub that has missed what other daemons sent. These answer for all who are connected to it.

    async def moment(self) -> Moment: ...

    async def missed(self, people: Sequence[str], after: int, limit: int) -> Sequence[tuple[str, Notification]]:
        """As :meth:`replay`, of any of ``people``, each with its person, by id."""

    async def missed_changes(
        self, people: Sequence[str], since: str, limit: int
    ) -> Sequence[tuple[str, Standing]] | None:
        """As :meth:`changes`, of any of ``people``, each with its person, by id."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What somebody who may be in a room finds there."""

    status: Status | None
    """The row's status as it is now; None where it makes no event."""
    locates: bool = False
    """May say where they are, as the order's driver does."""


class Rooms(Protocol):
    """Who may follow what, live: a room is a subject, such as ``order:4711``."""

    async def admit(self, room: str, people: Sequence[tuple[str, frozenset[str]]]) -> Sequence[Admission | None]:
        """For each (user id, roles), what they find there; None for who may not be there, or where there is no such
        row: a stranger is not told which.
        """


class Bulletins(Protocol):
    """Announcements that hold now."""

    async def current(self, user_id: str, roles: frozenset[str]) -> Sequence[Announcement]:
        """Those for this person, oldest first."""


__all__ = [
    "Admission",
    "AllMarked",
    "Announcement",
    "Bulletins",
    "CannotAuthenticate",
    "Identity",
    "Inbox",
    "Location",
    "Mark",
    "Moment",
    "Rooms",
    "Standing",
    "Status",
    "Summary",
    "TokenExpired",
    "Unauthenticated",
]
