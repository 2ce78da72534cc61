"""What a person chooses in the bell is what the daemon goes by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from playwright.async_api import Locator, Route, expect

from demo.stage import Stage
from tests.browser.visitor import Tab, Visitor, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def at_settings(visitor: Visitor, **attributes: str) -> Tab:
    tab = await visitor.tab(**attributes)
    await tab.open()
    await tab.page.get_by_role("button", name="Settings").click()
    await expect(tab.page.get_by_role("switch", name="Do not disturb")).to_be_visible()
    return tab


@asynccontextmanager
async def changed(tab: Tab, shown: Locator) -> AsyncIterator[None]:
    """Wait for the answer to what is done within: everything is made anew then, and knows of it."""
    before = await shown.element_handle()
    yield
    await tab.page.wait_for_function("(before) => !before.isConnected", arg=before)


async def person(running: Stage, customer: int, column: str) -> object:
    async with await psycopg.AsyncConnection.connect(running.database_url) as connection:
        rows = await connection.execute(
            f"SELECT {column} FROM orderbell.person WHERE user_id = %s".encode(), (str(customer),)
        )
        row = await rows.fetchone()
    return row and row[0]


async def test_a_category_is_switched_off_on_a_channel(visitor: Visitor, running: Stage) -> None:
    tab = await at_settings(visitor)
    box = tab.page.get_by_role("checkbox", name="Orders: E-mail")
    await expect(box).to_be_checked()
    await box.uncheck()
    await expect(tab.page.get_by_role("checkbox", name="Security: E-mail")).to_be_disabled()

    async def is_kept() -> bool:
        async with await psycopg.AsyncConnection.connect(running.database_url) as connection:
            rows = await connection.execute(
                "SELECT category, channel, enabled FROM orderbell.preference WHERE user_id = %s",
                (str(visitor.customer),),
            )
            return await rows.fetchall() == [("order", "email", False)]

    await until(is_kept)
    await tab.page.reload()
    await tab.is_live()
    await tab.open()
    await tab.page.get_by_role("button", name="Settings").click()
    await expect(box).not_to_be_checked()
    assert await is_kept()


async def test_quiet_hours_are_added_changed_and_taken_away(visitor: Visitor, running: Stage) -> None:
    tab = await at_settings(visitor)
    await tab.page.get_by_role("button", name="Add hours").click()
    start = tab.page.get_by_label("From")
    await expect(start).to_have_value("22:00")
    async with changed(tab, start):
        await start.fill("21:30")
    await tab.page.get_by_role("button", name="Sunday").click()
    await expect(tab.page.get_by_role("button", name="Sunday", pressed=False)).to_be_visible()
    await expect(start).to_have_value("21:30")
    assert await person(running, visitor.customer, "quiet") == [
        {"days": ["mon", "tue", "wed", "thu", "fri", "sat"], "start": "21:30", "end": "07:00"}
    ]
    await tab.page.get_by_role("button", name="Remove").click()
    await expect(start).to_have_count(0)
    await tab.page.get_by_role("button", name="As usual here").click()
    await expect(tab.page.get_by_role("button", name="As usual here")).to_have_count(0)
    assert await person(running, visitor.customer, "quiet") is None


async def test_who_chooses_again_before_the_answer_comes_keeps_both(visitor: Visitor, running: Stage) -> None:
    tab = await at_settings(visitor)
    answer = asyncio.Event()

    async def slowly(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    await tab.page.get_by_role("button", name="Add hours").click()
    start, end = tab.page.get_by_label("From"), tab.page.get_by_label("To")
    await expect(start).to_have_value("22:00")
    await tab.page.route("**/api/settings/quiet-hours", slowly)
    async with changed(tab, start):
        await start.fill("21:30")
        await end.fill("06:15")
        await tab.page.get_by_role("button", name="Sunday").click()
        answer.set()
    await expect(tab.page.get_by_role("button", name="Sunday", pressed=False)).to_be_visible()
    assert [await edge.input_value() for edge in (start, end)] == ["21:30", "06:15"]
    assert await person(running, visitor.customer, "quiet") == [
        {"days": ["mon", "tue", "wed", "thu", "fri", "sat"], "start": "21:30", "end": "06:15"}
    ]


async def test_a_pause_begins_and_ends(visitor: Visitor, running: Stage) -> None:
    tab = await at_settings(visitor)
    await tab.page.get_by_role("button", name="3 hours").click()
    await expect(tab.page.get_by_text("Paused until")).to_be_visible()
    assert await person(running, visitor.customer, "snoozed_until > now() + interval '170 minutes'") is True
    await tab.page.get_by_role("button", name="Resume").click()
    await expect(tab.page.get_by_role("button", name="Until tomorrow")).to_be_visible()


async def test_a_sound_is_muted_in_this_browser(visitor: Visitor) -> None:
    tab = await at_settings(visitor, sound="")
    switch = tab.page.get_by_role("switch", name="Sound")
    await expect(switch).to_be_checked()
    await switch.uncheck()
    assert await tab.page.evaluate("localStorage.getItem('orderbell muted')") == "1"
