"""Who takes part, and how each is started."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import distributions, version

from bench.hub.client import Visitor
from bench.hub.processes import ROOT, Cores, Server, free_port, process, redis, redis_version, wait
from bench.hub.servers.orderbell import AUTH, person
from daemon.api.auth import Tokens

PEERS = ROOT / ".venv-bench"
"""What ``make bench-hub`` makes from ``bench/peers/requirements.lock``."""


@dataclass(frozen=True, slots=True)
class Entrant:
    name: str
    visitor: Visitor
    start: Callable[[Cores, int], AbstractContextManager[Server]]
    """Is given how many people will come."""


def orderbell() -> Entrant:
    """The hub, with a token for everybody."""
    tokens = Tokens(AUTH)

    def hello(number: int) -> str:
        return f'{{"type":"hello","token":"{tokens.mint(person(number), lifetime=timedelta(hours=1))}"}}'

    return Entrant("orderbell", Visitor(lambda _: "/ws", hello), partial(_ours, "bench.hub.servers.orderbell"))


def library() -> Entrant:
    """The ``websockets`` library's server."""
    return Entrant("websockets", Visitor(lambda number: f"/{number}"), partial(_ours, "bench.hub.servers.library"))


def channels(layer: str) -> Entrant:
    """Django Channels served by daphne; ``layer`` is a class of channels_redis, with its module."""
    name = f"channels {layer.rpartition('.')[2]}"
    return Entrant(name, Visitor(lambda number: f"/{number}"), partial(_channels, layer))


@contextmanager
def _ours(module: str, cores: Cores, people: int) -> Iterator[Server]:
    port = free_port()
    here, there = socket.socketpair()
    with here, there:
        arguments = [sys.executable, "-m", module, str(port), str(there.fileno()), str(people)]
        with process(arguments, cores.server, inherits=[there]) as started:
            there.close()
            wait(started, port)
            yield Server(started, port, here)


@contextmanager
def _channels(layer: str, cores: Cores, people: int) -> Iterator[Server]:
    port, python = free_port(), str(PEERS / "bin/python")
    here, there = socket.socketpair()
    with here, there, redis(cores.others) as url:
        environment = {"BENCH_REDIS": url, "BENCH_LAYER": layer, "DJANGO_SETTINGS_MODULE": "bench.peers.settings"}
        daphne = [python, "-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port), "bench.peers.site:application"]
        sender = [python, "-m", "bench.peers.sender", str(there.fileno()), str(people)]
        with (
            process(daphne, cores.server, environment=environment) as started,
            process(sender, cores.others, inherits=[there], environment=environment),
        ):
            there.close()
            wait(started, port)
            yield Server(started, port, here)


def versions() -> dict[str, str]:
    """Of all that takes part."""
    found = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "kernel": os.uname().release,
        "redis-server": redis_version(),
        **{name: version(name) for name in ("orderbell", "uvicorn", "websockets")},
    }
    site = next(PEERS.glob("lib/python*/site-packages"), None)
    if site is not None:
        of_peers = {each.name.lower().replace("_", "-"): each.version for each in distributions(path=[str(site)])}
        found |= {name: of_peers[name] for name in ("django", "channels", "channels-redis", "daphne", "twisted")}
    return found
