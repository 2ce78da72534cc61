"""How many a second: a sender process on a core of its own, a sink on another, for so many seconds.

A sender is a command with a port and seconds at its end; it sends from the moment on at which it is warm, and ends with
the line that :func:`bench.sending.tell` prints.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from bench.frame import PEERS, Plot, Table, alternating, say
from bench.hub.processes import Cores, free_port, process, wait

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Rate:
    """What a sender did."""

    per_second: float
    per_cpu_second: float
    """Of the sender's own processor time: the steadier figure where others use the machine."""


class Compared(NamedTuple):
    """Medians by entrant."""

    per_second: dict[str, float]
    per_cpu_second: dict[str, float]
    to_each: dict[str, float]
    """Ours to the others', a second."""

    @classmethod
    def of(cls, found: Mapping[str, Sequence[Rate]], ours: str) -> "Compared":
        rate = {name: median(each.per_second for each in rates) for name, rates in found.items()}
        of_processor = {name: median(each.per_cpu_second for each in rates) for name, rates in found.items()}
        return cls(rate, of_processor, {name: rate[ours] / value for name, value in rate.items() if name != ours})

    def shown(self, what: str) -> dict[str, Any]:
        """Its part of a report on ``what`` a second."""
        ranked = dict(sorted(self.per_second.items(), key=lambda each: -each[1]))
        return {
            "medians": {"per_second": self.per_second, "per_cpu_second": self.per_cpu_second},
            "ratios": self.to_each,
            "tables": [
                Table(
                    f"{what} a second, by one process",
                    ["", "a second", "a second of its processor time", "Orderbell to it"],
                    [[name, rate, self.per_cpu_second[name], self.to_each.get(name)] for name, rate in ranked.items()],
                )
            ],
            "plots": [Plot(f"{what} a second", bars={"": ranked})],
        }


@contextmanager
def sink(name: str, cores: Cores, *arguments: str) -> Iterator[str]:
    """One of ``bench/peers/sinks``; yields its port."""
    port = free_port()
    command = [str(PEERS / "bin" / "python"), "-m", f"bench.peers.sinks.{name}", str(port), *arguments]
    with process(command, cores.others) as started:
        wait(started, port)
        yield str(port)


def measured(entrants: Mapping[str, Sequence[str]], cores: Cores, rounds: int, what: str) -> dict[str, list[Rate]]:
    """By entrant, whose value is its command: one figure a round. Raises RuntimeError where one fails."""
    found: dict[str, list[Rate]] = {}
    for name in alternating(list(entrants), rounds):
        with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
            with process(entrants[name], cores.server, said=said) as sender:
                if sender.wait(PATIENCE_SECONDS):
                    raise RuntimeError(f"{name} has failed")
            said.seek(0)
            line = json.loads(said.read().splitlines()[-1])
        rate = Rate(line["count"] / line["seconds"], line["count"] / line["cpu_seconds"])
        say(f"{name}: {rate.per_second:,.0f} {what}/s, {rate.per_cpu_second:,.0f} per second of its processor time")
        found.setdefault(name, []).append(rate)
    return found
