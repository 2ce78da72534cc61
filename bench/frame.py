"""What all benchmarks have in common: how they take turns, and what they print.

A benchmark is ``python -m bench.NAME``. It says on stderr what it is doing, a line at a time (:func:`say`), and ends
with one line of JSON on stdout, printed by :meth:`Report.print`. ``python -m bench`` runs them all, each in a process
of its own, and makes ``docs/explanation/performance.md`` of the lines. So a benchmark comes down to::

    parser = arguments("capture", __doc__)                  # has --quick and --rounds
    given = parser.parse_args()
    rates: Found = {}
    for entrant in alternating(["none", "outbox", "wal"], given.rounds):
        rates.setdefault(entrant, []).append(measure(entrant))
    rate = medians(rates)                                   # {"none": 7600.0, ...}
    Report(
        "capture",
        rows=[at_least("outbox, 8 writers", rate["outbox"] / rate["none"], 0.70, "{:.2f} of no capture")],
        medians=rate,
        ratios={"outbox": rate["outbox"] / rate["none"]},
        tables=[Table("Orders a second", ["", "1 writer", "8 writers"], [["no capture", 7600, 20600]])],
        plots=[Plot("Orders a second", {"8 writers": {"no capture": 20600, "outbox": 16700}})],
        versions=versions("psycopg") | peer_versions("django"),
        settings={"seconds": 3.0},
    ).print()

What is said about a benchmark in words, its gaps above all, stands in ``bench/texts/NAME.md`` and follows its tables on
the page. Figures that the words need are written there by hand, with their day's machine; tables and plots are not.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import distributions, version
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv-bench"
"""Python's peers, installed from ``bench/peers/requirements.lock``."""
NODE_PEERS = ROOT / ".bench-node"
"""Node's peers, installed from ``bench/peers/package.json``."""

Found = dict[str, list[float]]
"""By entrant: what each round came to."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of goals."""

    what: str
    goal: str
    figure: str
    met: bool | None = None
    """None where there is no goal: the figure is only shown."""

    @property
    def verdict(self) -> str:
        return {True: "reached", False: "missed", None: ""}[self.met]


def at_least(what: str, value: float, least: float, words: str) -> Row:
    """A row of a goal that is a lower bound; ``words`` has a place for the number: ``{:.2f} of no capture``."""
    return Row(what, f"at least {words.format(least)}", words.format(value), value >= least)


def at_most(what: str, value: float, most: float, words: str) -> Row:
    """A row of a goal that is an upper bound."""
    return Row(what, f"at most {words.format(most)}", words.format(value), value <= most)


def shown(what: str, value: float, words: str) -> Row:
    """A row without a goal."""
    return Row(what, "", words.format(value))


Cell = str | float | None
"""Numbers are written with thousands separated, and three figures where they are small; None is left empty."""


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: Sequence[str]
    """The first is of the rows' names, and usually empty."""
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars, or lines where what goes across is a number (``lines``: the keys of a series are its places)."""

    title: str
    bars: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Group -> entrant -> value. Entrants have one order and one colour in all groups."""
    lines: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    """Name -> points."""
    across: str = ""
    """What goes across, of lines; and its unit."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a benchmark found out."""

    benchmark: str
    rows: Sequence[Row]
    medians: Mapping[str, Any]
    ratios: Mapping[str, Any]
    """Orderbell's figure to each peer's, or what else the benchmark compares."""
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Sizes, seconds, rounds."""

    def print(self) -> None:
        """The line, rounded, with the machine on which it was."""
        print(json.dumps(rounded(asdict(self) | {"machine": machine()})), flush=True)


def rounded(value: Any) -> Any:
    """The same with four significant figures in every fraction."""
    match value:
        case float():
            return float(f"{value:.4g}") if abs(value) < 10_000 else round(value)
        case Mapping():
            return {str(key): rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [rounded(each) for each in value]
        case _:
            return value


def alternating(entrants: Sequence[str], rounds: int) -> Iterator[str]:
    """Whose turn it is. Everybody once a round; each round begins with another, so that nobody is always the first."""
    for number in range(rounds):
        first = number % len(entrants)
        yield from (*entrants[first:], *entrants[:first])


def medians(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """By entrant."""
    return {name: median(values) for name, values in found.items()}


def spread(values: Sequence[float]) -> str:
    """``7,410-7,930``: the lowest and the highest, where a table shows how far rounds were apart."""
    return f"{min(values):,.0f}-{max(values):,.0f}"


def say(line: str) -> None:
    """On stderr, at once: what a benchmark is doing. ``python -m bench`` shows the last one."""
    print(line, file=sys.stderr, flush=True)


def arguments(name: str, doc: str | None, rounds: int = 3) -> argparse.ArgumentParser:
    """With ``--rounds`` and ``--quick``: so small that it only shows that everything works."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=doc)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one round: do all parts work?")
    return parser


def versions(*names: str) -> dict[str, str]:
    """Python's, and those of these distributions in our own environment."""
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def peer_versions(*names: str) -> dict[str, str]:
    """Of these distributions in the peers' environment; those that are not there are left out."""
    site = next(PEERS.glob("lib/python*/site-packages"), None)
    there = {} if site is None else {_plain(each.name): each.version for each in distributions(path=[str(site)])}
    return {name: there[_plain(name)] for name in names if _plain(name) in there}


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def machine() -> dict[str, Any]:
    """What it ran on, and how busy that was with other things too: the load is the last minute's."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": platform.release(),
        "load": round(os.getloadavg()[0], 2),
        "at": time.strftime("%Y-%m-%d", time.gmtime()),
    }
