"""What a connection's commands do. The commands of one connection are done one after the other.

No gap and no repeat of notifications: the connection joins its person's set first, so that from then on every frame
reaches it, and is held back. Only then is the database read. What was committed before that is in the replay, what
is committed after it comes as a frame; what is in both has an id that is not greater than the replay's last one,
and is dropped. The one planner commits ids in order and gives them to the hub after the commit, so there is no
third case.

What was *done* with notifications (read, archived, withdrawn) has no number of its own; it comes as the state in
which it left them. ``since`` is a moment such that everything that was not visible then has a later transaction.
So of each change since, one of two is true: it was committed before the changes are read here, then it is among
them; or it is committed after that, then its frame is published after the connection joined, and is held. A change
that is in both is told twice, which does no harm: the held frames come last and in their order, so they end in the
newest state. Of notifications after ``after`` the replay has the state itself, read after the join as well; so
changes are read up to ``after``.

A client is given the ``since`` of this hello (``caught_up``) once all that was read is written, and not before: who is
cut off in between asks for it again. What was held was done after that moment, so it is asked for again as well.

Counts: the one in ``welcome`` knows of every change that was committed before it was read. A change that is
replayed says therefore ``"unread": false`` of what is gone. A held frame may tell of a change that the count has
already; so where any was held, a fresh ``unread_count`` follows.

Announcements are read last, and written before what was held: one that has ended meanwhile ends on the screen as
well.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, assert_never

from dispatchers.websocket import frames, metrics
from dispatchers.websocket.codes import CloseCode, ErrorCode
from dispatchers.websocket.commands import (
    Command,
    GetUnreadCount,
    Hello,
    Locate,
    MarkAll,
    MarkSome,
    Ping,
    Renew,
    Subscribe,
    Unsubscribe,
    room_of,
)
from dispatchers.websocket.contract import (
    Announcement,
    CannotAuthenticate,
    Identity,
    Standing,
    Summary,
    TokenExpired,
    Unauthenticated,
)
from dispatchers.websocket.frames import Notification, Outgoing, Together
from dispatchers.websocket.reading import changed_frame

if TYPE_CHECKING:
    from dispatchers.websocket.connection import Connection

log = logging.getLogger(__name__)

CLOCK_SECONDS = 1.0
"""By which the same moment may differ when it is computed twice."""
REPLAYS = {result: metrics.REPLAYS.labels(result) for result in ("nothing", "replayed", "reload")}


async def work_off(connection: "Connection") -> None:
    """Do the commands that wait, and those that come meanwhile."""
    while connection.waiting and connection.open:
        command = connection.waiting.pop(0)
        try:
            await _do(connection, command)
        except Exception as error:  # noqa: BLE001 - it is in the log
            # The database is away, most likely; a bug looks the same to the client, and the log has it.
            connection.hub.troubles.say(log, "hub.command_failed", error, command=type(command).__name__)
            connection.error(ErrorCode.UNAVAILABLE, "this cannot be done now: try again later", room_of(command))
            if isinstance(command, Hello):
                connection.close(CloseCode.TRY_AGAIN_LATER, "try again later")
    connection.waiting = None


async def _do(connection: "Connection", command: Command) -> None:
    hub = connection.hub
    match command:
        case Hello():
            await _hello(connection, command)
        case Renew(token):
            _renew(connection, token)
        case MarkSome():
            await _mark(connection, command)
        case MarkAll(mark):
            async with hub.turns.mark():
                await hub.reading.mark_all(connection.user_id, mark)
        case GetUnreadCount():
            await _count(connection)
        case Subscribe(room):
            await hub.live_rooms.subscribe(connection, room)
        case Unsubscribe(room):
            hub.live_rooms.unsubscribe(connection, room)
        case Locate():
            await hub.live_rooms.locate_from(connection, command)
        case Ping():  # answered where it came in
            pass
        case _:
            assert_never(command)


async def _mark(connection: "Connection", command: MarkSome) -> None:
    hub = connection.hub
    async with hub.turns.mark():
        standings = await hub.reading.mark(connection.user_id, command.ids, command.mark)
    found = {standing.id for standing in standings}
    missing = [notification_id for notification_id in command.ids if notification_id not in found]
    if missing:
        connection.error(ErrorCode.NOT_FOUND, frames.missing(missing))


async def _count(connection: "Connection") -> None:
    async with connection.hub.turns.query():
        now = await connection.hub.inbox.summary(connection.user_id)
    if connection.open:
        connection.write(frames.unread_count(now.unread_count, now.last_id))


def _identify(connection: "Connection", token: str) -> Identity | None:
    """None where the token is refused; the client was told, and the connection is being closed."""
    try:
        return connection.hub.authenticate(token)
    except Unauthenticated as refused:
        connection.error(refused.code, str(refused))
        expired = isinstance(refused, TokenExpired)
        connection.close(CloseCode.RENEW if expired else CloseCode.UNAUTHORIZED, str(refused))
        return None


def _renew(connection: "Connection", token: str) -> None:
    try:
        identity = _identify(connection, token)
    except CannotAuthenticate as missing:
        connection.error(ErrorCode.UNAVAILABLE, str(missing))  # the token that it has holds
        return
    if identity is None:
        return
    if identity.user_id != connection.user_id:
        connection.error(ErrorCode.BAD_TOKEN, "the token is another person's")
        connection.close(CloseCode.UNAUTHORIZED, "the token is another person's")
        return
    if connection.hub.ends_at(identity) < connection.expires_at - CLOCK_SECONDS:
        # To stay as long as the other allows, with the roles of this one, would be more than either says.
        connection.error(ErrorCode.NOT_LATER, "the token ends before the one that you have, which holds on")
        return
    connection.hub.renew(connection, identity)
    connection.write(frames.renewed(identity.expires_at))


async def _hello(connection: "Connection", hello: Hello) -> None:
    hub = connection.hub
    token, connection.token = hello.token or connection.token, None
    try:
        identity = _identify(connection, token or "")
    except CannotAuthenticate as missing:
        connection.error(ErrorCode.UNAVAILABLE, str(missing))
        connection.close(CloseCode.TRY_AGAIN_LATER, "try again later")
        return
    if identity is None:
        return
    hub.join(connection, identity)
    if not connection.open:
        return
    now, missed, changed, announced, reload = await _read(connection, hello)
    connection.floor = missed[-1].id if missed else now.last_id
    REPLAYS["reload" if reload else "replayed" if missed or changed else "nothing"].inc()
    first = [frames.welcome(connection.user_id, now.last_id, now.unread_count, len(missed))]
    if reload:
        first.append(frames.RELOAD)
    more = bool(missed or changed or announced)
    if not more:
        first.append(frames.caught_up(now.since))
    if connection.open:
        connection.write(Together(first))
        hub.written_besides += len(first) - 1
    await _write_all(connection, (frames.new_notification(notification) for notification in missed))
    await _write_all(connection, (changed_frame(standing) for standing in changed))
    await _write_all(connection, (frames.announcement(each) for each in announced))
    if more:
        await _write_all(connection, (frames.caught_up(now.since),))
    if await _release(connection):
        await _count(connection)


class Told(NamedTuple):
    """What there is for who says hello."""

    now: Summary
    missed: Sequence[Notification]
    changed: Sequence[Standing]
    announced: Sequence[Announcement]
    reload: bool
    """More was missed than is told."""


async def _read(connection: "Connection", hello: Hello) -> Told:
    hub, user_id, after = connection.hub, connection.user_id, hello.after
    limit = hub.limits.replay_limit
    missed: Sequence[Notification] = ()
    changed: Sequence[Standing] | None = ()
    announced: Sequence[Announcement] = ()
    async with hub.turns.query():
        now = await hub.inbox.summary(user_id)
        # Ahead of the inbox: the database was restored, or the id is another's. Only the whole list helps.
        too_much = (after is not None and after > now.last_id) or hello.since == ""
        if after is not None and not too_much:
            missed = await hub.inbox.replay(user_id, after, limit + 1)
            too_much = len(missed) > limit
        if hello.since and not too_much:
            up_to = now.last_id if after is None else after
            changed = await hub.inbox.changes(user_id, hello.since, up_to, limit + 1)
        if hub.bulletins is not None:
            announced = await hub.bulletins.current(user_id, connection.roles)
    if too_much or changed is None or len(changed) > limit:
        return Told(now, (), (), announced, reload=True)
    return Told(now, missed, changed, announced, reload=False)


async def _release(connection: "Connection") -> bool:
    """Write what was held back, and let everything after it through. Whether a count must follow: something else than
    notifications was held, or not everything fitted.
    """
    changes = False
    while connection.held:
        held, connection.held = connection.held, []
        changes = changes or any(not frame.id for frame in held)
        await _write_all(connection, (frame for frame in held if not 0 < frame.id <= connection.floor))
    connection.held = None
    if connection.open and connection.overflowed:
        connection.write(frames.RELOAD)
        changes = True
    return changes


async def _write_all(connection: "Connection", made: Iterable[Outgoing]) -> None:
    """Write at the peer's pace: what was missed may be more than a connection's buffer should hold."""
    for frame in made:
        if not connection.open:
            return
        connection.write(frame)
        if connection.paused:
            await connection.drain()
