"""Everything that the demo needs: started in order, ended in reverse, also when starting fails half-way."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from config import Settings
from demo.arrival import Arrival
from demo.browser import listening, subscribe
from demo.cast import Cast
from demo.configuration import Ports, write_configuration
from demo.daemon_process import Daemon, daemon
from demo.expectation import Expectation, expected
from demo.ports import port_of, reserved
from demo.postgres import postgres, to_the_end
from demo.providers import Providers, providers
from demo.shop import Order, Shop
from schema.install import install

Say = Callable[[str], None]

REPORTED_AFTER_SECONDS = 0.2
"""How long a text is on its way to a telephone."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many people the shop has, those on stage included."""

    customers: int = 1
    vendors: int = 1


@dataclass(frozen=True, slots=True)
class Stage:
    """A shop with Orderbell at work on it."""

    folder: Path
    database_url: str
    settings: Settings
    cast: Cast
    providers: Providers
    daemon: Daemon

    def expected(self, order: Order) -> list[Expectation]:
        """What must arrive now that ``order`` has its status: everyone here is online and subscribed."""
        everyone = self.cast.people.keys()
        return list(expected(self.settings.rule, self.cast, order, online=everyone, subscribed=everyone))


@asynccontextmanager
async def stage(
    take: Callable[[Arrival], None],
    *,
    size: Size = Size(),
    origins: tuple[str, ...] = (),
    with_html: bool = False,
    reports: bool = True,
    keep: bool = False,
    say: Say = lambda _: None,
) -> AsyncIterator[Stage]:
    """Start PostgreSQL, the shop in it, Orderbell on that, the providers and the daemon; end them afterwards.

    ``take`` is called for each message that arrives anywhere, ``say`` for each step; pages of ``origins`` may
    call the daemon; with ``reports`` the sandbox Twilio says what became of each text; ``keep`` leaves
    the folder (configuration and log, without the database).
    """
    async with AsyncExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="orderbell-demo-"))
        if keep:
            stack.callback(say, f"configuration and log are in {folder}")
        else:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        say("starting PostgreSQL 18")
        url = await stack.enter_async_context(postgres(folder / "postgres"))
        say("opening a small shop in it")
        await _open_shop(url, size)
        cast = await Cast.read(url)
        started = await stack.enter_async_context(providers(cast, take, with_html=with_html))
        started.twilio.reports_after_seconds = REPORTED_AFTER_SECONDS if reports else None
        ports = Ports(*(port_of(stack.enter_context(reserved())) for _ in range(2)))
        written = write_configuration(folder, url, started, ports, list(origins))
        say("installing Orderbell on it")
        await to_the_end(lambda: install(written.settings))
        say("starting the daemon")
        running = await stack.enter_async_context(daemon(written.file, written.credentials, folder))
        say("opening everyone's browser")
        await subscribe(written.settings, started.push, cast.people)
        await stack.enter_async_context(listening(written.settings, cast.people, take))
        yield Stage(folder, url, written.settings, cast, started, running)


async def _open_shop(url: str, size: Size) -> None:
    async with aclosing(await Shop.connect(url)) as shop:
        await shop.open(customers=size.customers, vendors=size.vendors)
