"""How many messages a second the hub brings to browsers, and what a connection costs: ``make bench-hub``.

Orderbell's hub, the ``websockets`` library's own server and Django Channels (Redis, daphne) do the same, one after
the other, in alternating rounds, each on a core of its own. What is measured and how stands in
``docs/explanation/hub.md``. The last line is JSON, with medians.
"""

import argparse
import json
import os
import sys
from functools import partial

from bench.hub import contest, verdict
from bench.hub.entrants import PEERS, channels, library, orderbell, versions
from bench.hub.processes import Cores, room_for

LAYERS = ("channels_redis.pubsub.RedisPubSubChannelLayer", "channels_redis.core.RedisChannelLayer")


def main() -> None:
    """Run it and print the line."""
    parser = argparse.ArgumentParser(prog="python -m bench.hub", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[1_000, 5_000], help="connections")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    given = parser.parse_args()
    if not PEERS.exists():
        parser.error(f"{PEERS.name} is not there: make bench-hub makes it")
    sizes = sorted(given.sizes)
    room_for(sizes[-1])
    cores = Cores.shared_out()
    if cores.others:
        os.sched_setaffinity(0, cores.others)
    run = contest.saying(partial(contest.session, seconds=given.seconds, cores=cores))
    trial = [channels(layer) for layer in LAYERS]
    sessions = list(contest.rounds(sizes, given.rounds, [orderbell(), library()], trial, run))
    for goal in verdict.goals(sessions):
        figures = ", ".join(f"{figure:.1f} with {people:,}" for people, figure in goal.figures.items())
        print(f"{goal.words}: {'met' if goal.met else 'MISSED'} ({figures})", file=sys.stderr)
    print(json.dumps(verdict.line(sessions, versions())))


if __name__ == "__main__":
    main()
