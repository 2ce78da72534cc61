"""What answers say beside their content: to caches, to pages of other origins, to load balancers."""

import logging
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, Build

SHOP = "https://shop.example"
HTTP = {"port": 0, "allowed_origins": [SHOP]}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/notifications", 200),
        ("GET", "/api/notifications/9", 404),
        ("GET", "/api/settings", 200),
        ("GET", "/api/push-subscriptions/vapid-public-key", 404),
        ("GET", "/api/admin/overview", 403),
        ("PUT", "/api/notifications", 405),
        ("GET", "/api/nothing", 404),
    ],
)
async def test_nothing_of_the_api_is_kept_by_a_cache(whole: "Api", method: str, path: str, status: int) -> None:
    answer = await (await whole.of("ann")).request(method, path)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (status, "no-store")


async def test_neither_is_an_answer_without_a_route_behind_it(api: "Api") -> None:
    too_large = await (await api.of("ann")).post("/api/notifications/bulk", content=b"x" * 100_000)
    refused = await (await api.of(None)).get("/api/notifications")
    for answer in (too_large, refused):
        assert answer.headers["Cache-Control"] == "no-store"
    assert "Cache-Control" not in (await (await api.of(None)).get("/healthz")).headers


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_page_of_an_allowed_origin_may_use_every_method(build: "Build", method: str) -> None:
    client = await (await build(http=HTTP)).of(None, Origin=SHOP)
    headers = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,content-type"}
    asked = await client.options("/api/notifications/1", headers=headers)
    assert asked.status_code == 200
    assert method in asked.headers["Access-Control-Allow-Methods"].split(", ")


async def test_a_page_may_read_when_to_come_back_and_why_it_was_refused(build: "Build") -> None:
    answer = await (await (await build(http=HTTP)).of("ann", Origin=SHOP)).get("/api/notifications")
    assert set(answer.headers["Access-Control-Expose-Headers"].split(", ")) == {"Retry-After", "WWW-Authenticate"}


async def test_a_page_may_read_that_a_fault_is_ours(
    build: "Build", monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise ValueError("a secret detail")

    api = await build(http=HTTP)
    monkeypatch.setattr(api.app.state.parts.listing, "count", fail)
    with caplog.at_level(logging.ERROR):
        answer = await (await api.of("ann", Origin=SHOP)).get("/api/notifications/count")
    assert answer.status_code == 500
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert answer.headers["Cache-Control"] == "no-store"
    assert [record.exc_info is not None for record in caplog.records if record.message == "api.failed"] == [True]


async def test_a_load_balancer_may_ask_for_the_head_only(api: "Api") -> None:
    client = await api.of(None)
    for path in ("/healthz", "/readyz"):
        answer = await client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
    api.checks["database"] = "cannot connect"
    assert (await client.head("/readyz")).status_code == 503
