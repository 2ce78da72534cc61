"""Who takes part: a server for the browsers, and the application that writes orders."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from bench import shop
from bench.daemon import orderbell as daemon
from bench.frame_latency.listener import person
from bench.hub.client import Visitor
from bench.hub.entrants import PYTHON, asgi
from bench.hub.processes import Cores, free_port, process, redis, wait
from bench.rate import sink
from config import load
from daemon.api.auth import Tokens

LAYER = "channels_redis.pubsub.RedisPubSubChannelLayer"
RULE = """
[[rule]]
event = "order.picked_up"
audience = "customer"
channels = {channels}
"""
EMAIL = """
[email]
sender = "Orderbell <orders@shop.example>"

[[email.provider]]
host = "127.0.0.1"
port = {port}
security = "none"
"""


@dataclass(frozen=True, slots=True)
class Running:
    """Ready for browsers and orders."""

    port: int
    visitor: Visitor
    writer: Sequence[str]
    """What writes orders, without pace and seconds."""
    environment: dict[str, str] = field(default_factory=dict)
    stamps: Path | None = None
    """Of the mail server."""


def rule(*channels: str) -> str:
    """An order that was picked up is told of to its customer."""
    return RULE.format(channels=list(channels))


def orderbell(url: str, folder: Path) -> AbstractContextManager[Running]:
    """The daemon, with a rule that tells the customer in the inbox."""
    return _daemon(url, folder, rule("inbox"))


@contextmanager
def orderbell_mails(url: str, folder: Path) -> Iterator[Running]:
    """The daemon, with a rule that tells the customer in the inbox and by e-mail."""
    stamps = folder / "stamps"
    with sink("smtp", Cores(), str(stamps)) as smtp_port:
        more = rule("inbox", "email") + EMAIL.format(port=smtp_port)
        with _daemon(url, folder, more, stamps) as running:
            yield running


@contextmanager
def _daemon(url: str, folder: Path, more: str, stamps: Path | None = None) -> Iterator[Running]:
    file, port = shop.configure(url, folder, more), free_port()
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("[http]\nport = 0", f"[http]\nport = {port}"), encoding="utf-8")
    tokens = Tokens(load(file, {}).auth)

    def hello(number: int) -> str:
        return f'{{"type":"hello","token":"{tokens.mint(str(person(number)), lifetime=timedelta(hours=1))}"}}'

    with daemon(file, sends=True):
        yield Running(port, Visitor(lambda _: "/ws", hello), _writer(url), stamps=stamps)


@contextmanager
def channels(url: str, _: Path) -> Iterator[Running]:
    """Django Channels on uvicorn, with Redis."""
    port, parts = free_port(), conninfo_to_dict(url)
    with redis(frozenset()) as redis_url:
        environment = {
            "BENCH_REDIS": redis_url,
            "BENCH_LAYER": LAYER,
            "BENCH_DATABASE": f"{parts['dbname']} {parts['host']} {parts['user']}",
            "DJANGO_SETTINGS_MODULE": "bench.peers.settings",
        }
        serving = asgi("uvicorn", port, "bench.peers.site:application")
        with process(serving, frozenset(), environment=environment) as started:
            wait(started, port)
            writer = [PYTHON, "-m", "bench.peers.shop_writer"]
            yield Running(port, _by_path(), writer, environment)


@contextmanager
def listen(url: str, _: Path) -> Iterator[Running]:
    """The limit."""
    port = free_port()
    with process([sys.executable, "-m", "bench.frame_latency.limit", str(port), url], frozenset()) as started:
        wait(started, port)
        yield Running(port, _by_path(), _writer(url))


def _by_path() -> Visitor:
    return Visitor(lambda number: f"/{person(number)}")


def _writer(url: str) -> list[str]:
    return [sys.executable, "-m", "bench.frame_latency.writer", url]


def stamped(file: Path) -> dict[int, float]:
    """By order, when its mail's DATA came."""
    found: dict[int, float] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        at, _, subject = line.partition(" ")
        order = re.search(r"A-(\d+)", subject)
        if order:
            found.setdefault(int(order[1]), float(at))
    return found
