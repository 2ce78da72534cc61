"""One trace of each event: from the application's commit over the plan and the queue to the provider's answer.

The ids of a trace come out of the event's own id, so no column holds them, and every daemon that does something for an
event finds the same ones (:func:`ids_of`). A :class:`Tracer` is told of what has been done; :data:`NOBODY` of nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Protocol
from uuid import UUID

from config import ConfigError, Mistake
from config.tracing import Tracing
from daemon.planning.values import Event
from dispatchers.base import Delivery, Try


class Tracer(Protocol):
    """Is told what has been done. Never waits and never raises."""

    on: bool
    """Whether anybody listens: where not, nothing need be gathered."""

    def planned(self, events: Sequence[tuple[int, Event]], began_at: datetime, seconds: float) -> None:
        """These events, with their ids, were planned and committed; it took ``seconds`` from ``began_at``."""

    def attempted(self, delivery: Delivery, tries: Sequence[Try], began_at: datetime) -> None:
        """An attempt is over, with these requests to providers."""

    def finished(self, delivery: Delivery, state: str, reason: str, at: datetime) -> None:
        """Nothing more is done about this delivery."""

    def stop(self, seconds: float) -> None:
        """Hand over what there is, within ``seconds``. Blocks."""


class Nobody:
    """Nobody listens."""

    on = False

    def planned(self, events: Sequence[tuple[int, Event]], began_at: datetime, seconds: float) -> None: ...

    def attempted(self, delivery: Delivery, tries: Sequence[Try], began_at: datetime) -> None: ...

    def finished(self, delivery: Delivery, state: str, reason: str, at: datetime) -> None: ...

    def stop(self, seconds: float) -> None: ...


NOBODY = Nobody()


@dataclass(frozen=True, slots=True)
class Ids:
    """Where the ids of one installation come from."""

    installation: bytes
    """16 bytes that no other installation has: two may send to one collector."""

    def trace(self, event_id: int) -> int:
        """16 bytes (W3C Trace Context, 3.2.2.3), never 0; as good as random, so that a sampler can go by them."""
        return self._hashed(16, "trace", event_id)

    def span(self, what: str, *numbers: int) -> int:
        """8 bytes (W3C Trace Context, 3.2.2.4), never 0."""
        return self._hashed(8, what, *numbers)

    def _hashed(self, size: int, what: str, *numbers: int) -> int:
        said = ":".join((what, *map(str, numbers))).encode()
        return int.from_bytes(blake2b(said, digest_size=size, key=self.installation).digest()) or 1


def ids_of(installation: str) -> Ids:
    """The ids of the installation with this UUID, which stands in ``orderbell.installation``."""
    return Ids(UUID(installation).bytes)


def sampled(trace_id: int, ratio: float) -> bool:
    """Whether a trace is one of ``ratio`` of all, by its lower 8 bytes: as OpenTelemetry's TraceIdRatioBased."""
    return (trace_id & (2**64 - 1)) < round(ratio * 2**64)


def tracer_of(settings: Tracing, installation: str) -> Tracer:
    """The tracer that ``settings`` ask for. Raises ConfigError where what it needs is not installed."""
    if settings.endpoint is None:
        return NOBODY
    try:
        from daemon.tracing_otel import OpenTelemetry  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        said = "needs OpenTelemetry: pip install 'orderbell[otel]'"
        raise ConfigError("the configuration", [Mistake("tracing.endpoint", said)]) from error
    return OpenTelemetry(settings, ids_of(installation))
