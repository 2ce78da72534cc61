"""Somebody at the shop's site, and the orders of theirs that the shop's code writes."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from urllib.parse import urlencode

import psycopg
from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, WebSocket, expect

from demo.shop import LIFECYCLE, Order, Shop
from tests.browser.site import Site

PATIENCE_MS = 25_000
LONGEST_DELAY_MS = 30_000
"""How long the client waits at most between two attempts."""
TOLD = "SELECT count(*) FROM orderbell.notification WHERE subject = %s AND user_id = %s AND audience = 'customer'"
VIOLATIONS = "addEventListener('securitypolicyviolation', (event) => console.error('CSP: ' + event.violatedDirective))"

expect.set_options(timeout=PATIENCE_MS)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Look until it holds."""
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while not await condition():
            await asyncio.sleep(0.05)


class Visitor:
    """``tab`` opens pages; whatever goes wrong in one is in ``troubles``."""

    def __init__(self, context: BrowserContext, site: Site, shop: Shop, database_url: str, customer: int) -> None:
        self.customer = customer
        self._database_url = database_url
        self.troubles: list[str] = []
        self.frames: list[str] = []
        """What pages sent to the hub, and what they got, oldest first."""
        self._context = context
        self._site = site
        self._shop = shop

    async def tab(self, **attributes: str) -> "Tab":
        """A new tab with the bell, which is live, or where no WebSocket may be opened, will not be."""
        page = await self._context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("websocket", self._connected)
        await page.add_init_script(VIOLATIONS)
        tab = Tab(page)
        await page.goto(f"{self._site.url}/as/{self.customer}?{urlencode(attributes)}")
        if "nows" not in attributes:
            await tab.is_live()
        return tab

    async def order(self) -> Order:
        """They order something: INSERT. Returns once they have been told of it: a page that is opened afterwards finds
        it in the inbox.
        """
        order = (await self._shop.place_order(self.customer, 1, Decimal("24.50"))).order
        await self._told(order, 1)
        return order

    async def advance(self, order: Order, *statuses: str) -> Order:
        """The shop goes on with it: UPDATE. Returns as :meth:`order` does."""
        for status in statuses:
            order = (await self._shop.advance(order, status, 1 if status == "picked_up" else None)).order
            await self._told(order, LIFECYCLE.index(status) + 1)
        return order

    async def _told(self, order: Order, times: int) -> None:
        async with await psycopg.AsyncConnection.connect(self._database_url, autocommit=True) as connection:

            async def all_told() -> bool:
                found = await connection.execute(TOLD, (f"order:{order.id}", str(self.customer)))
                return await found.fetchone() == (times,)

            await until(all_told)

    async def leave(self) -> None:
        for page in self._context.pages:
            await page.close()

    def expect_trouble(self, words: str) -> None:
        """It was meant to be."""
        assert any(words in trouble for trouble in self.troubles), self.troubles
        self.troubles = [trouble for trouble in self.troubles if words not in trouble]

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.troubles.append(message.text)

    def _connected(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.frames.append(str(frame)))
        socket.on("framereceived", lambda frame: self.frames.append(str(frame)))


class Tab:
    """A page with one bell."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.host = page.locator("order-bell")
        self.button = page.locator("order-bell .bell")
        self.badge = page.locator("order-bell .badge")
        self.panel = page.locator("order-bell .panel")
        self.items = page.locator("order-bell .inbox li")
        self.titles = self.items.locator("b")
        self.toasts = page.locator("order-bell .toast")
        self.live = page.locator("order-bell .root.live")

    async def is_live(self) -> None:
        await expect(self.live).to_have_count(1, timeout=2 * PATIENCE_MS)

    async def is_live_again(self) -> None:
        """The network is back, as a browser says it; who was refused just then waits for the longest delay."""
        await self.page.evaluate("window.dispatchEvent(new Event('online'))")
        await expect(self.live).to_have_count(1, timeout=LONGEST_DELAY_MS + PATIENCE_MS)

    async def open(self) -> None:
        await self.button.click()
        await expect(self.panel).to_be_visible()

    def item(self, title: str) -> Locator:
        return self.items.filter(has_text=title)
