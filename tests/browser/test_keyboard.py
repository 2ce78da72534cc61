"""Everything can be done without a mouse, and is called by its name."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.visitor import Tab, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

LAST_LINK = "My orders"


async def focused(page: Page) -> str:
    """What has the focus: its accessible name, or its text."""
    name: str = await page.evaluate(
        "() => { const at = document.querySelector('order-bell').shadowRoot.activeElement ?? document.activeElement;"
        " return at.getAttribute('aria-label') ?? at.innerText; }"
    )
    return name


async def opened_by_keyboard(tab: Tab) -> None:
    await tab.page.get_by_role("link", name=LAST_LINK).focus()
    await tab.page.keyboard.press("Tab")
    await tab.page.keyboard.press("Enter")
    await expect(tab.panel).to_be_visible()


async def test_open_move_read_archive_delete_and_close(visitor: Visitor) -> None:
    numbers = [(await visitor.order()).number for _ in range(4)]
    tab = await visitor.tab()
    await expect(tab.badge).to_have_text("4")
    await opened_by_keyboard(tab)
    await expect(tab.items).to_have_count(4)
    newest = list(reversed(numbers))
    press = tab.page.keyboard.press
    await press("ArrowDown")
    assert newest[0] in await focused(tab.page)
    await press("ArrowDown")
    assert newest[1] in await focused(tab.page)
    await press("u")
    await expect(tab.badge).to_have_text("3")
    await press("u")
    await expect(tab.badge).to_have_text("4")
    await press("e")
    await expect(tab.items).to_have_count(3)
    assert newest[2] in await focused(tab.page), "the focus goes to the next one"
    await press("Delete")
    await expect(tab.items).to_have_count(2)
    await press("Home")
    assert newest[0] in await focused(tab.page)
    await press("End")
    assert newest[3] in await focused(tab.page)
    await press("ArrowUp")
    assert newest[0] in await focused(tab.page)
    await press("Escape")
    await expect(tab.panel).to_be_hidden()
    await expect(tab.button).to_be_focused()
    await expect(tab.button).to_have_accessible_name("Notifications, 2 unread")


async def test_tab_goes_through_the_panel_and_once_through_the_list(visitor: Visitor) -> None:
    for _ in range(3):
        await visitor.order()
    tab = await visitor.tab()
    await opened_by_keyboard(tab)
    await expect(tab.items).to_have_count(3)
    found = []
    for _ in range(11):
        await tab.page.keyboard.press("Tab")
        found.append(await focused(tab.page))
    assert found[:6] == ["Mark all as read", "Settings", "Close", "All", "Unread", "Archived"]
    assert found[6].startswith("Unread.")
    assert found[7:10] == ["Mark as read", "Archive", "Delete"]
    assert "We have your order" not in found[10]


async def test_enter_opens_what_has_the_focus(visitor: Visitor) -> None:
    order = await visitor.order()
    tab = await visitor.tab()
    await tab.page.route("https://shop.example.com/**", lambda route: route.fulfill(body="the order"))
    await opened_by_keyboard(tab)
    await expect(tab.items).to_have_count(1)
    await tab.page.keyboard.press("ArrowDown")
    await tab.page.keyboard.press("Enter")
    await tab.page.wait_for_url(f"https://shop.example.com/orders/{order.id}")


async def test_a_screen_reader_is_told_what_everything_is(visitor: Visitor) -> None:
    order = await visitor.order()
    tab = await visitor.tab()
    await expect(tab.badge).to_have_text("1")
    await expect(tab.page.get_by_role("button", name="Notifications, 1 unread", expanded=False)).to_be_visible()
    await tab.open()
    await expect(tab.page.get_by_role("button", name="Notifications, 1 unread", expanded=True)).to_be_visible()
    await expect(tab.items).to_have_count(1)
    await expect(tab.page.get_by_role("dialog", name="Notifications")).to_match_aria_snapshot(
        f"""
- dialog "Notifications":
  - heading "Notifications" [level=2]
  - status: Live
  - button "Mark all as read"
  - button "Settings"
  - button "Close"
  - button "All" [pressed]
  - button "Unread"
  - button "Archived"
  - list:
    - listitem:
      - link /Unread\\. We have your order {order.number} .* See the order/
      - button "Mark as read"
      - button "Archive"
      - button "Delete"
"""
    )


async def test_settings_can_be_reached_and_left(visitor: Visitor) -> None:
    tab = await visitor.tab(sound="")
    await opened_by_keyboard(tab)
    press = tab.page.keyboard.press
    await press("Tab")
    await press("Tab")
    await press("Enter")
    await expect(tab.page.get_by_role("heading", name="Settings")).to_be_visible()
    switch = tab.page.get_by_role("switch", name="Do not disturb")
    await switch.focus()
    await press("Space")
    await expect(switch).to_be_checked()
    assert "Do not disturb" in await tab.page.evaluate(
        "document.querySelector('order-bell').shadowRoot.activeElement.labels[0].innerText"
    ), "the focus stays where it is"
    await tab.page.get_by_role("button", name="Back").press("Enter")
    await expect(tab.page.get_by_role("heading", name="Notifications")).to_be_visible()
