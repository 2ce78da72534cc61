"""What the sessions come to: medians, ratios, and whether the goals are met."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from bench.hub.contest import KINDS, Session

OURS = "orderbell"

Table = Mapping[int, Mapping[str, float]]
"""By how many people, and by entrant."""


@dataclass(frozen=True, slots=True)
class Goal:
    words: str
    met: bool
    figures: dict[int, float]
    """By how many people."""


def line(sessions: Sequence[Session], versions: Mapping[str, str]) -> dict[str, object]:
    """The line of JSON."""
    rates = {kind: medians(sessions, partial(_rate, kind)) for kind in KINDS}
    return {
        "benchmark": "hub",
        "connections": sorted({one.people for one in sessions}),
        "frame_bytes": sessions[0].frame_bytes,
        "messages_per_second": {kind: rounded(each, 0) for kind, each in rates.items()},
        "kib_per_connection": rounded(medians(sessions, lambda one: one.kib_per_connection), 1),
        "accepts_per_second": rounded(medians(sessions, lambda one: one.accepts_per_second), 0),
        "ratios": {kind: rounded(ratios(each), 2) for kind, each in rates.items()},
        "messages_per_cpu_second": {
            kind: rounded(medians(sessions, partial(_per_cpu_second, kind)), 0) for kind in KINDS
        },
        "cpu_share": {
            who: {kind: rounded(medians(sessions, partial(_share, kind, at)), 2) for kind in KINDS}
            for at, who in enumerate(("server", "client"))
        },
        "goals": {goal.words: goal.met for goal in goals(sessions)},
        "versions": dict(versions),
    }


def goals(sessions: Sequence[Session]) -> list[Goal]:
    """Those whose peers took part. Each counts at every size."""
    announced = ratios(medians(sessions, lambda one: one.per_second["announcement"]))
    memory = medians(sessions, lambda one: one.kib_per_connection)
    judged = []
    for words, least, peer in (
        ("announcements: at least 30 times Channels", 30, "channels"),
        ("announcements: at least the library's broadcast", 1, "websockets"),
    ):
        # To the better of those whose name begins like that.
        found = {n: [ratio for name, ratio in each.items() if name.startswith(peer)] for n, each in announced.items()}
        if all(found.values()):
            figures = {people: min(each) for people, each in found.items()}
            judged.append(Goal(words, min(figures.values()) >= least, figures))
    ours = {people: each[OURS] for people, each in memory.items()}
    return [*judged, Goal("at most 12 KiB a connection", max(ours.values()) <= 12, ours)]


def medians(sessions: Sequence[Session], value: Callable[[Session], float]) -> Table:
    found: dict[int, dict[str, list[float]]] = {}
    for one in sessions:
        found.setdefault(one.people, {}).setdefault(one.entrant, []).append(value(one))
    return {people: {name: median(values) for name, values in each.items()} for people, each in found.items()}


def ratios(table: Table) -> Table:
    """Orderbell's figure to each peer's."""
    return {
        people: {name: each[OURS] / value for name, value in each.items() if name != OURS}
        for people, each in table.items()
    }


def rounded(table: Table, digits: int) -> dict[int, dict[str, float]]:
    return {
        people: {name: round(value, digits) if digits else int(value) for name, value in each.items()}
        for people, each in table.items()
    }


def _rate(kind: str, one: Session) -> float:
    return one.per_second[kind]


def _per_cpu_second(kind: str, one: Session) -> float:
    """Of the server: the steadier figure where others use the machine."""
    return one.per_second[kind] / one.busy[kind][0]


def _share(kind: str, at: int, one: Session) -> float:
    return one.busy[kind][at]
