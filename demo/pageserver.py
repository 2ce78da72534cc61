"""The page of ``orderbell demo``: everyone's screens side by side, and the shop's buttons."""

import asyncio
import shutil
import socket
from contextlib import aclosing

from aiohttp import web
from rich.console import Console
from rich.panel import Panel

from demo.counter import Counter
from demo.daemon_process import unless_it_ends
from demo.feed import Feed
from demo.postgres import POSTGRES_PROGRAMS
from demo.routes import ON_STAGE, Page
from demo.shop import Shop
from demo.stage import Say, Size, Stage, stage

CROWD = Size(customers=60, vendors=6)
DRIVERS = 3


class PortTaken(OSError):
    """The page's port is in use."""


async def serve(port: int, orders_per_second: float = 0, *, keep: bool = False, say: Say = lambda _: None) -> None:
    """Start everything and serve the page until cancelled.

    Raises :class:`PortTaken`, and DaemonEnded when the daemon ends.
    """
    listening = _listening_on(port)
    feed = Feed()
    feed.shown_to = frozenset(ON_STAGE)
    origins = (f"http://127.0.0.1:{port}", f"http://localhost:{port}")
    size = CROWD if orders_per_second else Size()
    try:
        async with (
            stage(feed.arrived, size=size, origins=origins, with_html=True, keep=keep, say=say) as running,
            aclosing(await Shop.connect(running.database_url)) as shop,
        ):
            counter = Counter(shop, feed.wrote)
            runner = web.AppRunner(Page(running, feed, counter).application(), access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            try:
                await web.SockSite(runner, listening).start()
                _invite(port, running)
                await unless_it_ends(_busy(counter, orders_per_second, size), running.daemon)
            finally:
                say("ending everything")
                await runner.cleanup()
    finally:
        listening.close()


async def _busy(counter: Counter, orders_per_second: float, size: Size) -> None:
    if not orders_per_second:
        await asyncio.Event().wait()
    customers = list(range(6, 6 + size.customers - 1))
    await counter.run_by_itself(orders_per_second, customers, size.vendors, DRIVERS)


def _listening_on(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen()  # who opens the page early waits for it
    except OSError as error:
        listening.close()
        raise PortTaken(f"port {port} is in use: choose another with --port") from error
    return listening


def _invite(port: int, running: Stage) -> None:
    console = Console(stderr=True, highlight=False)
    lines = (
        f"[bold bright_white on dark_green]  http://127.0.0.1:{port}/  [/]\n\n"
        "Open it and place an order.\nThe page only writes SQL; Orderbell tells everyone."
    )
    console.print(Panel(lines, title="Orderbell demo", padding=(1, 3), expand=False))
    psql = shutil.which("psql") or POSTGRES_PROGRAMS / "psql"
    for line in (
        f"Write SQL yourself: {psql} '{running.database_url}'",
        f"What the daemon was started with, and its log: {running.folder}",
        "Ctrl-C ends everything.",
    ):
        console.print(line, style="dim", soft_wrap=True, markup=False)  # in one piece, to be copied
