"""Traces in OpenTelemetry's form, sent by OTLP over HTTP. Needs the extra ``orderbell[otel]``.

Spans are made when they are over, with ids of our own, so the SDK's tracer is not used: only its form of a span, its
bounded queue with a thread of its own, and its exporter. Where the queue is full, the oldest spans are dropped.
"""

import socket
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from config.tracing import Tracing
from daemon.logs.redaction import redacted
from daemon.planning.values import Event
from daemon.tracing import Ids, sampled
from dispatchers.base import Delivery, Try

log = structlog.get_logger(__name__)

QUEUE_SPANS = 8_192
"""Kept at most until they are sent."""
EXPORT_SECONDS = 10
"""One request to the collector."""
GATHER_SECONDS = 2.0
"""How long spans gather."""

OK, FAILED = Status(StatusCode.UNSET), StatusCode.ERROR


class OpenTelemetry:
    """Is a :class:`daemon.tracing.Tracer`."""

    on = True

    def __init__(self, settings: Tracing, ids: Ids, exporter: SpanExporter | None = None) -> None:
        self._ids = ids
        self._ratio = settings.sample_ratio
        self._scope = InstrumentationScope("orderbell", version("orderbell"))
        self._resource = Resource.create(
            {
                "service.name": settings.service_name,
                "service.version": version("orderbell"),
                "service.instance.id": socket.gethostname(),
            }
        )
        self._processor = BatchSpanProcessor(
            exporter or OTLPSpanExporter(endpoint=settings.endpoint, timeout=EXPORT_SECONDS),
            max_queue_size=QUEUE_SPANS,
            schedule_delay_millis=GATHER_SECONDS * 1000,
        )

    def planned(self, events: Sequence[tuple[int, Event]], began_at: datetime, seconds: float) -> None:
        ended = began_at + timedelta(seconds=seconds)
        for event_id, event in events:
            trace = self._ids.trace(event_id)
            if not sampled(trace, self._ratio):
                continue
            about = {"orderbell.event": event.name, "orderbell.event_id": event_id, "orderbell.subject": event.subject}
            root = self._ids.span("event", event_id)
            committed = min(event.captured_at, began_at)
            self._span(event.name, trace, root, None, committed, ended, about, kind=SpanKind.CONSUMER)
            self._span("plan", trace, self._ids.span("plan", event_id), root, began_at, ended, {})

    def attempted(self, delivery: Delivery, tries: Sequence[Try], began_at: datetime) -> None:
        trace = self._trace(delivery)
        if trace is None:
            return
        parent = self._ids.span("delivery", delivery.id)
        if delivery.attempt == 1:
            wanted = min(delivery.created_at, began_at)
            self._span("wait", trace, self._ids.span("wait", delivery.id), parent, wanted, began_at, {})
        for number, each in enumerate(tries):
            attributes: dict[str, Any] = {
                "orderbell.channel": delivery.channel,
                "orderbell.provider": each.provider,
                "orderbell.attempt": delivery.attempt,
                "orderbell.outcome": each.outcome,
            }
            if each.code:
                attributes["orderbell.code"] = each.code
            sent = each.outcome == "sent"
            status = OK if sent else Status(FAILED, redacted(each.detail or each.outcome))
            span = self._ids.span("send", delivery.id, delivery.attempt, number)
            name = f"send {delivery.channel}"
            start, end = each.started_at, max(each.started_at, each.ended_at)
            self._span(name, trace, span, parent, start, end, attributes, kind=SpanKind.CLIENT, status=status)

    def finished(self, delivery: Delivery, state: str, reason: str, at: datetime) -> None:
        trace = self._trace(delivery)
        if trace is None:
            return
        attributes = {
            "orderbell.delivery_id": delivery.id,
            "orderbell.notification_id": delivery.notification_id,
            "orderbell.channel": delivery.channel,
            "orderbell.audience": delivery.audience,
            "orderbell.state": state,
            "orderbell.attempts": delivery.attempt,
        }
        if reason:
            attributes["orderbell.reason"] = reason
        span, parent = self._ids.span("delivery", delivery.id), self._ids.span("event", delivery.event_id)
        status = Status(FAILED, "failed") if state == "failed" else OK
        start = min(delivery.created_at, at)
        self._span(f"deliver {delivery.channel}", trace, span, parent, start, at, attributes, status=status)

    def stop(self, seconds: float) -> None:
        # A collector that does not answer holds the exporter; nobody waits longer for it than that.
        ending = threading.Thread(target=self._processor.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(seconds)
        if ending.is_alive():
            log.warning("traces.not_all_sent", hint="the collector does not answer")

    def _trace(self, delivery: Delivery) -> int | None:
        """None where its event is not known, or not one of those that are traced."""
        if not delivery.event_id:
            return None
        trace = self._ids.trace(delivery.event_id)
        return trace if sampled(trace, self._ratio) else None

    def _span(
        self,
        name: str,
        trace: int,
        span: int,
        parent: int | None,
        start: datetime,
        end: datetime,
        attributes: Mapping[str, Any],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        status: Status = OK,
    ) -> None:
        self._processor.on_end(
            ReadableSpan(
                name=name,
                context=_context(trace, span),
                parent=None if parent is None else _context(trace, parent),
                resource=self._resource,
                attributes=attributes,
                kind=kind,
                status=status,
                start_time=_nanoseconds(start),
                end_time=_nanoseconds(end),
                instrumentation_scope=self._scope,
            )
        )


def _context(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1e6) * 1000
