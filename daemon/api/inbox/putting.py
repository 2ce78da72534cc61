"""Putting away whatever is read, in one go."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from daemon.api.inbox.marking import Inbox, written
from daemon.api.inbox.rows import standing_of
from dispatchers.websocket import frames
from dispatchers.websocket.contract import Mark
from dispatchers.websocket.frames import Outgoing
from dispatchers.websocket.reading import standing_frame
from schema.queries import statements

SQL = statements("inbox")

MOST_SHOWN = 100
"""One by one; of more, screens load their list again."""

Publish = Callable[[str, Outgoing], None]
"""Brings a frame to all connections of a person."""


def to_nobody(_user_id: str, _frame: Outgoing) -> None:
    """Where there is no hub."""


class Putting:
    """Archives or deletes what a person has read, and shows it on their screens."""

    def __init__(self, engine: AsyncEngine, inbox: Inbox, publish: Publish) -> None:
        """``inbox`` is asked for the count afterwards."""
        self._engine = engine
        self._inbox = inbox
        self._publish = publish

    async def away(self, user_id: str, mark: Mark) -> int:
        """All that is read and not archived: ARCHIVED or DELETED. How many that were."""
        rows = await written(
            self._engine, SQL["put_away"], {"user_id": user_id, "mark": mark.value, "most": MOST_SHOWN}
        )
        if not rows:
            return 0
        count = int(rows[0][0])
        if count > MOST_SHOWN:
            self._publish(user_id, frames.RELOAD)
        else:
            for _, *row in rows:
                self._publish(user_id, standing_frame(standing_of(row)))
        now = await self._inbox.summary(user_id)
        self._publish(user_id, frames.unread_count(now.unread_count, now.last_id))
        return count
