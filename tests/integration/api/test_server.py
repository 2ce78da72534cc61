"""What the HTTP side does around its routes."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from config.settings import Http, Metrics
from daemon.api import HttpServer, ListenError, MetricsServer

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, Build


async def test_alive_is_the_process_and_ready_is_every_part(api: "Api") -> None:
    client = await api.of(None)
    api.checks.update({"capture": None, "database": None})
    assert (await client.get("/healthz")).json() == {"status": "alive"}
    assert (await client.get("/readyz")).json() == {"status": "ready", "checks": api.checks}
    api.checks["database"] = "cannot connect"
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "title": "Service Unavailable",
        "status": 503,
        "detail": "Not ready: database.",
        "checks": api.checks,
    }
    for path in ("/healthz", "/livez"):
        assert (await client.get(path)).status_code == 200
    assert (await client.get("/readyz", params={"exclude": "database"})).status_code == 200


async def test_a_provider_that_is_out_is_named_and_another_keeps_it_ready(api: "Api") -> None:
    client = await api.of(None)
    api.checks.update({"database": None, "provider:email/smtp": "is left alone", "provider:sms/twilio": None})
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]) == (200, api.checks)
    api.checks["provider:sms/twilio"] = "is left alone"
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "Not ready: provider:email/smtp, provider:sms/twilio.",
    )
    assert (await client.get("/readyz?exclude=provider")).status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/api/notifications", 405)])
async def test_what_is_not_there_is_a_problem(api: "Api", method: str, path: str, status: int) -> None:
    answer = await (await api.of(None)).request(method, path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status


async def test_a_body_that_is_too_large_is_not_read(api: "Api") -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    for content in (b"x" * 100_000, endless()):
        answer = await (await api.of("ann")).post(
            "/api/push-subscriptions", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_fault_of_ours_is_a_problem_that_says_nothing_of_it(
    api: "Api", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ValueError("a secret detail")

    monkeypatch.setattr(api.app.state.parts.listing, "count", fail)
    answer = await (await api.of("ann")).get("/api/notifications/count")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in answer.text


async def test_pages_of_allowed_origins_may_call_and_others_may_not(build: "Build") -> None:
    api = await build(http={"port": 0, "allowed_origins": ["https://shop.example"]})
    for origin, allowed in (("https://shop.example", "https://shop.example"), ("https://evil.example", None)):
        client = await api.of(None, Origin=origin)
        asked = await client.options(
            "/api/push-subscriptions",
            headers={
                "Access-Control-Request-Method": "DELETE",
                "Access-Control-Request-Headers": "authorization",
            },
        )
        assert asked.headers.get("Access-Control-Allow-Origin") == allowed
        # Also on an error, else the page could not read what went wrong.
        refused = await client.get("/api/notifications")
        assert refused.status_code == 401
        assert refused.headers.get("Access-Control-Allow-Origin") == allowed


async def test_the_browsers_files_are_served_with_strict_headers(api: "Api") -> None:
    client = await api.of(None)
    module = await client.get("/web/orderbell.js")
    assert module.headers["Content-Type"].startswith("text/javascript")
    assert "default-src 'none'" in module.headers["Content-Security-Policy"]
    assert module.headers["X-Content-Type-Options"] == "nosniff"
    assert module.headers["Cache-Control"] == "public, max-age=300"
    again = await client.get("/web/orderbell.js", headers={"If-None-Match": module.headers["ETag"]})
    assert again.status_code == 304
    worker = await client.get("/web/orderbell-sw.js")
    assert worker.headers["Service-Worker-Allowed"] == "/"
    assert worker.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/web/", "/web/nothing.js", "/web/..%2fpyproject.toml", "/web/../pyproject.toml"])
async def test_nothing_else_is_served(api: "Api", path: str) -> None:
    assert (await (await api.of(None)).get(path)).status_code == 404


async def test_the_openapi_document_knows_every_route_and_its_problems(api: "Api") -> None:
    client = await api.of(None)
    document = (await client.get("/openapi.json")).json()
    assert set(document["paths"]) >= {
        "/api/notifications",
        "/api/notifications/{notification_id}/read",
        "/api/push-subscriptions",
        "/api/settings/quiet-hours",
        "/healthz",
        "/readyz",
    }
    refused = document["paths"]["/api/notifications"]["get"]["responses"]["401"]
    assert list(refused["content"]) == ["application/problem+json"]


async def test_the_page_to_try_the_api_on_is_there(api: "Api") -> None:
    page = await (await api.of(None)).get("/docs")
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_the_page_to_try_the_api_on_loads_nothing_from_elsewhere(api: "Api") -> None:
    client = await api.of(None)
    page = await client.get("/docs")
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in page.headers["Content-Security-Policy"]
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(sources) == 4
    for source in sources:
        if source != "data:,":
            assert source.startswith("/docs/files/")
            assert (await client.get(source)).status_code == 200


async def test_a_taken_port_is_said_at_start(api: "Api") -> None:
    port = int(api.url.rpartition(":")[2])
    second = HttpServer(api.app, Http(port=port), websocket=asyncio.Protocol)
    with pytest.raises(ListenError, match=r"http\.port"):
        await second.start()
    await second.stop()


async def test_a_server_that_was_started_and_never_run_stops_as_well(api: "Api") -> None:
    server = HttpServer(api.app, Http(port=0), websocket=asyncio.Protocol)
    await server.start()
    await server.stop()


async def test_a_server_whose_task_is_cancelled_lets_its_port_go(api: "Api") -> None:
    server = HttpServer(api.app, Http(port=0), websocket=asyncio.Protocol)
    await server.start()
    port = server.port
    serving = asyncio.create_task(server.run())
    async with httpx.AsyncClient(timeout=30) as client:
        assert (await client.get(f"{server.url}/healthz")).status_code == 200
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    again = HttpServer(api.app, Http(port=port), websocket=asyncio.Protocol)
    await again.start()
    await again.stop()


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("things", "Things.", registry=registry).inc(3)
    return registry


async def test_metrics_have_a_listener_of_their_own_and_two_formats(registry: CollectorRegistry) -> None:
    server = MetricsServer(Metrics(port=0), registry)
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client:
            plain = await client.get("/metrics")
            assert plain.headers["Content-Type"].startswith("text/plain")
            assert "things_total 3.0" in plain.text
            openmetrics = await client.get(
                "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
            )
            assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
            assert openmetrics.text.endswith("# EOF\n")
            assert (await client.get("/")).status_code == 404
    finally:
        await server.stop()
