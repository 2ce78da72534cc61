"""Orderbell's hub as the daemon serves it, with an inbox in memory: nothing is asked of a database."""

import argparse
import asyncio
import gc
import socket
from collections.abc import Sequence
from datetime import datetime

from pydantic import SecretStr
from starlette.responses import PlainTextResponse

from bench.hub import said
from bench.hub.servers.orders import obey, ready_for_measuring
from config.names import Category, Priority
from config.settings import Auth, Http
from config.settings import Hub as Limits
from daemon.api.auth import Tokens
from daemon.api.server import HttpServer
from dispatchers.base import Delivery
from dispatchers.websocket import AllMarked, Announcement, Hub, Mark, Moment, Notification, Standing, Summary

AUTH = Auth(secret=SecretStr("of the benchmark, and of nothing else"))
BATCH = Hub.batch_size


def person(number: int) -> str:
    return f"person-{number}"


class EmptyInbox:
    """Nobody has anything yet. What it is given is not kept: frames are what is measured."""

    async def summary(self, user_id: str) -> Summary:  # noqa: ARG002
        return Summary(last_id=0, unread_count=0, since="1")

    async def replay(self, user_id: str, after: int, limit: int) -> Sequence[Notification]:  # noqa: ARG002
        return ()

    async def changes(self, user_id: str, since: str, up_to: int, limit: int) -> Sequence[Standing]:  # noqa: ARG002
        return ()

    async def mark(self, user_id: str, ids: Sequence[int], mark: Mark) -> Sequence[Standing]:  # noqa: ARG002
        return ()

    async def mark_all(self, user_id: str, mark: Mark) -> AllMarked:
        raise NotImplementedError

    async def moment(self) -> Moment:
        return Moment(last_id=0, since="1")

    async def missed(self, people: Sequence[str], after: int, limit: int) -> Sequence[tuple[str, Notification]]:  # noqa: ARG002
        return ()

    async def missed_changes(self, people: Sequence[str], since: str, limit: int) -> Sequence[tuple[str, Standing]]:  # noqa: ARG002
        return ()


def delivery(number: int) -> Delivery:
    """What becomes the frame of :func:`bench.hub.said.notification`."""
    frame = said.notification(number)["notification"]
    return Delivery(
        id=0,
        attempt=1,
        channel=Hub.channel,
        address=person(number),
        notification_id=frame["id"],
        user_id=person(number),
        recipient_name="",
        locale="en",
        event=frame["event"],
        subject=frame["subject"],
        audience=frame["audience"],
        category=Category(frame["category"]),
        priority=Priority(frame["priority"]),
        title=frame["title"],
        body=frame["body"],
        text="",
        url=None,
        action=None,
        created_at=datetime.fromisoformat(said.CREATED_AT),
        expires_at=datetime.fromisoformat(said.EXPIRES_AT),
    )


def announcement() -> Announcement:
    words = said.ANNOUNCEMENT | {"starts_at": datetime.fromisoformat(said.CREATED_AT)}
    return Announcement(**words)


async def serve(port: int, commands: socket.socket, people: int) -> None:
    """Until it is killed."""
    hub = Hub(Limits(), authenticate=Tokens(AUTH).verify, inbox=EmptyInbox())
    server = HttpServer(PlainTextResponse("only /ws"), Http(port=port), websocket=hub.protocol_class())
    await server.start()
    words, deliveries = announcement(), [delivery(number) for number in range(people)]

    async def announce() -> None:
        hub.announce(words, None)

    async def tell() -> None:
        # As the planner's batches come: each is written before the next is given.
        for start in range(0, len(deliveries), BATCH):
            await hub.send(deliveries[start : start + BATCH])

    ready_for_measuring()
    # As the supervisor has it.
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        tasks.create_task(obey(commands, {said.ANNOUNCE: announce, said.TELL: tell}))


def main() -> None:
    """Serve on a port, with commands from an open socket."""
    parser = argparse.ArgumentParser(prog="python -m bench.hub.servers.orderbell")
    parser.add_argument("port", type=int)
    parser.add_argument("commands", type=int, help="file descriptor")
    parser.add_argument("people", type=int)
    given = parser.parse_args()
    asyncio.run(serve(given.port, socket.socket(fileno=given.commands), given.people))


if __name__ == "__main__":
    main()
