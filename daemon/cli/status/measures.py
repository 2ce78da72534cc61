"""Rates and latencies out of what was counted: two scrapes, and the difference. Pure."""

import math
from collections import deque
from collections.abc import Sequence

from daemon.cli.status.scrape import Scrape
from daemon.cli.status.values import ChannelFlow, Flow, Latency, Provider

RATE_SECONDS = 5.0
"""Rates are of so long: one second alone would flutter."""
WINDOW_SECONDS = 60.0
"""Latencies are of so long."""

BREAKER = {0: "well", 1: "trying", 2: "down"}

Buckets = list[tuple[float, float]]
"""(upper bound, how many were not above it), in order."""


class Memory:
    """The scrapes of the last minute."""

    def __init__(self) -> None:
        self._kept: deque[Scrape] = deque()

    def add(self, newest: Scrape) -> None:
        if self._kept and _began_anew(self._kept[-1], newest):
            self._kept.clear()
        self._kept.append(newest)
        while newest.at - self._kept[0].at > WINDOW_SECONDS:
            self._kept.popleft()

    def flow(self, now: float) -> Flow | None:
        """As of the newest scrape; None before the first. ``now``: Unix time, for what providers asked for.

        With one scrape, rates are 0 and latencies those since the daemon began.
        """
        if not self._kept:
            return None
        newest, oldest = self._kept[-1], self._kept[0]
        recent = next(kept for kept in self._kept if newest.at - kept.at <= RATE_SECONDS)
        if recent is newest and len(self._kept) > 1:
            recent = self._kept[-2]
        long_enough = newest.at - oldest.at >= RATE_SECONDS
        return flow_of(newest, recent, oldest if long_enough else None, now)

    def events(self) -> tuple[float, ...]:
        """Events in a second, between each two scrapes, the newest last."""
        pairs = zip(self._kept, list(self._kept)[1:], strict=False)
        return tuple(_rate(after, before, "orderbell_events_total") for before, after in pairs)


def flow_of(newest: Scrape, recent: Scrape, oldest: Scrape | None, now: float) -> Flow:
    """Rates between ``recent`` and ``newest``; latencies since ``oldest``, or since the daemon began."""
    channels = sorted(
        {
            value
            for name in ("orderbell_deliveries_total", "orderbell_deliveries_in_flight", "orderbell_queue_deliveries")
            for labels in newest.each(name)
            for label, value in labels
            if label == "channel"
        }
    )
    return Flow(
        window_seconds=None if oldest is None else newest.at - oldest.at,
        events=_rate(newest, recent, "orderbell_events_total"),
        commit_to_planned=latency(newest, oldest, "orderbell_commit_to_planned_seconds"),
        channels={
            channel: ChannelFlow(
                sent=_rate(newest, recent, "orderbell_deliveries_total", channel=channel, state="sent"),
                failed=_rate(newest, recent, "orderbell_deliveries_total", channel=channel, state="failed"),
                commit_to_sent=latency(newest, oldest, "orderbell_commit_to_sent_seconds", channel=channel),
            )
            for channel in channels
        },
        providers=tuple(_providers(newest, recent, now)),
        connections=int(newest.total("orderbell_hub_connections")),
        frames=_rate(newest, recent, "orderbell_hub_frames_total"),
        plans=newest.total("orderbell_planner_active") > 0,
    )


def latency(newest: Scrape, oldest: Scrape | None, name: str, **labels: str) -> Latency:
    """Of what a histogram has counted between the two."""
    counted = buckets(newest, name, **labels)
    if oldest is not None:
        before = dict(buckets(oldest, name, **labels))
        counted = [(bound, count - before.get(bound, 0.0)) for bound, count in counted]
    return Latency(quantile(0.5, counted), quantile(0.99, counted))


def buckets(of: Scrape, name: str, **labels: str) -> Buckets:
    """A histogram's, those of all its label values added up."""
    found: dict[float, float] = {}
    for own, value in of.each(f"{name}_bucket").items():
        named = dict(own)
        if labels.items() <= named.items():
            bound = float(named["le"])
            found[bound] = found.get(bound, 0.0) + value
    return sorted(found.items())


def quantile(q: float, counted: Buckets) -> float | None:
    """As Prometheus' ``histogram_quantile``: linear within a bucket, and never more than the last finite bound."""
    if not counted or counted[-1][1] <= 0:
        return None
    rank = q * counted[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in counted:
        if count >= rank:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below) if count > below else bound
        lower, below = bound, count
    return lower


def _providers(newest: Scrape, recent: Scrape, now: float) -> Sequence[Provider]:
    found = []
    for own, state in sorted(newest.each("orderbell_provider_breaker_state").items()):
        labels = dict(own)
        until = newest.total("orderbell_provider_paused_until_timestamp_seconds", **labels)
        found.append(
            Provider(
                labels.get("channel", ""),
                labels.get("provider", ""),
                BREAKER.get(int(state), "down"),
                _rate(newest, recent, "orderbell_provider_requests_total", **labels),
                until - now if until > now else None,
            )
        )
    return found


def _rate(newest: Scrape, recent: Scrape, name: str, **labels: str) -> float:
    seconds = newest.at - recent.at
    return max(0.0, newest.total(name, **labels) - recent.total(name, **labels)) / seconds if seconds > 0 else 0.0


def _began_anew(before: Scrape, after: Scrape) -> bool:
    """Whether a daemon was started anew in between: what only grows has become less."""
    return any(
        after.values.get(series, 0.0) < value for series, value in before.values.items() if series[0].endswith("_total")
    )
