"""What a reader copies from docs/how-to/bell.md works."""

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest
from playwright.async_api import BrowserContext, expect

from demo.stage import Stage
from tests.browser.site import Site
from tests.browser.visitor import Visitor, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "bell.md").read_text(encoding="utf-8")


def block(language: str, words: str = "") -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (found,) = (one for one in blocks if words in one)
    return str(found)


async def test_the_plain_page_has_a_bell(visitor: Visitor, context: BrowserContext, site: Site) -> None:
    await visitor.order()
    site.snippet = (
        block("html")
        .replace("https://orders.example", f"http://{site.hub}")
        .replace("/my-token", f"/token/{visitor.customer}")
    )
    page = await context.new_page()
    await page.goto(f"{site.url}/snippet")
    await expect(page.get_by_role("button", name="Notifications, 1 unread")).to_be_visible()


async def test_the_policy_is_what_the_pages_here_have(site: Site) -> None:
    written = block("text", "script-src").strip().replace("https://orders.example", f"http://{site.hub}")
    written = written.replace("wss://orders.example", f"ws://{site.hub}")
    policy = site.policy()["Content-Security-Policy"]
    for directive in written.split("; "):
        name, *sources = directive.split()
        (here,) = re.findall(rf"{name} ([^;]*)", policy)
        assert set(here.split()) - {"'self'"} == set(sources) - {"'self'"}, name


async def test_the_client_without_a_screen_connects(visitor: Visitor, context: BrowserContext, site: Site) -> None:
    order = await visitor.order()
    script = block("js", "OrderbellClient").replace("https://orders.example", f"http://{site.hub}")
    token = f'const getToken = () => fetch("/token/{visitor.customer}").then((r) => r.json()).then((r) => r.token);'
    body = script.replace("4711", str(order.id)).replace("import {", f"{token}\nimport {{", 1)
    page = await context.new_page()
    heard: list[str] = []
    frames: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    await page.route("**/own.js", lambda route: route.fulfill(body=body, content_type="text/javascript"))
    site.snippet = (
        "<!doctype html><title>x</title><link rel=icon href='data:,'><script type=module src=/own.js></script>"
    )

    async def is_subscribed() -> bool:
        return any("subscribed" in frame for frame in frames)

    async def has_said_it() -> bool:
        return any("is confirmed" in text for text in heard)

    await page.goto(f"{site.url}/snippet")
    await until(is_subscribed)
    await visitor.advance(order, "confirmed")
    await until(has_said_it)


async def test_the_daemon_takes_the_token_of_the_django_view(
    running: Stage, customer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = running.settings.auth.secret
    assert secret is not None
    modules: dict[str, dict[str, Any]] = {
        "django": {},
        "django.conf": {"settings": SimpleNamespace(ORDERBELL_SECRET=secret.get_secret_value())},
        "django.http": {"JsonResponse": lambda answer: answer, "HttpResponse": lambda status: status},
    }
    for name, contents in modules.items():
        module = ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    view: dict[str, Any] = {}
    exec(block("python"), view)
    user = SimpleNamespace(is_authenticated=True, pk=customer)
    assert view["my_token"](SimpleNamespace(user=SimpleNamespace(is_authenticated=False))) == 401
    token = view["my_token"](SimpleNamespace(user=user))["token"]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.settings.http.port}", timeout=30) as client:
        answer = await client.get("/api/notifications/count", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
