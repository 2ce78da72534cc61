"""Ids of traces, who is traced, and spans as they are handed over."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from pydantic import ValidationError

from config.tracing import Tracing
from daemon.planning.values import Event
from daemon.tracing import NOBODY, ids_of, sampled, tracer_of
from daemon.tracing_otel import OpenTelemetry
from dispatchers.base import Try
from tests.deliveries import delivery

HERE, ELSEWHERE = "6f2c1a52-0000-4000-8000-000000000001", "6f2c1a52-0000-4000-8000-000000000002"
NOW = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
EVENT = Event("order.ready", "order:7", "orders", "7", "#7", {}, NOW)


class Kept(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


def traced(ratio: float = 1.0) -> tuple[OpenTelemetry, Kept]:
    kept = Kept()
    return OpenTelemetry(Tracing(endpoint="http://x/", sample_ratio=ratio), ids_of(HERE), kept), kept


@given(st.integers(1, 2**62))
def test_every_daemon_finds_the_same_ids(event_id: int) -> None:
    assert ids_of(HERE).trace(event_id) == ids_of(HERE.upper()).trace(event_id)
    assert 0 < ids_of(HERE).trace(event_id) < 2**128
    assert 0 < ids_of(HERE).span("event", event_id) < 2**64


def test_two_installations_do_not_share_a_trace() -> None:
    assert ids_of(HERE).trace(1) != ids_of(ELSEWHERE).trace(1)


def test_no_two_spans_have_one_id() -> None:
    ids = ids_of(HERE)
    spans = [ids.span(what, number) for what in ("event", "plan", "delivery", "wait") for number in range(1000)]
    spans += [ids.span("send", number, attempt, 0) for number in range(30) for attempt in range(30)]
    assert len(set(spans)) == len(spans)


@given(st.integers(1, 2**128 - 1), st.floats(0, 1))
def test_the_same_are_sampled_as_by_the_sdk(trace_id: int, ratio: float) -> None:
    decided = TraceIdRatioBased(ratio).should_sample(None, trace_id, "x").decision
    assert sampled(trace_id, ratio) == (decided is Decision.RECORD_AND_SAMPLE)


def test_a_share_is_a_share() -> None:
    ids = ids_of(HERE)
    assert 800 < sum(sampled(ids.trace(number), 0.1) for number in range(10_000)) < 1_200


def test_where_there_is_no_endpoint_nobody_is_told() -> None:
    assert tracer_of(Tracing(), HERE) is NOBODY


@pytest.mark.parametrize("endpoint", ["localhost:4318", "ftp://x/", "http://user:secret@collector/v1/traces"])
def test_what_is_no_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(ValidationError):
        Tracing(endpoint=endpoint)


def test_each_request_to_a_provider_is_a_span_and_its_error_has_no_address() -> None:
    tracer, kept = traced()
    end = NOW + timedelta(seconds=1)
    tries = (
        Try("postmark", NOW, end, "retry", "450", "450 <ada@example.com> busy"),
        Try("ses", end, end, "sent", "250"),
    )
    tracer.attempted(delivery(id=3, event_id=9, channel="email"), tries, NOW)
    tracer.stop(5)
    wait, first, second = kept.spans
    assert [span.name for span in kept.spans] == ["wait", "send email", "send email"]
    assert [(span.attributes or {})["orderbell.provider"] for span in (first, second)] == ["postmark", "ses"]
    assert first.status.description == "450 <[e-mail]> busy"
    assert second.status.is_unset
    assert {span.parent.span_id for span in (wait, first, second) if span.parent} == {ids_of(HERE).span("delivery", 3)}


def test_a_second_attempt_is_in_the_same_trace_and_does_not_wait_again() -> None:
    tracer, kept = traced()
    for attempt in (1, 2):
        tracer.attempted(delivery(attempt=attempt, event_id=9), (Try("smtp", NOW, NOW, "sent"),), NOW)
    tracer.stop(5)
    assert [span.name for span in kept.spans] == ["wait", "send test", "send test"]
    contexts = [span.context for span in kept.spans if span.context]
    assert all(a.trace_id == b.trace_id and a.span_id != b.span_id for a, b in pairwise(contexts))


def test_the_commit_is_the_beginning_though_the_clocks_differ() -> None:
    tracer, kept = traced()
    tracer.planned([(9, EVENT)], NOW - timedelta(seconds=1), 0.5)
    tracer.stop(5)
    for span in kept.spans:
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.start_time <= span.end_time


def test_what_is_not_sampled_is_not_handed_over() -> None:
    tracer, kept = traced(0.0)
    tracer.planned([(9, EVENT)], NOW, 0.5)
    tracer.finished(delivery(event_id=9), "sent", "", NOW)
    tracer.stop(5)
    assert kept.spans == []


def test_a_delivery_whose_event_is_not_known_is_in_no_trace() -> None:
    tracer, kept = traced()
    tracer.attempted(delivery(), (Try("smtp", NOW, NOW, "sent"),), NOW)
    tracer.finished(delivery(), "sent", "", NOW)
    tracer.stop(5)
    assert kept.spans == []


def test_nobody_costs_nothing_and_does_nothing() -> None:
    assert not NOBODY.on
    NOBODY.planned([(9, EVENT)], NOW, 0.5)
    NOBODY.attempted(delivery(), (), NOW)
    NOBODY.finished(delivery(), "sent", "", NOW)
    NOBODY.stop(0)
