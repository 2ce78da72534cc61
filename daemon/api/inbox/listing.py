"""What the REST API shows of an inbox: pages, one notification, counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, exists, func, or_, select

from daemon.api.inbox.rows import COLUMNS, notification_of
from daemon.api.inbox.session import Session
from dispatchers.websocket import Notification
from schema.tables import delivery, message, notification

_n = notification.c

_there = (_n.withdrawn_at.is_(None), _n.deleted_at.is_(None))
_in_inbox = (*_there, _n.archived_at.is_(None))

_waiting = exists().where(
    # By subject and person first: that is what the index is of.
    delivery.c.subject == _n.subject,
    delivery.c.user_id == _n.user_id,
    delivery.c.notification_id == _n.id,
)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which notifications: None for no matter. Those that are gone are never among them."""

    unread: bool | None = None
    archived: bool = False
    events: Sequence[str] = ()
    """Any of these."""
    categories: Sequence[str] = ()
    """Any of these."""
    priorities: Sequence[str] = ()
    """Any of these."""
    urgent: bool | None = None
    waiting: bool | None = None
    """Something of it is still to be sent."""
    expired: bool | None = None
    subjects: Sequence[str] = ()
    """All of these: of two there is nothing."""
    text: str | None = None
    """In the title or the body, in any case."""

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        yield from _there
        yield _n.archived_at.is_not(None) if self.archived else _n.archived_at.is_(None)
        switches = (
            (self.unread, _n.read_at.is_(None)),
            (self.urgent, _n.priority == "urgent"),
            (self.waiting, _waiting),
            (self.expired, func.coalesce(_n.expires_at <= func.now(), False)),
        )
        yield from (condition if wanted else ~condition for wanted, condition in switches if wanted is not None)
        choices = ((_n.event, self.events), (_n.category, self.categories), (_n.priority, self.priorities))
        yield from (column.in_(values) for column, values in choices if values)
        yield from (_n.subject == subject for subject in self.subjects)
        if self.text is not None:
            yield or_(*(column.icontains(self.text, autoescape=True) for column in (message.c.title, message.c.body)))


@dataclass(frozen=True, slots=True)
class Count:
    total: int
    """In the inbox: what is archived is counted apart."""
    unread: int
    unseen: int
    archived: int


class Listing:
    """Answers for one person at a time, and sees nobody else's rows. Raises TooSlow."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def newest(self, user_id: str, which: Filter, *, before: int | None, limit: int) -> Sequence[Notification]:
        """Newest first, with ids less than ``before``."""
        query = _of(user_id).where(*which.conditions()).order_by(_n.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_n.id < before)
        return [notification_of(row) for row in await self._session.rows(query)]

    async def one(self, user_id: str, id_: int) -> Notification | None:
        """None where this person has no such notification, or has it no longer."""
        rows = await self._session.rows(_of(user_id).where(_n.id == id_, *_there))
        return notification_of(rows[0]) if rows else None

    async def count(self, user_id: str) -> Count:
        # What was read before there was a seen_at was seen as well.
        unseen = (*_in_inbox, _n.seen_at.is_(None), _n.read_at.is_(None))
        query = select(
            func.count().filter(*_in_inbox),
            func.count().filter(*_there, _n.read_at.is_(None)),
            func.count().filter(*unseen),
            func.count().filter(*_there, _n.archived_at.is_not(None)),
        ).where(_n.user_id == user_id)
        ((total, unread, unseen_ones, archived),) = await self._session.rows(query)
        return Count(total, unread, unseen_ones, archived)


def _of(user_id: str) -> Select[tuple[object, ...]]:
    columns = [message.c[name] if name in {"title", "body", "url", "action"} else _n[name] for name in COLUMNS]
    return select(*columns).join(message, message.c.id == _n.message_id).where(_n.user_id == user_id)
