"""Other daemons' frames may have been missed: what they told of is read from the database.

How far back: the broker says since when frames may be missing. Every :data:`MOMENT_SECONDS` this notes how far the
database is (:class:`~dispatchers.websocket.contract.Moment`). What was committed after the newest note from before
the gap is read for everybody who is connected here: new notifications, then changes. The outbox is held meanwhile,
so what is newer comes after it. Ids that were sent already are known (:attr:`Outbox.recent`) and not sent again;
states may be told twice, which does no harm, and a count follows. Rooms are asked again and told their status.
Announcements come to each daemon from their table.

Too much, no note old enough, or the database away: ``reload`` to everybody concerned. Never lost silently.
"""

import asyncio
import logging
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from dispatchers.websocket import frames, metrics
from dispatchers.websocket.contract import Moment
from dispatchers.websocket.reading import changed_frame

if TYPE_CHECKING:
    from dispatchers.websocket.hub import Hub

log = logging.getLogger(__name__)

MOMENT_SECONDS = 10.0
MOST_NOTES = 360
"""An hour of them."""
MARGIN_SECONDS = 5.0
"""Between a commit and its frame."""
MOST_MISSED = 5_000
MOST_CHANGES = 1_000


class Note(NamedTuple):
    at: float
    moment: Moment


class CatchUp:
    """Of one hub."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._notes: deque[Note] = deque(maxlen=MOST_NOTES)
        self._since: float | None = None
        """The moment (of ``hub.now``) from which on frames may be missing, of what has not been read."""
        self._reading = False

    async def run(self) -> None:
        """Note how far the database is, for ever."""
        while True:
            await self.note()
            await asyncio.sleep(MOMENT_SECONDS)

    async def note(self) -> None:
        try:
            async with self._hub.query():
                moment = await self._hub.inbox.moment()
        except Exception:
            log.warning("hub.moment_failed", exc_info=True)
        else:
            self._notes.append(Note(self._hub.now(), moment))

    def begin(self, seconds: float) -> None:
        """Frames of the last so many seconds may be missing. What comes now waits until they were read."""
        since = self._hub.now() - seconds - MARGIN_SECONDS
        self._since = since if self._since is None else min(since, self._since)
        if not self._reading:
            self._reading = True
            self._hub.outbox.hold()
            self._hub.spawn(self._read_until_done())

    async def _read_until_done(self) -> None:
        changed: set[str] = set()
        try:
            while self._since is not None:
                since, self._since = self._since, None
                changed |= await self._read(since)
        finally:
            self._reading = False
            self._hub.outbox.go_on()
        await self._refresh(changed)

    async def _read(self, since: float) -> set[str]:
        """Those for whom something was changed."""
        hub = self._hub
        people = hub.people.names()
        if not people:
            return set()
        try:
            changed = await self._deliver(people, since)
        except Exception:
            log.exception("hub.catch_up_failed")
            changed = None
        if changed is None:
            for user_id in people:
                hub.outbox.deliver(user_id, frames.RELOAD)
        metrics.CATCH_UPS.labels("reload" if changed is None else "replayed").inc()
        return changed or set()

    async def _refresh(self, changed: set[str]) -> None:
        """What needs not come before newer frames."""
        hub = self._hub
        try:
            for user_id in changed:
                async with hub.query():
                    now = await hub.inbox.summary(user_id)
                hub.outbox.deliver(user_id, frames.unread_count(now.unread_count, now.last_id))
        except Exception:
            log.exception("hub.catch_up_failed")
        if hub.rooms is not None:
            await hub.live_rooms.refresh()

    async def _deliver(self, people: list[str], since: float) -> set[str] | None:
        """Those for whom something was changed; None where it cannot be told what was missed."""
        hub = self._hub
        # What was committed before somebody came is theirs already.
        since = max(since, min(connection.joined_at for connection in hub.people.everybody()))
        note = next((note for note in reversed(self._notes) if note.at <= since), None)
        if note is None:
            return None
        async with hub.query():
            missed = await hub.inbox.missed(people, note.moment.last_id, MOST_MISSED + 1)
            changes = await hub.inbox.missed_changes(people, note.moment.since, MOST_CHANGES + 1)
        if len(missed) > MOST_MISSED or changes is None or len(changes) > MOST_CHANGES:
            return None
        counts = Counter(user_id for user_id, _ in missed)
        too_many = {user_id for user_id, count in counts.items() if count > hub.limits.replay_limit}
        for number, (user_id, notification) in enumerate(missed, start=1):
            if user_id not in too_many:
                hub.outbox.deliver(user_id, frames.new_notification(notification))
            if not number % 100:
                await asyncio.sleep(0)
        for user_id in too_many:
            hub.outbox.deliver(user_id, frames.RELOAD)
        for user_id, standing in changes:
            hub.outbox.deliver(user_id, changed_frame(standing))
        return {user_id for user_id, _ in changes}
