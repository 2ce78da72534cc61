"""What a connection's commands do. The commands of one connection are done one after the other.

No gap and no repeat: the connection joins its person's set first, so that from then on every frame reaches
it, and is held back. Only then is the database read. What was committed before that is in the replay, what is
committed after it comes as a frame; what is in both has an id that is not greater than the replay's last one,
and is dropped. The one planner commits ids in order and gives them to the hub after the commit, so there is
no third case.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, assert_never

from dispatchers.websocket import frames, metrics
from dispatchers.websocket.codes import CloseCode, ErrorCode
from dispatchers.websocket.commands import Command, GetUnreadCount, Hello, MarkAllAsRead, MarkAsRead, Ping
from dispatchers.websocket.contract import CannotAuthenticate, TokenExpired, Unauthenticated
from dispatchers.websocket.frames import Notification

if TYPE_CHECKING:
    from dispatchers.websocket.connection import Connection

log = logging.getLogger(__name__)


async def work_off(connection: "Connection") -> None:
    """Do the commands that wait, and those that come meanwhile."""
    while connection.waiting and connection.open:
        command = connection.waiting.pop(0)
        try:
            if isinstance(command, Hello):
                await _hello(connection, command)
            else:
                async with connection.hub.query():
                    await _do(connection, command)
        except Exception:
            # The database is away, most likely; a bug looks the same to the client, and the log has it.
            log.exception("hub.command_failed", extra={"command": type(command).__name__})
            connection.error(ErrorCode.UNAVAILABLE, "this cannot be done now: try again later")
            if isinstance(command, Hello):
                connection.close(CloseCode.TRY_AGAIN_LATER, "try again later")
    connection.waiting = None


async def _do(connection: "Connection", command: Command) -> None:
    hub, user_id = connection.hub, connection.user_id
    match command:
        case MarkAsRead(notification_id):
            if await hub.reading.mark(user_id, notification_id) is None:
                connection.error(ErrorCode.NOT_FOUND, f"there is no notification {notification_id}")
        case MarkAllAsRead():
            await hub.reading.mark_all(user_id)
        case GetUnreadCount():
            now = await hub.inbox.summary(user_id)
            if connection.open:
                connection.write(frames.unread_count(now.unread_count, now.last_id).data)
        case Hello() | Ping():  # answered where they came in
            pass
        case _:
            assert_never(command)


async def _hello(connection: "Connection", hello: Hello) -> None:
    hub = connection.hub
    try:
        identity = hub.authenticate(hello.token)
    except Unauthenticated as refused:
        connection.error(refused.code, str(refused))
        expired = isinstance(refused, TokenExpired)
        connection.close(CloseCode.RENEW if expired else CloseCode.UNAUTHORIZED, str(refused))
        return
    except CannotAuthenticate as missing:
        connection.error(ErrorCode.UNAVAILABLE, str(missing))
        connection.close(CloseCode.TRY_AGAIN_LATER, "try again later")
        return
    hub.join(connection, identity)
    after, limit = hello.after, hub.limits.replay_limit
    missed: Sequence[Notification] = ()
    async with hub.query():
        now = await hub.inbox.summary(connection.user_id)
        # Ahead of the inbox: the database was restored, or the id is another's. Only the whole list helps.
        too_much = after is not None and after > now.last_id
        if after is not None and not too_much:
            missed = await hub.inbox.replay(connection.user_id, after, limit + 1)
            too_much = len(missed) > limit
    if too_much:
        missed = ()
    connection.floor = missed[-1].id if missed else now.last_id
    metrics.REPLAYS.labels("reload" if too_much else "replayed" if missed else "nothing").inc()
    if connection.open:
        connection.write(frames.welcome(connection.user_id, now.last_id, now.unread_count, len(missed)))
    await _write_all(connection, (frames.new_notification(notification).data for notification in missed))
    await _release(connection, reload=too_much)


async def _release(connection: "Connection", *, reload: bool) -> None:
    """Write what was held back, and let everything after it through."""
    while connection.held:
        held, connection.held = connection.held, []
        await _write_all(connection, (frame.data for frame in held if not 0 < frame.id <= connection.floor))
    connection.held = None
    if connection.open and (reload or connection.overflowed):
        connection.write(frames.RELOAD)


async def _write_all(connection: "Connection", data: Iterable[bytes]) -> None:
    """Write at the peer's pace: what was missed may be more than a connection's buffer should hold."""
    for frame in data:
        if not connection.open:
            return
        connection.write(frame)
        if connection.paused:
            await connection.drain()
