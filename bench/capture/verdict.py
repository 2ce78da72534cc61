"""What the measurements come to: medians, and ratios to no capture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.capture.entrants import CAPTURING, Entrant
from bench.capture.lateness import PACES, Late, milliseconds
from bench.capture.reading import Read, Weighed
from bench.capture.writers import Written


@dataclass(slots=True)
class Found:
    """Everything of one run."""

    written: list[Written] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    read: list[Read] = field(default_factory=list)
    weighed: Weighed | None = None

    def clients(self) -> list[int]:
        """How many writers there were."""
        return sorted({one.clients for one in self.written})

    def tps(self, entrant: Entrant, clients: int) -> float:
        """The median."""
        return median(one.tps for one in self.written if (one.entrant, one.clients) == (entrant, clients))

    def ratio(self, entrant: Entrant, clients: int) -> float:
        """To no capture: the median of the ratios within each round."""
        base, rounds = (
            [one.tps for one in self.written if (one.entrant, one.clients) == (each, clients)]
            for each in (Entrant.NONE, entrant)
        )
        return median(tps / none for tps, none in zip(rounds, base, strict=True))

    def planned_share(self, entrant: Entrant, clients: int) -> float:
        """The median."""
        return median(
            one.planned_share or 0.0 for one in self.written if (one.entrant, one.clients) == (entrant, clients)
        )

    def per_second(self, transactions: str, way: str) -> float:
        """The median."""
        return median(one.per_second for one in self.read if (one.transactions, one.way) == (transactions, way))

    def lateness(self, entrant: Entrant, pace: str) -> dict[str, float]:
        """In milliseconds, of all rounds together."""
        return milliseconds(
            [each for one in self.late if (one.entrant, one.pace) == (entrant, pace) for each in one.seconds]
        )

    def capturing(self) -> list[Entrant]:
        """Those that took part and capture."""
        there = {one.entrant for one in self.written} | {one.entrant for one in self.late}
        return [entrant for entrant in CAPTURING if entrant in there]


def line(found: Found) -> dict[str, object]:
    """The line of JSON."""
    ways = sorted({(one.transactions, one.way) for one in found.read})
    late = sorted({(one.entrant, one.pace) for one in found.late})
    return {
        "benchmark": "capture",
        "changes_per_second": {
            f"{way}, {transactions} transactions": round(found.per_second(transactions, way))
            for transactions, way in ways
        },
        "commit_to_planned_ms": {f"{entrant}, {pace}": found.lateness(entrant, pace) for entrant, pace in late},
        "tps_without_capture": {str(n): round(found.tps(Entrant.NONE, n)) for n in found.clients()},
        "tps_ratio": {
            entrant: {str(n): round(found.ratio(entrant, n), 2) for n in found.clients()}
            for entrant in found.capturing()
            if found.written
        },
        "planned_when_writers_stop": {
            entrant: {str(n): round(found.planned_share(entrant, n), 2) for n in found.clients()}
            for entrant in found.capturing()
            if found.written
        },
        "large_transaction": None
        if found.weighed is None
        else {
            "changes": found.weighed.changes,
            "seconds": round(found.weighed.seconds, 1),
            "peak_mib": found.weighed.peak_mib,
            "peak_mib_with_one_change": found.weighed.peak_mib_with_one_change,
        },
    }


def table(found: Found) -> Iterator[str]:
    """The same, to be read."""
    clients = found.clients()
    if clients:
        yield _row("orders/s", [f"{n} writer{'s' if n > 1 else ''}" for n in clients])
        yield _row("no capture", [f"{found.tps(Entrant.NONE, n):,.0f}" for n in clients])
        for entrant in found.capturing():
            yield _row(entrant, [f"x {found.ratio(entrant, n):.2f}" for n in clients])
            shares = [f"{found.planned_share(entrant, n):.0%}" for n in clients]
            yield _row("  planned meanwhile", shares)
    if found.late:
        yield _row("commit to planned, ms", [f"{pace} {part}" for pace in PACES for part in ("p50", "p99")])
        for entrant in sorted({one.entrant for one in found.late}):
            cells = [found.lateness(entrant, pace) for pace in PACES]
            yield _row(entrant, [f"{cell[part]:.2f}" for cell in cells for part in ("p50", "p99")])
    for transactions, way in sorted({(one.transactions, one.way) for one in found.read}):
        yield _row(f"{way}, {transactions}", [f"{found.per_second(transactions, way):,.0f} changes/s"])
    if found.weighed is not None:
        one = found.weighed
        yield _row(
            f"{one.changes:,} in one",
            [f"{one.seconds:.1f} s", f"{one.peak_mib:.0f} MiB", f"({one.peak_mib_with_one_change:.0f} with one)"],
        )


def _row(head: str, cells: Sequence[str]) -> str:
    return f"{head:<24}" + "".join(f"{cell:>14}" for cell in cells)
