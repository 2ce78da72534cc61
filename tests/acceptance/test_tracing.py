"""One trace of an order's event, as a collector sees it: from the commit over plan and queue to the provider."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from demo.sinks.smtp import SmtpSink
from tests.acceptance.conftest import App, configured, running, until

SHOP = """
CREATE TABLE people (id int PRIMARY KEY, name text, email text);
INSERT INTO people VALUES (1, 'Cora', 'cora@example.com'), (2, 'Vic', 'vic@example.com');
CREATE TABLE orders (id int PRIMARY KEY, status text, customer_id int, vendor_id int);
"""


class Collector:
    """Takes OTLP over HTTP on loopback."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self._runner: web.AppRunner | None = None
        self.endpoint = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.endpoint = f"http://{host}:{port}/v1/traces"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        taken = ExportTraceServiceRequest.FromString(await request.read())
        for resource in taken.resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.services.add(about["service.name"])
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return web.Response(body=b"", content_type="application/x-protobuf")

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    made = Collector()
    await made.start()
    yield made
    await made.stop()


def sections(smtp: SmtpSink, **tracing: Any) -> dict[str, Any]:
    return {
        "watch": [{"table": "orders", "columns": ["customer_id", "vendor_id"]}],
        "people": {"query": "SELECT id AS user_id, name, email FROM people WHERE id = ANY(:ids)"},
        "audience": {"customer": {"column": "customer_id"}, "vendor": {"column": "vendor_id"}},
        "preset": None,
        "rule": [
            {"event": "order.ready", "audience": "customer", "channels": ["inbox", "email"]},
            {"event": "order.ready", "audience": "vendor", "channels": ["inbox", "email"]},
        ],
        "email": {
            "sender": "Shop <shop@example.com>",
            "provider": [{"host": "127.0.0.1", "port": smtp.port, "security": "none"}],
        },
        "tracing": tracing,
    }


def values(span: Span) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in span.attributes}


async def test_an_order_is_one_trace_from_its_commit_to_the_provider(
    app: App, smtp: SmtpSink, collector: Collector, tmp_path: Path
) -> None:
    file, _ = configured(tmp_path, app.url, **sections(smtp, endpoint=collector.endpoint, service_name="shop-bell"))
    before = time.time_ns()
    async with running(file) as daemon:
        app.sql("INSERT INTO orders VALUES (7, 'ready', 1, 2)")
        await until(lambda: len(smtp.mails) == 2)
        # Each is told in two spans and more, by the planner and by the workers: the last of them ends its delivery.
        await until(lambda: len(collector.named("deliver email")) == 2)
        assert await daemon.stop() == 0
    spans = collector.spans
    assert len({span.trace_id for span in spans}) == 1
    assert len(spans[0].trace_id) == 16
    assert len({span.span_id for span in spans}) == len(spans)
    assert collector.services == {"shop-bell"}

    (root,), (plan,) = collector.named("order.ready"), collector.named("plan")
    assert root.parent_span_id == b""
    assert values(root)["orderbell.subject"] == "order:7"
    assert plan.parent_span_id == root.span_id
    assert before <= root.start_time_unix_nano <= plan.start_time_unix_nano <= plan.end_time_unix_nano
    assert root.end_time_unix_nano == plan.end_time_unix_nano

    deliveries = {span.span_id: span for span in collector.named("deliver email")}
    assert {span.parent_span_id for span in deliveries.values()} == {root.span_id}
    assert {values(span)["orderbell.state"] for span in deliveries.values()} == {"sent"}
    waits, sends = collector.named("wait"), collector.named("send email")
    assert {span.parent_span_id for span in waits} == {span.parent_span_id for span in sends} == set(deliveries)
    for send in sends:
        assert values(send)["orderbell.provider"] == "smtp"
        assert values(send)["orderbell.outcome"] == "sent"
        assert send.kind == Span.SPAN_KIND_CLIENT
        assert send.status.code != Status.STATUS_CODE_ERROR
        assert root.start_time_unix_nano <= send.start_time_unix_nano <= send.end_time_unix_nano


async def test_no_address_is_in_a_trace(app: App, smtp: SmtpSink, collector: Collector, tmp_path: Path) -> None:
    file, _ = configured(tmp_path, app.url, **sections(smtp, endpoint=collector.endpoint))
    async with running(file) as daemon:
        app.sql("INSERT INTO orders VALUES (7, 'ready', 1, 2)")
        await until(lambda: len(smtp.mails) == 2)
        assert await daemon.stop() == 0  # at its end, the daemon hands over what there is
    assert len(collector.named("deliver email")) == 2
    assert "@example" not in str(collector.spans)


async def test_a_collector_that_is_not_there_holds_nobody_up(app: App, smtp: SmtpSink, tmp_path: Path) -> None:
    file, _ = configured(tmp_path, app.url, **sections(smtp, endpoint="http://127.0.0.1:9/v1/traces"))
    async with running(file) as daemon:
        app.sql("INSERT INTO orders VALUES (7, 'ready', 1, 2)")
        await until(lambda: len(smtp.mails) == 2)
        assert await daemon.stop() == 0


async def test_without_an_endpoint_nothing_is_traced(
    app: App, smtp: SmtpSink, collector: Collector, tmp_path: Path
) -> None:
    file, _ = configured(tmp_path, app.url, **sections(smtp))
    async with running(file) as daemon:
        app.sql("INSERT INTO orders VALUES (7, 'ready', 1, 2)")
        await until(lambda: len(smtp.mails) == 2)
        assert await daemon.stop() == 0
    assert collector.spans == []
