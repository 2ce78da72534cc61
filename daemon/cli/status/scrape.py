"""The daemons' metrics, as numbers: asked for over HTTP, and put together where there are several daemons."""

import base64
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from config.settings import Metrics

TIMEOUT_SECONDS = 2.0
MOST_BYTES = 8_000_000

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - what is listened on, not by us
"""Whoever listens on all addresses listens on this machine's own."""

LARGEST = ("_state", "_timestamp_seconds", "_active")
"""Endings of what is not to be added up where several daemons say it: the largest counts."""

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A sample's name and its labels, in order."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """What was counted up to a moment."""

    at: float
    """Of the monotonic clock, in seconds."""
    values: Mapping[Series, float]

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of ``name`` that have these labels."""
        wanted = set(labels.items())
        return sum(value for (sample, own), value in self.values.items() if sample == name and wanted <= set(own))

    def each(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Labels -> value, of all samples of ``name``."""
        return {own: value for (sample, own), value in self.values.items() if sample == name}


def url_of(settings: Metrics) -> str | None:
    """Where this machine's daemon has its metrics; None where any port may be it."""
    if settings.port == 0:
        return None
    host = EVERYWHERE.get(settings.host, settings.host)
    scheme = "http" if settings.certificate_file is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}/metrics"


def scrape(urls: Iterable[str], settings: Metrics) -> Scrape:
    """Ask all of them, with the user name and the certificate of ``settings``. Raises OSError, ValueError where one
    does not answer as it should.
    """
    values: dict[Series, float] = {}
    for url in urls:
        merge(values, parsed(_fetched(url, settings)))
    return Scrape(time.monotonic(), values)


def parsed(text: str) -> dict[Series, float]:
    """Prometheus' text format, of ours only. Raises ValueError."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("orderbell_") and not sample.name.endswith("_created")
    }


def merge(into: dict[Series, float], more: Mapping[Series, float]) -> None:
    """Add another daemon's."""
    for series, value in more.items():
        if series not in into:
            into[series] = value
        elif series[0].endswith(LARGEST):
            into[series] = max(into[series], value)
        else:
            into[series] += value


def _fetched(url: str, settings: Metrics) -> str:
    request = urllib.request.Request(url)  # noqa: S310 - checked by the command
    if settings.username is not None and settings.password is not None:
        login = f"{settings.username}:{settings.password.get_secret_value()}"
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    trusted = _trusted(settings.certificate_file) if url.startswith("https:") else None
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=trusted) as answer:  # noqa: S310 - as above
            return str(answer.read(MOST_BYTES).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        error.close()
        raise


def _trusted(certificate_file: str | None) -> ssl.SSLContext:
    """Our own certificate is trusted whatever name it is for: it is asked for by the address of its listener."""
    context = ssl.create_default_context()
    if certificate_file is not None:
        context.load_verify_locations(certificate_file)
        context.check_hostname = False
    return context
