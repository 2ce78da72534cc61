"""A real Chromium before a real daemon on a real PostgreSQL, with a small shop in it and a site that shows the bell.

All of it is started once: each test has a customer of its own.
"""

import itertools
import os
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright

from demo.shop import Shop
from demo.stage import Size, Stage, stage
from tests.browser.site import Site
from tests.browser.visitor import Visitor
from tests.chaos.wire import Wire

CUSTOMERS = 80
FIRST_OF_MANY = 6
"""The shop's first five people are on the demo's stage."""

_customers = itertools.count(FIRST_OF_MANY)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        absent = "chromium is not installed: sh .ci/tools installs it"
        pytest.fail(absent) if os.environ.get("CI") == "true" else pytest.skip(absent)
    return str(found)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def site(chromium: str) -> AsyncIterator[Site]:
    """The shop's own web site. It knows where Orderbell is once that has started."""
    made = Site()
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def running(site: Site) -> AsyncIterator[Stage]:
    async with stage(lambda _: None, size=Size(customers=CUSTOMERS), origins=(site.url,), reports=False) as started:
        site.trusts(started.settings)
        yield started


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def shop(running: Stage) -> AsyncIterator[Shop]:
    async with aclosing(await Shop.connect(running.database_url)) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def wire(running: Stage, site: Site) -> AsyncIterator[Wire]:
    """What lies between the browser and the daemon."""
    made = Wire("browser", running.settings.http.port, random.Random(1))
    await made.start()
    site.hub = f"127.0.0.1:{made.port}"
    yield made
    await made.stop()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser(chromium: str, wire: Wire) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        await launched.close()


@pytest.fixture
def customer(running: Stage) -> int:
    """Somebody who has not been told anything yet."""
    return next(_customers)


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser of somebody's own: its tabs share what is kept."""
    made = await browser.new_context(locale="en-GB", viewport={"width": 1000, "height": 800})
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(
    context: BrowserContext, site: Site, shop: Shop, running: Stage, customer: int
) -> AsyncIterator[Visitor]:
    """A customer with a browser. At the end nothing may have gone wrong in any tab that was not expected."""
    made = Visitor(context, site, shop, running.database_url, customer)
    yield made
    await made.leave()
    assert made.troubles == []
