"""What Prometheus is told of the providers. No address and no host of a push service is ever a label."""

import re
from functools import lru_cache

from prometheus_client import Counter, Gauge

REQUESTS = Counter(
    "orderbell_provider_requests",
    "Requests to providers, by the class of what they answered: 2xx, 21xxx; none: no answer.",
    ["channel", "provider", "code_class"],
)
BREAKER_STATE = Gauge(
    "orderbell_provider_breaker_state",
    "The provider's circuit breaker: 0 closed, 1 half-open, 2 open.",
    ["channel", "provider"],
)
PAUSED_UNTIL = Gauge(
    "orderbell_provider_paused_until_timestamp_seconds",
    "Until when the provider has asked to be left alone; 0: it has not.",
    ["channel", "provider"],
)

_HTTP_OR_SMTP = re.compile(r"([1-9])\d\d\b")
_TWILIO = re.compile(r"([1-9]\d)\d{3}\b")


@lru_cache(maxsize=1024)
def requests(channel: str, provider: str, code: str) -> Counter:
    """The child of :data:`REQUESTS` that counts this answer."""
    return REQUESTS.labels(channel, provider, code_class(code))


def code_class(code: str) -> str:
    """``550 5.1.1`` -> ``5xx``, ``21610`` -> ``21xxx``: few, whatever a provider makes up."""
    if not code:
        return "none"
    if found := _HTTP_OR_SMTP.match(code):
        return f"{found[1]}xx"
    if found := _TWILIO.match(code):
        return f"{found[1]}xxx"
    return "other"


def begin_series(channel: str, provider: str) -> None:
    """Have what every provider may answer in the metrics from the start, so that a first failure is seen as a rise."""
    for code in ("2xx", "4xx", "5xx", "none"):
        REQUESTS.labels(channel, provider, code)
