"""Marking notifications, wherever it is done: in the database first, then on every screen of that person."""

import asyncio
from collections.abc import Callable, Sequence
from weakref import WeakValueDictionary

from dispatchers.websocket import frames
from dispatchers.websocket.contract import AllMarked, Inbox, Mark, Standing
from dispatchers.websocket.frames import Outgoing

FIELDS = {Mark.READ: "read_at", Mark.SEEN: "seen_at", Mark.ARCHIVED: "archived_at"}
"""What a mark of everything sets."""


class Reading:
    """``publish`` brings a frame to all connections of a person."""

    def __init__(self, inbox: Inbox, publish: Callable[[str, Outgoing], None]) -> None:
        self._inbox = inbox
        self._publish = publish
        # One at a time for each person: else an older state could be shown after a newer one.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def mark(self, user_id: str, ids: Sequence[int], mark: Mark) -> Sequence[Standing]:
        """How those of ``ids`` that are this person's stand now."""
        async with self._turn(user_id):
            standings = await self._inbox.mark(user_id, ids, mark)
            if standings:
                await self._show(user_id, [standing_frame(standing) for standing in standings])
            return standings

    async def mark_all(self, user_id: str, mark: Mark) -> AllMarked:
        """READ, SEEN or ARCHIVED."""
        async with self._turn(user_id):
            marked = await self._inbox.mark_all(user_id, mark)
            await self._show(user_id, [frames.update_up_to(marked.up_to, FIELDS[marked.mark], marked.at)])
            return marked

    async def _show(self, user_id: str, updates: Sequence[Outgoing]) -> None:
        for update in updates:
            self._publish(user_id, update)
        now = await self._inbox.summary(user_id)
        self._publish(user_id, frames.unread_count(now.unread_count, now.last_id))

    def _turn(self, user_id: str) -> asyncio.Lock:
        turn = self._turns.get(user_id)
        if turn is None:
            turn = self._turns[user_id] = asyncio.Lock()
        return turn


def standing_frame(standing: Standing) -> Outgoing:
    """What tells a screen how one notification stands."""
    if standing.gone:
        return frames.withdrawn(standing.id, unread=standing.unread)
    return frames.update(standing.id, standing.read_at, standing.seen_at, standing.archived_at)


def changed_frame(standing: Standing) -> Outgoing:
    """The same of what was changed before a count was read: that count knows of it."""
    return frames.withdrawn(standing.id, unread=False) if standing.gone else standing_frame(standing)
