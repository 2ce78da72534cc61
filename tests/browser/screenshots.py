"""Makes the pictures of docs/images anew: ``python -m tests.browser.screenshots [FOLDER]``."""

import asyncio
import shutil
import sys
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
from playwright.async_api import Browser, Page, async_playwright, expect

from demo.shop import Shop
from demo.stage import Size, Stage, stage
from tests.browser.site import Site

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LARGEST_BYTES = 150_000
MIA, GRETA = 1, 6
"""Who speaks English, and who speaks German."""
NOTIFICATIONS = 13
"""Of two orders, one of which is on its way still."""
WIDE = {"width": 700, "height": 700}
TALL = {"width": 620, "height": 960}
TELEPHONE = {"width": 390, "height": 780}
STATUSES = ("confirmed", "preparing", "ready", "picked_up", "in_transit", "delivered")


async def main(folder: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed: sh .ci/tools installs it")
    site = Site()
    await site.start()
    size = Size(customers=2)
    async with stage(lambda _: None, size=size, origins=(site.url,), reports=False) as running:
        site.trusts(running.settings)
        async with await psycopg.AsyncConnection.connect(running.database_url) as connection:
            await connection.execute("UPDATE users SET locale = 'de' WHERE id = %s", (GRETA,))
        async with aclosing(await Shop.connect(running.database_url)) as shop:
            await eat(shop, MIA)
            await eat(shop, GRETA)
        await some_time_passes(running)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            await pictures(browser, site, folder)
            await browser.close()
    await site.stop()


async def eat(shop: Shop, customer: int) -> None:
    """An order from start to end, and one that is on its way."""
    for statuses in (STATUSES, STATUSES[:5]):
        order = (await shop.place_order(customer, 1, Decimal("24.50"))).order
        for status in statuses:
            order = (await shop.advance(order, status, 1 if status == "picked_up" else None)).order


async def some_time_passes(running: Stage) -> None:
    """What is old was read, and the kitchen has something to say."""
    async with await psycopg.AsyncConnection.connect(running.database_url, autocommit=True) as connection:
        async with asyncio.timeout(20):
            while True:
                rows = await connection.execute(
                    "SELECT count(*) FROM orderbell.notification WHERE user_id IN ('1', '6')"
                )
                if await rows.fetchone() == (2 * NOTIFICATIONS,):
                    break
                await asyncio.sleep(0.05)
        await connection.execute(
            "WITH aged AS (SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY id DESC) AS n"
            " FROM orderbell.notification WHERE user_id IN ('1', '6'))"
            " UPDATE orderbell.notification o SET created_at = now() - make_interval(mins => (n * n * n * 2)::int),"
            " read_at = CASE WHEN n > 3 THEN now() END, seen_at = CASE WHEN n > 3 THEN now() END"
            " FROM aged WHERE aged.id = o.id"
        )
        await connection.execute(
            "INSERT INTO orderbell.announcement (level, title, body, url, action, ends_at) VALUES"
            " ('warning', 'The kitchen closes early on Sunday', 'Orders are taken until 8 pm.',"
            " 'https://shop.example.com/news', 'Read more', %s)",
            (datetime.now(UTC) + timedelta(days=1),),
        )


async def pictures(browser: Browser, site: Site, folder: Path) -> None:
    for name, query, viewport, scheme in (
        ("light", "", WIDE, "light"),
        ("dark", "", WIDE, "dark"),
        ("mobile", "locale=de", TELEPHONE, "light"),
        ("settings", "sound=", TALL, "light"),
        ("rtl", "locale=ar", WIDE, "dark"),
    ):
        if folder == IMAGES and name == "rtl":
            continue  # to be looked at only
        telephone = name == "mobile"
        context = await browser.new_context(
            viewport={"width": viewport["width"], "height": viewport["height"]},
            color_scheme="dark" if scheme == "dark" else "light", locale="en-GB", timezone_id="America/New_York",
            device_scale_factor=1.25, has_touch=telephone, is_mobile=telephone,
        )  # fmt: skip
        page = await context.new_page()
        await page.goto(f"{site.url}/as/{GRETA if telephone else MIA}?toasts=off&{query}")
        await expect(page.locator("order-bell .badge")).to_have_text("3")
        await expect(page.locator("order-bell .banner")).to_have_count(1)
        await page.locator("order-bell .bell").click()
        await expect(page.locator("order-bell .inbox li")).to_have_count(NOTIFICATIONS)
        if name in {"settings", "mobile"}:
            await page.locator("order-bell .banner .close").click()
        if name == "settings":
            await settings(page)
        # For people, not for tests: nothing has the pointer over it.
        await page.mouse.move(5, viewport["height"] - 5)
        file = folder / f"bell-{name}.png"
        await page.screenshot(path=file)
        print(file, file.stat().st_size)
        assert file.stat().st_size < LARGEST_BYTES, "too large for a page"
        await context.close()


async def settings(page: Page) -> None:
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("button", name="Add hours").click()
    await expect(page.get_by_label("From")).to_be_visible()
    await page.get_by_role("checkbox", name="Orders: E-mail").uncheck()
    await expect(page.get_by_role("checkbox", name="Orders: E-mail")).not_to_be_checked()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES))
