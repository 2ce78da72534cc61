"""What ``orderbell status`` knows. Ages and latencies are in seconds, rates in a second; None: not known."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Queue:
    """What is not finished on one channel."""

    channel: str
    due: int = 0
    """Could be sent now."""
    sending: int = 0
    retrying: int = 0
    """Waits for its next attempt."""
    later: int = 0
    """A later step of its rule."""
    held: int = 0
    """Waits for a morning, or for others to be told with."""
    oldest_seconds: float | None = None
    """For how long the oldest has been due."""


@dataclass(frozen=True, slots=True)
class Planner:
    """A connection that plans, or stands by for the one that does."""

    active: bool
    application: str
    address: str | None
    """None: on the database's own machine, through its socket."""
    since_seconds: float | None


@dataclass(frozen=True, slots=True)
class Node:
    """A daemon that has said that it is there."""

    name: str
    seen_seconds: float
    people: int
    """With a page open."""


@dataclass(frozen=True, slots=True)
class ChangeLog:
    """Where capture reads the change log."""

    slot: str
    exists: bool
    active: bool
    state: str | None
    """As ``wal_status`` of ``pg_replication_slots``: reserved, extended, unreserved, lost."""
    lag_bytes: int | None
    safe_bytes: int | None
    """That may still be written before the server gives the slot up."""
    committed_seconds: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database says."""

    at: datetime
    database: str
    queues: tuple[Queue, ...] = ()
    changes_waiting: int = 0
    changes_oldest_seconds: float | None = None
    set_aside: int = 0
    scheduled: int = 0
    failed_last_hour: int = 0
    planners: tuple[Planner, ...] = ()
    nodes: tuple[Node, ...] = ()
    change_log: ChangeLog | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """Of what was measured; both None where nothing was."""

    p50: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class ChannelFlow:
    """One channel's rates."""

    sent: float = 0.0
    failed: float = 0.0
    commit_to_sent: Latency = Latency()


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider of one channel."""

    channel: str
    name: str
    state: str
    """``well``, ``trying`` (after it was in trouble) or ``down``."""
    requests: float = 0.0
    paused_seconds: float | None = None
    """It has asked to be left alone for so long."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What the daemons' metrics say. Latencies are those of ``window_seconds``; None: since the daemon began."""

    window_seconds: float | None
    events: float = 0.0
    commit_to_planned: Latency = Latency()
    channels: dict[str, ChannelFlow] = field(default_factory=dict)
    providers: tuple[Provider, ...] = ()
    connections: int = 0
    frames: float = 0.0
    plans: bool = False
    """Whether the active planner is one of those that were asked."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong: a name for scripts, words for people."""

    name: str
    says: str


@dataclass(frozen=True, slots=True)
class Status:
    """All of it."""

    standing: Standing
    flow: Flow | None
    troubles: tuple[Trouble, ...]
    notes: tuple[str, ...] = ()
    """Not wrong, but good to know."""
    events: tuple[float, ...] = ()
    """A second each, the newest last."""
