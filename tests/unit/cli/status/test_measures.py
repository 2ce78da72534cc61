"""Rates and latencies out of two scrapes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from config.settings import Metrics
from daemon.cli.status.measures import Memory, latency, quantile
from daemon.cli.status.scrape import Scrape, Series, merge, parsed, url_of
from daemon.cli.status.values import Flow


def scraped(at: float, **values: float) -> Scrape:
    """``name__label_value=number``."""
    read: dict[Series, float] = {}
    for name, value in values.items():
        base, _, labels = name.partition("__")
        pairs = [pair.split("_", 1) for pair in labels.split("__") if pair]
        read[f"orderbell_{base}", tuple(sorted((label, own) for label, own in pairs))] = value
    return Scrape(at, read)


def seen(*scrapes: Scrape) -> Flow:
    memory = Memory()
    for each in scrapes:
        memory.add(each)
    flow = memory.flow(1_000.0)
    assert flow is not None
    return flow


def test_before_the_first_look_nothing_is_known() -> None:
    assert Memory().flow(0) is None


def test_one_look_makes_no_rate() -> None:
    assert seen(scraped(0, events_total=100)).events == 0


def test_a_rate_is_the_difference_by_the_second() -> None:
    flow = seen(scraped(0, events_total=100, hub_frames_total=0), scraped(2, events_total=150, hub_frames_total=8))
    assert (flow.events, flow.frames) == (25, 4)


def test_a_rate_is_of_the_last_seconds_only() -> None:
    quiet = [scraped(second, events_total=0) for second in range(30)]
    busy = [scraped(second, events_total=(second - 29) * 10) for second in range(30, 40)]
    assert seen(*quiet, *busy).events == 10


def test_channels_have_rates_of_their_own() -> None:
    flow = seen(
        scraped(0, deliveries_total__channel_email__state_sent=0, deliveries_total__channel_sms__state_failed=0),
        scraped(1, deliveries_total__channel_email__state_sent=5, deliveries_total__channel_sms__state_failed=2),
    )
    assert (flow.channels["email"].sent, flow.channels["email"].failed) == (5, 0)
    assert (flow.channels["sms"].sent, flow.channels["sms"].failed) == (0, 2)


def test_a_daemon_that_was_started_anew_makes_no_negative_rate() -> None:
    flow = seen(scraped(0, events_total=1_000), scraped(1, events_total=3), scraped(2, events_total=5))
    assert flow.events == 2


@pytest.mark.parametrize(("state", "word"), [(0, "well"), (1, "trying"), (2, "down"), (7, "down")])
def test_a_breaker_has_a_word(state: int, word: str) -> None:
    flow = seen(scraped(0, provider_breaker_state__channel_sms__provider_twilio=state))
    (provider,) = flow.providers
    assert (provider.channel, provider.name, provider.state) == ("sms", "twilio", word)


def test_a_pause_is_said_while_it_lasts() -> None:
    def paused(until: float) -> float | None:
        labels = "__channel_sms__provider_x"
        read = {f"provider_breaker_state{labels}": 0.0, f"provider_paused_until_timestamp_seconds{labels}": until}
        return seen(scraped(0, **read)).providers[0].paused_seconds

    assert paused(1_030) == 30
    assert paused(999) is None
    assert paused(0) is None


def test_a_quantile_is_linear_within_its_bucket() -> None:
    counted = [(1.0, 50.0), (2.0, 100.0), (math.inf, 100.0)]
    assert quantile(0.5, counted) == 1.0
    assert quantile(0.75, counted) == 1.5


def test_beyond_the_last_bound_the_bound_is_all_that_is_known() -> None:
    assert quantile(0.99, [(1.0, 0.0), (math.inf, 10.0)]) == 1.0


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile(0.5, []) is None
    assert quantile(0.5, [(1.0, 0.0), (math.inf, 0.0)]) is None


@given(st.lists(st.floats(0, 40), min_size=1, max_size=60))
def test_quantiles_are_ordered_and_within_the_bounds(observed: list[float]) -> None:
    registry = CollectorRegistry()
    histogram = Histogram("orderbell_x_seconds", "x", buckets=(0.1, 1, 10, 30), registry=registry)
    for value in observed:
        histogram.observe(value)
    found = latency(Scrape(0, parsed(generate_latest(registry).decode())), None, "orderbell_x_seconds")
    assert found.p50 is not None
    assert found.p99 is not None
    assert 0 <= found.p50 <= found.p99 <= 30


def test_latencies_of_a_window_are_those_between() -> None:
    before = scraped(0, x_seconds_bucket__le_1=100, **{"x_seconds_bucket__le_+Inf": 100})
    after = scraped(10, x_seconds_bucket__le_1=100, **{"x_seconds_bucket__le_+Inf": 110})
    assert latency(after, before, "orderbell_x_seconds").p50 == 1.0
    assert latency(before, before, "orderbell_x_seconds").p50 is None


def test_only_ours_are_read() -> None:
    registry = CollectorRegistry()
    Counter("orderbell_events", "x", ["event"], registry=registry).labels("order.ready").inc(3)
    Counter("other", "x", registry=registry).inc()
    assert parsed(generate_latest(registry).decode()) == {
        ("orderbell_events_total", (("event", "order.ready"),)): 3.0,
    }


def test_several_daemons_are_added_up_and_states_are_not() -> None:
    here = dict(scraped(0, events_total=3, provider_breaker_state__channel_sms=0).values)
    merge(here, scraped(0, events_total=4, provider_breaker_state__channel_sms=2, hub_connections=1).values)
    assert here == scraped(0, events_total=7, provider_breaker_state__channel_sms=2, hub_connections=1).values


def test_what_is_no_metrics_page_is_an_error() -> None:
    with pytest.raises(ValueError):
        parsed("<html>not here</html>\n")


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (Metrics(), "http://127.0.0.1:9480/metrics"),
        (Metrics(host="0.0.0.0"), "http://127.0.0.1:9480/metrics"),
        (Metrics(host="::"), "http://[::1]:9480/metrics"),
        (Metrics(host="10.0.0.7", port=1), "http://10.0.0.7:1/metrics"),
        (Metrics(certificate_file="c.pem", key_file="k.pem"), "https://127.0.0.1:9480/metrics"),
        (Metrics(port=0), None),
    ],
)
def test_where_the_metrics_are(settings: Metrics, url: str | None) -> None:
    assert url_of(settings) == url
