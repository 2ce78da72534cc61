"""python-socketio as its documentation deploys it: an ``AsyncServer`` on uvicorn, with uvloop and httptools.

WebSocket alone, which spares it the upgrade from polling. Arguments: a port, the open socket that commands come from.
Person N connects with ``person=N`` in the query.
"""

import asyncio
import socket
import sys
from typing import Any
from urllib.parse import parse_qs

import socketio
import uvicorn

from bench.hub import said
from bench.hub.servers.orders import obey, ready_for_measuring

sio = socketio.AsyncServer(async_mode="asgi", transports=["websocket"])
sid_of: dict[int, str] = {}


@sio.event
async def connect(sid: str, environ: dict[str, Any]) -> None:
    sid_of[int(parse_qs(environ["QUERY_STRING"])["person"][0])] = sid


async def announce() -> None:
    frame = said.announcement()
    await sio.emit(frame["type"], frame["announcement"])


async def tell() -> None:
    for number, sid in sid_of.items():
        frame = said.notification(number)
        await sio.emit(frame["type"], frame["notification"], to=sid)


async def main(port: int, commands: socket.socket) -> None:
    """Until it is killed."""
    app = socketio.ASGIApp(sio)
    # What a deployment gives on the command line.
    options = uvicorn.Config(
        app, port=port, http="httptools", ws="websockets-sansio", ws_per_message_deflate=False, access_log=False,
        log_level="warning", loop="uvloop",
    )  # fmt: skip
    server = uvicorn.Server(options)
    ready_for_measuring()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve())
        tasks.create_task(obey(commands, {said.ANNOUNCE: announce, said.TELL: tell}))


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))))
