"""Other daemons' frames may have been missed: what they told of is read from the database.

How far back: the broker says since when frames may be missing. Every :data:`MOMENT_SECONDS` this notes how far the
database is (:class:`~dispatchers.websocket.contract.Moment`). What was committed after the newest note from before
the gap is read for everybody who is connected here: new notifications, then changes. The outbox is held meanwhile,
so what is newer comes after it. Ids that were sent already are known (:attr:`Outbox.recent`) and not sent again;
states may be told twice, which does no harm, and a count follows. Rooms are asked again and told their status.
Announcements come to each daemon from their table.

Too much, no note old enough, or the database away: ``reload`` to everybody concerned. Never lost silently.

Gaps may come in a steady stream. There are :data:`MOST_ROUNDS` at once, and then one each :data:`QUIET_SECONDS`, which
has all the gaps since the last; nothing is held for longer than :data:`HOLD_SECONDS`. Where the rounds are used up and
there is another gap, everybody is told to reload before anything newer goes out; then no more of that until it was calm
for a time. What is found late, after something newer was sent to that person, is a ``reload`` too: a smaller id
never comes after a greater one.
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
MOST_ROUNDS = 3
QUIET_SECONDS = 5.0
HOLD_SECONDS = 5.0
WHOLE = 0.999
"""A round, as far as clocks are exact."""
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
        self._working = False
        self._rounds, self._rounds_at = float(MOST_ROUNDS), hub.now()
        """How many there may be now, as of when."""
        self._overrun = False
        """Everybody was told to reload since it was calm."""
        self._changed: set[str] | None = None
        """Those who are to be told a count, and rooms are to be asked; None: nothing is."""
        self._refreshing = False

    async def run(self) -> None:
        """Note how far the database is, for ever."""
        while True:
            await self.note()
            await asyncio.sleep(MOMENT_SECONDS)

    async def note(self) -> None:
        try:
            async with self._hub.turns.query():
                moment = await self._hub.inbox.moment()
        except Exception as error:  # noqa: BLE001 - it is in the log
            self._hub.troubles.say(log, "hub.moment_failed", error)
        else:
            self._notes.append(Note(self._hub.now(), moment))

    def begin(self, seconds: float) -> None:
        """Frames of the last so many seconds may be missing. What comes now waits until they were read, unless that was
        done too often of late.
        """
        since = self._hub.now() - seconds - MARGIN_SECONDS
        self._since = since if self._since is None else min(since, self._since)
        if self._working:
            return
        early = self._early()
        if early and not self._overrun:
            self._give_up()
            return
        self._working = True
        if not early:
            self._hub.outbox.hold()
        self._hub.spawn(self._work(early))

    def _early(self) -> float:
        """Seconds until there may be another round."""
        now = self._hub.now()
        self._rounds = min(MOST_ROUNDS, self._rounds + (now - self._rounds_at) / QUIET_SECONDS)
        self._rounds_at = now
        self._overrun = self._overrun and self._rounds < MOST_ROUNDS
        return max(0.0, (WHOLE - self._rounds) * QUIET_SECONDS)

    async def _work(self, early: float) -> None:
        """Read what was missed, until nothing is; the outbox is held already, where it is not too early."""
        try:
            while self._since is not None:
                if early:
                    await asyncio.sleep(early)
                    self._hub.outbox.hold()
                try:
                    await self._read_some()
                finally:
                    self._hub.outbox.go_on()
                early = self._early() or 0.001
        finally:
            self._working = False

    async def _read_some(self) -> None:
        changed: set[str] = set()
        try:
            async with asyncio.timeout(HOLD_SECONDS):
                while self._since is not None and not self._early():
                    self._rounds -= 1
                    since, self._since = self._since, None
                    changed |= await self._read(since)
        except TimeoutError:
            log.warning("hub.catch_up_too_slow")
            self._give_up()
        if self._since is not None and not self._overrun:
            self._give_up()
        self._refresh_soon(changed)

    def _give_up(self) -> None:
        """Everybody looks for themselves, and there is no other round for a while."""
        self._since, self._rounds, self._overrun = None, 0.0, True
        for user_id in self._hub.people.names():
            self._hub.outbox.deliver(user_id, frames.RELOAD)
        self._refresh_soon(set())

    def _refresh_soon(self, changed: set[str]) -> None:
        self._changed = changed | (self._changed or set())
        if not self._refreshing:
            self._refreshing = True
            self._hub.spawn(self._refresh())

    async def _read(self, since: float) -> set[str]:
        """Those for whom something was changed."""
        hub = self._hub
        people = hub.people.names()
        if not people:
            return set()
        try:
            changed = await self._deliver(people, since)
        except Exception as error:  # noqa: BLE001 - it is in the log
            hub.troubles.say(log, "hub.catch_up_failed", error)
            changed = None
        if changed is None:
            self._give_up()
        metrics.CATCH_UPS.labels("reload" if changed is None else "replayed").inc()
        return changed or set()

    async def _refresh(self) -> None:
        """What needs not come before newer frames."""
        hub = self._hub
        try:
            while self._changed is not None:
                changed, self._changed = self._changed, None
                await self._count(changed)
                if hub.rooms is not None:
                    await hub.live_rooms.refresh()
        finally:
            self._refreshing = False

    async def _count(self, changed: set[str]) -> None:
        hub = self._hub
        try:
            for user_id in changed:
                async with hub.turns.query():
                    now = await hub.inbox.summary(user_id)
                hub.outbox.deliver(user_id, frames.unread_count(now.unread_count, now.last_id))
        except Exception as error:  # noqa: BLE001 - it is in the log
            hub.troubles.say(log, "hub.catch_up_failed", error)

    async def _deliver(self, people: list[str], since: float) -> set[str] | None:
        """Those for whom something was changed; None where it cannot be told what was missed."""
        hub = self._hub
        # What was committed before somebody came is theirs already.
        since = max(since, min(connection.joined_at for connection in hub.people.everybody()))
        note = next((note for note in reversed(self._notes) if note.at <= since), None)
        if note is None:
            return None
        async with hub.turns.query():
            missed = await hub.inbox.missed(people, note.moment.last_id, MOST_MISSED + 1)
            changes = await hub.inbox.missed_changes(people, note.moment.since, MOST_CHANGES + 1)
        if len(missed) > MOST_MISSED or changes is None or len(changes) > MOST_CHANGES:
            return None
        counts = Counter(user_id for user_id, _ in missed)
        too_many = {user_id for user_id, count in counts.items() if count > hub.limits.replay_limit}
        late = {user_id for user_id, notification in missed if hub.outbox.is_late(user_id, notification.id)} - too_many
        for number, (user_id, notification) in enumerate(missed, start=1):
            if user_id in late:
                hub.outbox.skip(notification.id)
            elif user_id not in too_many:
                hub.outbox.deliver(user_id, frames.new_notification(notification))
            if not number % 100:
                await asyncio.sleep(0)
        for user_id in too_many | late:
            hub.outbox.deliver(user_id, frames.RELOAD)
        for user_id, standing in changes:
            hub.outbox.deliver(user_id, changed_frame(standing))
        return {user_id for user_id, _ in changes}
