"""The how-to for several nodes: its configuration, two daemons with it, and one that dies."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import tomlkit

from tests.acceptance.conftest import Daemon, running, until
from tests.integration.docs.conftest import SECRET, Reader
from tests.pages import Page
from tests.redis import redis_server

PAGE = Page("docs/how-to/several-nodes.md")


@pytest.fixture
async def nodes(plain_sql: Reader) -> AsyncIterator[tuple[Daemon, Daemon]]:
    """Two daemons with the page's configuration: the one that plans, and the one that stands by."""
    plain_sql.ready()
    async with redis_server() as redis:
        shown = PAGE.section("Browsers on several nodes").block("toml")
        plain_sql.mend(shown.replace("redis://redis.internal:6379/0", redis.url).replace("0.0.0.0", "127.0.0.1"))
        values = plain_sql.values
        values["http"]["port"] = 0
        plain_sql.file.write_text(tomlkit.dumps(values | {"metrics": {"port": 0}}), encoding="utf-8")
        async with (
            running(plain_sql.file, ORDERBELL_AUTH__SECRET=SECRET) as first,
            running(plain_sql.file, ORDERBELL_AUTH__SECRET=SECRET) as second,
        ):
            await until(lambda: bool(first.logged("planner.active")) and bool(second.logged("planner.standby")), 60)
            yield first, second


async def test_one_plans_one_stands_by_and_takes_over(plain_sql: Reader, nodes: tuple[Daemon, Daemon]) -> None:
    first, second = nodes
    async with httpx.AsyncClient(timeout=60) as client, asyncio.timeout(60):
        for node in nodes:
            while (await client.get(f"{node.http}/readyz?exclude=provider")).status_code != 200:
                await asyncio.sleep(0.1)

    status = PAGE.section("The second node").block("sh").strip() + " --json"
    await until(lambda: len(json.loads(plain_sql.shell(status).stdout)["nodes"]) == 2, 60)

    first.process.kill()
    plain_sql.sql("INSERT INTO order_head VALUES (1, 1, 1, 'NW', 12)")
    await until(lambda: plain_sql.changes() == 0, 60)
    assert second.logged("planner.active")


def test_every_setting_on_the_page_has_the_default_that_it_says() -> None:
    defaults = (Path(__file__).parents[3] / "config/orderbell.toml").read_text(encoding="utf-8")
    for setting, value in {"ping_interval_seconds": "25.0", "lease_seconds": "120.0"}.items():
        assert f"\n{setting} = {value}" in defaults
        assert f"{setting}` ({value.removesuffix('.0')})" in PAGE.text
