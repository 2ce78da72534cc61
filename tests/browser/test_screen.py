"""Languages, directions, themes, sizes; and what a page must allow."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

TITLES = {
    "en": "Notifications",
    "de": "Benachrichtigungen",
    "fr": "Notifications",
    "es": "Notificaciones",
    "ka": "შეტყობინებები",
}
ARABIC = {"title": "الإشعارات", "settings": "الإعدادات", "count": {"one": "إشعار واحد", "other": "{n} إشعارات"}}

CONTRAST = """
() => {
  const root = document.querySelector("order-bell").shadowRoot;
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const painted = (...colours) => {
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((byte) => byte / 255);
  };
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const low = [];
  for (const node of root.querySelectorAll(".panel *, .badge")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || !node.checkVisibility() || node.closest(".sr") || node.matches(":disabled, option")) continue;
    const behind = [];
    for (let one = node; one; one = one.parentElement) behind.unshift(getComputedStyle(one).backgroundColor);
    const ground = painted("#fff", ...behind);
    const text = painted("#fff", ...behind, getComputedStyle(node).color);
    const [dark, light] = [ground, text].map(luminance).sort((one, other) => one - other);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) low.push([node.className, node.textContent, contrast]);
  }
  return low;
}
"""
"""Texts that stand out from what is behind them by less than WCAG 2.2 AA asks for (1.4.3)."""


async def right_edge(page: Page, selector: str) -> float:
    box = await page.locator(selector).first.bounding_box()
    assert box is not None
    return box["x"] + box["width"]


@pytest.mark.parametrize("locale", TITLES)
async def test_each_language_of_the_catalogues_is_spoken(visitor: Visitor, locale: str) -> None:
    await visitor.order()
    tab = await visitor.tab(lang=locale)
    await tab.open()
    await expect(tab.page.get_by_role("dialog", name=TITLES[locale])).to_be_visible()
    await expect(tab.items).to_have_count(1)
    await tab.page.locator("order-bell .icon.settings").click()
    await expect(tab.page.locator("order-bell table")).to_be_visible()
    text = await tab.panel.inner_text()
    assert "undefined" not in text
    assert "{n}" not in text


async def test_another_language_is_brought_by_the_application_and_goes_from_right_to_left(visitor: Visitor) -> None:
    await visitor.order()
    tab = await visitor.tab(locale="ar", placement="bottom-start")
    await tab.page.evaluate("(words) => { document.querySelector('order-bell').words = words; }", ARABIC)
    await expect(tab.page.get_by_role("button", name="إشعار واحد")).to_be_visible()
    await tab.open()
    await expect(tab.page.get_by_role("dialog", name="الإشعارات")).to_be_visible()
    await expect(tab.items).to_have_count(1)
    assert await right_edge(tab.page, "order-bell h2") > await right_edge(tab.page, "order-bell header .icon.settings")
    dot = await tab.items.first.evaluate("(item) => getComputedStyle(item, '::before').right")
    assert float(dot.removesuffix("px")) < 20, "the dot stands at the right"
    panel = await tab.panel.bounding_box()
    assert panel is not None
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= 1000


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read_in_light_and_dark(visitor: Visitor, scheme: str) -> None:
    order = await visitor.order()
    await visitor.advance(order, "confirmed")
    tab = await visitor.tab(theme=scheme, order=str(order.id))
    await tab.open()
    await expect(tab.items).to_have_count(2)
    await tab.items.first.get_by_role("button", name="Mark as read").click()
    assert await tab.page.evaluate(CONTRAST) == []
    await tab.page.locator("order-bell .icon.settings").click()
    await expect(tab.page.locator("order-bell table")).to_be_visible()
    assert await tab.page.evaluate(CONTRAST) == []


async def test_on_a_telephone_the_panel_has_the_whole_screen(visitor: Visitor) -> None:
    await visitor.order()
    tab = await visitor.tab()
    await tab.page.set_viewport_size({"width": 390, "height": 780})
    await tab.open()
    await expect(tab.items).to_have_count(1)
    assert await tab.panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 780}
    assert await tab.page.evaluate("document.documentElement.scrollWidth") == 390
    await tab.page.get_by_role("button", name="Close").click()
    await expect(tab.panel).to_be_hidden()


async def test_a_whole_page_is_an_inbox_without_a_bell(visitor: Visitor) -> None:
    await visitor.order()
    tab = await visitor.tab(page="")
    await expect(tab.page.get_by_role("region", name="Notifications")).to_be_visible()
    await expect(tab.items).to_have_count(1)
    await expect(tab.button).to_have_count(0)
    await expect(tab.toasts).to_have_count(0)


async def test_custom_properties_and_parts_change_how_it_looks(visitor: Visitor) -> None:
    await visitor.order()
    tab = await visitor.tab()
    await tab.page.evaluate(
        "() => { const sheet = new CSSStyleSheet(); sheet.replaceSync("
        "'order-bell { --ob-badge: rgb(0, 80, 0); } order-bell::part(badge) { border-radius: 2px; }');"
        " document.adoptedStyleSheets = [sheet]; }"
    )
    await expect(tab.badge).to_have_css("background-color", "rgb(0, 80, 0)")
    await expect(tab.badge).to_have_css("border-radius", "2px")


async def test_a_page_with_a_strict_policy_has_no_violation(visitor: Visitor) -> None:
    """Every page here has one: the visitor has heard of no violation, whatever is opened."""
    order = await visitor.order()
    tab = await visitor.tab(order=str(order.id), sound="")
    policy = await tab.page.evaluate(
        "fetch(location.href).then((answer) => answer.headers.get('content-security-policy'))"
    )
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    await visitor.advance(order, "confirmed")
    await expect(tab.toasts.first).to_be_visible()
    await tab.open()
    await tab.page.get_by_role("button", name="Settings").click()
    await expect(tab.page.locator("order-bell table")).to_be_visible()


async def test_what_a_message_says_cannot_become_part_of_the_page(visitor: Visitor) -> None:
    tab = await visitor.tab()
    shown = {
        "id": 10**9, "title": "<img src=x onerror=alert(1)>", "body": "<b>bold</b>", "url": "javascript:alert(1)",
        "action": "Open", "category": "order", "priority": "normal", "created_at": "2026-01-01T00:00:00Z",
        "read_at": None, "seen_at": None, "archived_at": None,
    }  # fmt: skip
    await tab.open()
    await tab.page.evaluate(
        "(detail) => document.querySelector('order-bell').client"
        ".dispatchEvent(new CustomEvent('notification', { detail }))",
        shown,
    )
    await expect(tab.items.locator("b")).to_have_text(str(shown["title"]))
    await expect(tab.items.locator("a, img")).to_have_count(0)
