"""What an application writes is on the screen; what a person does in one tab is seen in the other."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import expect

from demo.stage import Stage
from tests.browser.site import TOKEN_LIFETIME, Site
from tests.browser.visitor import Visitor, until
from tests.chaos.wire import Mood, Wire

pytestmark = pytest.mark.asyncio(loop_scope="session")

CUT_SECONDS = 10
SHORT = timedelta(seconds=60 + 1)
"""A bell asks for another token a minute before the end, though not at once."""
STATUSES = ("confirmed", "preparing", "ready", "picked_up", "in_transit", "delivered")


async def test_an_sql_update_appears_in_the_open_page(visitor: Visitor) -> None:
    order = await visitor.order()
    tab = await visitor.tab()
    await expect(tab.badge).to_have_text("1")
    await tab.open()
    await expect(tab.items).to_have_count(1)
    await visitor.advance(order, "confirmed")
    await expect(tab.titles.first).to_have_text(f"Order {order.number} is confirmed")
    await expect(tab.badge).to_have_text("2")


async def test_a_closed_bell_shows_what_is_new_for_a_moment(visitor: Visitor) -> None:
    tab = await visitor.tab()
    order = await visitor.order()
    toast = tab.toasts.filter(has_text=f"We have your order {order.number}")
    await expect(toast).to_be_visible()
    await toast.hover()  # as long as the pointer is there, it stays
    await expect(tab.page.locator("order-bell [aria-live=polite]")).to_contain_text(order.number)
    await toast.get_by_role("button", name="Close").click()
    await expect(tab.toasts).to_have_count(0)


async def test_at_most_three_toasts_are_shown(visitor: Visitor) -> None:
    tab = await visitor.tab()
    for _ in range(4):
        await visitor.order()
    await expect(tab.badge).to_have_text("4")
    await expect(tab.toasts).to_have_count(3)


async def test_what_is_read_in_one_tab_clears_the_badge_in_the_other(visitor: Visitor) -> None:
    order = await visitor.order()
    first, second = await visitor.tab(), await visitor.tab()
    for tab in (first, second):
        await expect(tab.badge).to_have_text("1")
    await second.open()
    await first.open()
    await first.item(order.number).get_by_role("button", name="Mark as read").click()
    await expect(second.badge).to_have_text("")
    await expect(second.page.locator("order-bell li.unread")).to_have_count(0)
    await visitor.order()
    for tab in (first, second):
        await expect(tab.badge).to_have_text("1")
    await first.page.get_by_role("button", name="Mark all as read").click()
    await expect(second.badge).to_have_text("")


async def test_what_is_archived_and_deleted_leaves_the_other_tab_and_can_be_found(visitor: Visitor) -> None:
    kept, thrown = await visitor.order(), await visitor.order()
    first, second = await visitor.tab(), await visitor.tab()
    await first.open()
    await second.open()
    await expect(second.items).to_have_count(2)
    await first.item(kept.number).get_by_role("button", name="Archive").click()
    await first.item(thrown.number).get_by_role("button", name="Delete").click()
    await expect(second.items).to_have_count(0)
    await expect(first.page.locator("order-bell .note")).to_contain_text("Nothing here yet")
    await second.page.get_by_role("button", name="Archived", exact=True).click()
    await expect(second.titles).to_have_text([f"We have your order {kept.number}"])
    await second.items.get_by_role("button", name="Back to the inbox").click()
    await second.page.get_by_role("button", name="All", exact=True).click()
    await expect(second.items).to_have_count(1)


async def test_the_list_goes_on_where_it_is_scrolled_and_can_be_filtered(visitor: Visitor) -> None:
    for _ in range(25):
        await visitor.order()
    tab = await visitor.tab()
    await expect(tab.badge).to_have_text("25")
    await tab.open()
    await expect(tab.items.nth(19)).to_be_attached()
    await tab.items.nth(19).scroll_into_view_if_needed()
    await tab.page.locator("order-bell .end").scroll_into_view_if_needed()
    await expect(tab.items).to_have_count(25)
    await tab.items.first.get_by_role("button", name="Mark as read").click()
    await tab.page.get_by_role("button", name="Unread", exact=True).click()
    await expect(tab.badge).to_have_text("24")


async def test_to_click_an_item_reads_it_and_goes_where_it_leads(visitor: Visitor) -> None:
    order = await visitor.order()
    tab, other = await visitor.tab(), await visitor.tab()
    await tab.page.route("https://shop.example.com/**", lambda route: route.fulfill(body="the order"))
    await tab.open()
    await tab.titles.first.click()
    await tab.page.wait_for_url(f"https://shop.example.com/orders/{order.id}")
    await expect(other.badge).to_have_text("")


async def test_an_application_can_route_by_itself(visitor: Visitor) -> None:
    order = await visitor.order()
    tab = await visitor.tab()
    await tab.page.evaluate(
        "document.querySelector('order-bell').addEventListener('open', (event) => {"
        " event.preventDefault(); document.title = event.detail.subject; })"
    )
    await tab.open()
    await tab.titles.first.click()
    await expect(tab.page).to_have_title(f"order:{order.id}")
    await expect(tab.panel).to_be_hidden()
    await expect(tab.badge).to_have_text("")


async def test_ten_seconds_without_a_network_lose_nothing(visitor: Visitor, wire: Wire) -> None:
    order = await visitor.order()
    tab = await visitor.tab()
    await tab.open()
    await expect(tab.items).to_have_count(1)
    wire.misbehave(Mood.REFUSE)
    try:
        await expect(tab.live).to_have_count(0)
        await visitor.advance(order, *STATUSES[:3])
        await tab.page.wait_for_timeout(CUT_SECONDS * 1000)
        await visitor.advance(order, "picked_up")
        await expect(tab.items).to_have_count(1)
    finally:
        await wire.heal()
    await tab.is_live_again()
    await visitor.advance(order, "in_transit", "delivered")
    number = order.number
    await expect(tab.titles).to_have_text(
        [
            f"Order {number} has been delivered",
            f"Order {number} is on the way",
            f"Order {number} has been picked up",
            f"Order {number} is ready",
            f"Order {number} is being prepared",
            f"Order {number} is confirmed",
            f"We have your order {number}",
        ]
    )
    await expect(tab.badge).to_have_text("7")
    visitor.expect_trouble("net::ERR_")


async def test_what_was_read_elsewhere_meanwhile_is_read_here_too(visitor: Visitor, wire: Wire) -> None:
    await visitor.order()
    tab = await visitor.tab()
    await tab.open()
    await expect(tab.badge).to_have_text("1")
    wire.misbehave(Mood.REFUSE)
    await expect(tab.live).to_have_count(0)
    await wire.heal()
    # As another device would, before this one is back.
    other = await visitor.tab()
    await other.page.evaluate("document.querySelector('order-bell').client.markAllAsRead()")
    await expect(other.badge).to_have_text("")
    await tab.is_live_again()
    await expect(tab.badge).to_have_text("")
    await expect(tab.page.locator("order-bell li.unread")).to_have_count(0)
    visitor.troubles.clear()


async def test_where_websockets_are_blocked_the_rest_api_is_asked(visitor: Visitor) -> None:
    order = await visitor.order()
    tab = await visitor.tab(nows="")
    await expect(tab.badge).to_have_text("1", timeout=45_000)
    await tab.open()
    await expect(tab.titles).to_have_text([f"We have your order {order.number}"])
    await expect(tab.page.locator("order-bell #state")).to_have_text("Not live: looks now and then")
    await tab.items.get_by_role("button", name="Mark as read").click()
    await expect(tab.badge).to_have_text("")
    visitor.troubles.clear()  # the policy of that page


async def test_a_page_that_is_loaded_again_goes_on_where_it_was(visitor: Visitor) -> None:
    def frames(kind: str) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in visitor.frames if f'"{kind}"' in frame]

    async def has_kept(since: str) -> bool:
        return since in await tab.page.evaluate("Object.values(sessionStorage).join()")

    async def caught_up(times: int) -> bool:
        return len(frames("caught_up")) >= times

    await visitor.order()
    tab = await visitor.tab()
    await until(lambda: caught_up(1))
    await until(lambda: has_kept(frames("caught_up")[0]["since"]))
    await tab.page.reload()
    await tab.is_live()
    await until(lambda: caught_up(2))
    hellos, welcomes, told = frames("hello"), frames("welcome"), frames("caught_up")
    assert hellos[0]["after"] is None
    assert hellos[1]["after"] == welcomes[0]["last_id"] > 0
    assert hellos[1]["since"] == told[0]["since"]


async def test_a_token_is_renewed_before_it_ends(visitor: Visitor, site: Site) -> None:
    site.lifetime = SHORT
    try:
        tab = await visitor.tab()
        async with asyncio.timeout(50):
            while not any('"renewed"' in frame for frame in visitor.frames):
                await tab.page.wait_for_timeout(100)
    finally:
        site.lifetime = TOKEN_LIFETIME
    sent = [json.loads(frame)["type"] for frame in visitor.frames]
    assert sent.count("welcome") == 1, "the connection stayed"


async def test_an_order_can_be_followed(visitor: Visitor, running: Stage) -> None:
    order = await visitor.order()
    tab = await visitor.tab(order=str(order.id))
    await tab.open()
    status = tab.page.locator("order-bell .order")
    await expect(status).to_contain_text("Placed")
    await visitor.advance(order, "confirmed")
    await expect(status).to_contain_text("Confirmed")
