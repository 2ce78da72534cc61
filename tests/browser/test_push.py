"""Web Push: from the switch in the settings to the notification that the service worker shows.

There is no push service to be reached from here: a sandbox stands for it. It gives the browser its subscription, and
takes and decrypts what the daemon sends; the browser is handed that in the push service's place.
"""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, CDPSession, Worker, expect

from demo.stage import Stage
from tests.browser.site import Site
from tests.browser.visitor import Tab, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

SUBSCRIPTION = """
(() => {
  const made = {
    ...%s, options: { applicationServerKey: null }, toJSON() { return { endpoint: this.endpoint, keys: this.keys }; },
    async unsubscribe() { delete localStorage.subscribed; return true; },
  };
  PushManager.prototype.subscribe = async () => { localStorage.subscribed = "yes"; return made; };
  PushManager.prototype.getSubscription = async () => (localStorage.subscribed ? made : null);
})();
"""
"""A browser's own answers where it has a push service."""

SHOWN = """async () => {
  const registration = await navigator.serviceWorker.ready;
  const all = await registration.getNotifications();
  return all.map(({ title, body, tag, silent, data }) => ({ title, body, tag, silent, data }));
}"""


class Device:
    """A tab in a browser that a push service knows."""

    def __init__(self, context: BrowserContext, running: Stage, owner: int, subscription: dict[str, Any]) -> None:
        self.endpoint: str = subscription["endpoint"]
        self._context = context
        self._running = running
        self._owner = owner
        self._cdp: CDPSession | None = None
        self._registration: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def turn_on(self, tab: Tab) -> None:
        self._cdp = await self._context.new_cdp_session(tab.page)
        self._cdp.on("ServiceWorker.workerRegistrationUpdated", self._registered)
        await self._cdp.send("ServiceWorker.enable")
        await tab.open()
        await tab.page.get_by_role("button", name="Settings").click()
        switch = tab.page.get_by_role("switch", name="Notifications on this device")
        await expect(switch).not_to_be_checked()
        await switch.click()
        await known(self._running, self.endpoint, self._owner)
        await expect(switch).to_be_checked()

    async def push(self, payload: dict[str, Any], origin: str) -> None:
        """As the push service does it."""
        assert self._cdp is not None
        async with asyncio.timeout(30):
            registration = await self._registration
        await self._cdp.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": origin, "registrationId": registration, "data": json.dumps(payload)},
        )

    async def received(self, title: str) -> dict[str, Any]:
        """What the daemon sent to this device under that title."""
        token = urlsplit(self.endpoint).path.rpartition("/")[2]
        async with asyncio.timeout(30):
            while True:
                for push in self._running.providers.push.pushes:
                    if (push.token, push.payload["title"]) == (token, title):
                        return push.payload
                await asyncio.sleep(0.02)

    async def worker(self) -> Worker:
        workers = self._context.service_workers
        return workers[0] if workers else await self._context.wait_for_event("serviceworker")

    def _registered(self, event: dict[str, Any]) -> None:
        for registration in event["registrations"]:
            if not self._registration.done() and not registration["isDeleted"]:
                self._registration.set_result(registration["registrationId"])


async def owners(running: Stage, endpoint: str) -> list[str]:
    async with await psycopg.AsyncConnection.connect(running.database_url) as connection:
        rows = await connection.execute(
            "SELECT user_id FROM orderbell.push_subscription WHERE endpoint = %s", (endpoint,)
        )
        return [row[0] for row in await rows.fetchall()]


async def known(running: Stage, endpoint: str, *owner: int) -> None:
    """Wait until the daemon has the subscription as this person's, or nobody's."""
    async with asyncio.timeout(30):
        while await owners(running, endpoint) != [str(one) for one in owner]:
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(loop_scope="session")
async def device(context: BrowserContext, running: Stage, site: Site, customer: int) -> Device:
    subscription = running.providers.push.subscribe(str(customer))
    await context.grant_permissions(["notifications"], origin=site.url)
    await context.add_init_script(SUBSCRIPTION % json.dumps(subscription))
    return Device(context, running, customer, subscription)


async def test_what_the_daemon_pushes_is_shown_and_a_newer_status_takes_its_place(
    visitor: Visitor, device: Device, running: Stage, site: Site
) -> None:
    tab = await visitor.tab()
    await device.turn_on(tab)
    order = await visitor.advance(await visitor.order(), "confirmed", "preparing", "ready")
    first = await device.received(f"Order {order.number} is ready")
    await device.push(first, site.url)
    (shown,) = await until_shown(tab, f"Order {order.number} is ready")
    assert shown["data"] == {"url": f"https://shop.example.com/orders/{order.id}", "id": first["id"]}
    await visitor.advance(order, "picked_up")
    second = await device.received(f"Order {order.number} has been picked up")
    await device.push(second, site.url)
    assert len(await until_shown(tab, f"Order {order.number} has been picked up")) == 1
    await device.push({**second, "title": "Taken", "body": "", "withdrawn": True}, site.url)
    (shown,) = await until_shown(tab, "Taken")
    assert shown["silent"] is True


async def until_shown(tab: Tab, title: str) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        while True:
            found: list[dict[str, Any]] = await tab.page.evaluate(SHOWN)
            if any(one["title"] == title for one in found):
                return found
            await asyncio.sleep(0.05)


async def test_only_pages_are_opened(visitor: Visitor, device: Device, site: Site) -> None:
    tab = await visitor.tab()
    await device.turn_on(tab)
    worker = await device.worker()
    for url, opened in {
        "https://shop.example.com/orders/1": "https://shop.example.com/orders/1",
        "/orders/1": f"{site.url}/orders/1",
        "javascript:alert(1)": f"{site.url}/",
        "data:text/html,x": f"{site.url}/",
        "": f"{site.url}/",
    }.items():
        assert await worker.evaluate("(url) => safe(url)", url) == opened


async def test_turned_off_it_is_forgotten_on_both_sides(visitor: Visitor, device: Device, running: Stage) -> None:
    tab = await visitor.tab()
    await device.turn_on(tab)
    switch = tab.page.get_by_role("switch", name="Notifications on this device")
    await switch.click()
    await known(running, device.endpoint)
    await expect(switch).not_to_be_checked()


CHANGED = """(subscription) => self.dispatchEvent(Object.assign(new ExtendableEvent("pushsubscriptionchange"), {
  newSubscription: { ...subscription, toJSON: () => subscription },
}))"""


async def test_a_subscription_that_the_browser_changes_is_told_by_an_open_page(
    visitor: Visitor, device: Device, running: Stage
) -> None:
    tab = await visitor.tab()
    await device.turn_on(tab)
    changed = running.providers.push.subscribe(str(visitor.customer))
    await (await device.worker()).evaluate(CHANGED, changed)
    await known(running, str(changed["endpoint"]), visitor.customer)


async def test_where_no_page_is_open_the_worker_tells_by_itself(
    visitor: Visitor, device: Device, running: Stage, site: Site
) -> None:
    tab = await visitor.tab()
    await device.turn_on(tab)
    worker = await device.worker()
    asked = site.tokens
    await tab.page.close()
    changed = running.providers.push.subscribe(str(visitor.customer))
    await worker.evaluate(CHANGED, changed)
    await known(running, str(changed["endpoint"]), visitor.customer)
    assert site.tokens == asked + 1


async def test_the_next_page_tells_what_was_not_told(visitor: Visitor, device: Device, running: Stage) -> None:
    tab = await visitor.tab()
    await device.turn_on(tab)
    async with await psycopg.AsyncConnection.connect(running.database_url, autocommit=True) as connection:
        await connection.execute("DELETE FROM orderbell.push_subscription WHERE endpoint = %s", (device.endpoint,))
    await visitor.tab()
    await known(running, device.endpoint, visitor.customer)
