"""Marking as read, wherever it is done: in the database first, then on every screen of that person."""

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary

from dispatchers.websocket import frames
from dispatchers.websocket.contract import Inbox, ReadMark
from dispatchers.websocket.frames import Outgoing


class Reading:
    """``publish`` brings a frame to all connections of a person."""

    def __init__(self, inbox: Inbox, publish: Callable[[str, Outgoing], None]) -> None:
        self._inbox = inbox
        self._publish = publish
        # One at a time for each person: else an older count could be shown after a newer one.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def mark(self, user_id: str, notification_id: int) -> ReadMark | None:
        """None where this person has no such notification."""
        async with self._turn(user_id):
            mark = await self._inbox.mark_read(user_id, notification_id)
            if mark is not None:
                await self._show(user_id, frames.read(mark.id, mark.read_at))
            return mark

    async def mark_all(self, user_id: str) -> ReadMark:
        async with self._turn(user_id):
            mark = await self._inbox.mark_all_read(user_id)
            await self._show(user_id, frames.read_up_to(mark.id, mark.read_at))
            return mark

    async def _show(self, user_id: str, update: Outgoing) -> None:
        self._publish(user_id, update)
        now = await self._inbox.summary(user_id)
        self._publish(user_id, frames.unread_count(now.unread_count, now.last_id))

    def _turn(self, user_id: str) -> asyncio.Lock:
        turn = self._turns.get(user_id)
        if turn is None:
            turn = self._turns[user_id] = asyncio.Lock()
        return turn
