"""What capture costs writers, how late it is and how fast it reads: ``make bench-capture``.

No capture, triggers with the doorbell, the same triggers with a NOTIFY each, and the change log do the same in
alternating rounds of one run, on a PostgreSQL that syncs each commit. What is measured and how stands in
``docs/explanation/capture.md``. The last line is JSON, with medians.
"""

import argparse
import itertools
import json
import sys

from bench.capture import lateness, reading, verdict, writers
from bench.capture.entrants import Entrant
from bench.capture.server import VERSIONS, Server, server

LATE = (Entrant.OUTBOX, Entrant.WAL)
PARTS = ("writers", "lateness", "reading", "memory")


def main() -> None:
    """Run it, and print the table and the line."""
    parser = argparse.ArgumentParser(prog="python -m bench.capture", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 8, 32], help="how many at once")
    parser.add_argument("--entrants", type=Entrant, nargs="+", default=list(Entrant), choices=list(Entrant))
    parser.add_argument("--large", type=int, default=1_000_000, help="changes of one transaction, for memory")
    parser.add_argument("--postgres", type=int, default=VERSIONS[0], choices=VERSIONS)
    given = parser.parse_args()
    found = verdict.Found()
    with server(given.postgres) as running:
        for number in range(given.rounds):
            _round(running, found, given, number)
        if "memory" in given.parts:
            found.weighed = reading.weighed(running, given.large)
        version = running.version()
    for text in verdict.table(found):
        print(text, file=sys.stderr)
    print(json.dumps({**verdict.line(found), "rounds": given.rounds, "seconds": given.seconds, "postgresql": version}))


def _round(running: Server, found: verdict.Found, given: argparse.Namespace, number: int) -> None:
    """Each entrant in turn; the order is turned round from one round to the next."""
    entrants = given.entrants if number % 2 == 0 else given.entrants[::-1]
    said = f"round {number + 1}:"
    if "writers" in given.parts:
        for clients, entrant in itertools.product(given.writers, entrants):
            one = writers.measured(running, entrant, clients, given.seconds)
            found.written.append(one)
            _say(f"{said} {entrant}, {clients} writers: {one.tps:,.0f} orders/s")
    if "lateness" in given.parts:
        for entrant in (each for each in entrants if each in LATE):
            for late in lateness.measured(running, entrant, given.seconds):
                found.late.append(late)
                _say(f"{said} {entrant}, {late.pace}: {lateness.milliseconds(late.seconds)}")
    if "reading" in given.parts:
        for read in itertools.chain.from_iterable(reading.measured(running, each) for each in reading.BACKLOGS):
            found.read.append(read)
            _say(f"{said} {read.way}, {read.transactions}: {read.per_second:,.0f} changes/s")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
