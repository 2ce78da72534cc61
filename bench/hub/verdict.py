"""What the sessions come to: medians, ratios, and whether the goals are met."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any

from bench.frame import Plot, Report, Row, Table, at_least, at_most, shown
from bench.hub.contest import KINDS, Session
from bench.hub.entrants import LIMIT

OURS = "orderbell"

Figures = Mapping[int, Mapping[str, float]]
"""By how many people, and by entrant."""

PLURAL = {"announcement": "announcements", "notification": "notifications"}


def report(sessions: Sequence[Session], versions: Mapping[str, str], settings: Mapping[str, Any]) -> Report:
    """Rows, tables and plots."""
    rates = {kind: medians(sessions, partial(_rate, kind)) for kind in KINDS}
    memory = medians(sessions, lambda one: one.kib_per_connection if one.per_second else None)
    accepts = medians(sessions, lambda one: one.accepts_per_second or None)
    of_core = {kind: medians(sessions, partial(_per_cpu_second, kind)) for kind in KINDS}
    accepts_of_core = medians(sessions, lambda one: one.accepts_per_cpu_second or None)
    return Report(
        "hub",
        rows=[*_goals(of_core, memory, accepts_of_core)],
        medians={
            "messages_per_second": rates,
            "kib_per_connection": memory,
            "accepts_per_second": accepts,
            "messages_per_cpu_second": of_core,
            "accepts_per_cpu_second": accepts_of_core,
            "cpu_share": {
                who: {kind: medians(sessions, partial(_share, kind, at)) for kind in KINDS}
                for at, who in enumerate(("server", "client"))
            },
        },
        ratios={kind: ratios(each) for kind, each in of_core.items()} | {"accepts": ratios(accepts_of_core)},
        tables=[
            *(_table(f"{PLURAL[kind].capitalize()} a second of the server's core", of_core[kind]) for kind in KINDS),
            *(_table(f"{PLURAL[kind].capitalize()} a second, as it went", rates[kind]) for kind in KINDS),
            _table("KiB a connection", memory),
            _table("Accepts a second of the server's core", accepts_of_core),
            _table("Accepts a second, as it went", accepts),
        ],
        plots=[
            Plot(
                f"{PLURAL[kind].capitalize()} a second of the server's core",
                {f"{n:,} connections": each for n, each in figures.items()},
            )
            for kind, figures in of_core.items()
        ],
        versions=versions,
        settings=dict(settings) | {"frame_bytes": sessions[0].frame_bytes},
    )


def _goals(rates: Mapping[str, Figures], memory: Figures, accepts: Figures) -> Sequence[Row]:
    """Each counts at every size: what is shown is the size at which it is least.

    Rates are of the server's CPU time: what else the machine does then changes little.
    """
    rows: list[Row] = []
    for kind, figures in rates.items():
        found = [(each[OURS] / each[name], name, n) for n, each in figures.items() for name in each if _is_peer(name)]
        if found:
            ratio, name, people = min(found)
            rows.append(at_least(f"hub: {PLURAL[kind]}/s", ratio, 1.0, f"{{:.2f}} times {name} at {people:,}"))
        to_limit = [(each[OURS] / each[LIMIT], n) for n, each in figures.items() if LIMIT in each]
        if to_limit:
            ratio, people = min(to_limit)
            what, words = f"hub: {PLURAL[kind]}/s", f"{{:.2f}} of a bare server in C at {people:,}"
            # Fan-out is one message to many; what is each person's own is made for each, which the limit spares itself.
            rows.append(at_least(what, ratio, 0.8, words) if kind == "announcement" else shown(what, ratio, words))
    least = [(each[OURS] / each[name], name, n) for n, each in rates["announcement"].items() for name in each
             if name.startswith("channels")]  # fmt: skip
    if least:
        rows.append(at_least("hub: announcements/s", min(least)[0], 30, "{:.0f} times Channels"))
    for what, figures, better in (("hub: accepts/s", accepts, 1), ("hub: memory a connection", memory, -1)):
        found = [
            ((each[OURS] / each[name]) ** better, name, n) for n, each in figures.items() for name in each
            if _is_peer(name) and each[name] > 0 and each[OURS] > 0
        ]  # fmt: skip
        if found:
            ratio, name, people = min(found)
            words = f"{{:.2f}} times {name}" if better > 0 else f"{{:.2f}} of {name}"
            words += f" at {people:,}"
            rows.append(at_least(what, ratio, 1.0, words) if better > 0 else at_most(what, 1 / ratio, 1.0, words))
    rows.append(at_most("hub: memory a connection", max(each[OURS] for each in memory.values()), 12, "{:.1f} KiB"))
    return rows


def _is_peer(name: str) -> bool:
    return name not in {OURS, LIMIT}


def medians(sessions: Sequence[Session], value: Callable[[Session], float | None]) -> Figures:
    """Without what was not measured."""
    found: dict[int, dict[str, list[float]]] = {}
    for one in sessions:
        figure = value(one)
        if figure is not None:
            found.setdefault(one.people, {}).setdefault(one.entrant, []).append(figure)
    return {people: {name: median(values) for name, values in each.items()} for people, each in found.items()}


def ratios(figures: Figures) -> Figures:
    """Orderbell's figure to each peer's."""
    return {
        people: {name: each[OURS] / value for name, value in each.items() if name != OURS and value}
        for people, each in figures.items()
    }


def _table(title: str, figures: Figures) -> Table:
    names = list(dict.fromkeys(name for each in figures.values() for name in each))
    rows = [[name, *(each.get(name) for each in figures.values())] for name in names]
    return Table(title, ["", *(f"{people:,}" for people in figures)], rows)


def _rate(kind: str, one: Session) -> float | None:
    return one.per_second.get(kind)


def _per_cpu_second(kind: str, one: Session) -> float | None:
    """Of the server: the steadier figure where others use the machine."""
    return one.per_second[kind] / max(one.busy[kind][0], 0.01) if kind in one.busy else None


def _share(kind: str, at: int, one: Session) -> float | None:
    return one.busy[kind][at] if kind in one.busy else None
