"""How many messages a second the hub brings to browsers, and what a connection costs: ``make bench-hub``.

Orderbell's hub, the ``websockets`` library's own server, python-socketio, Node's ws and Django Channels (Redis) do the
same, one after the other, in alternating rounds, each on a core of its own; so does a bare server in C, which is the
limit. What is measured and how stands in ``docs/explanation/hub.md``. The last line is JSON, with medians.
"""

import os
import tempfile
import time
from functools import partial
from pathlib import Path

from bench.frame import NODE_PEERS, PEERS, arguments, say
from bench.hub import contest, verdict
from bench.hub.entrants import all_versions, channels, compiled, library, limit, node, orderbell, socketio
from bench.hub.processes import Cores, room_for

PUB_SUB, DEFAULT = "channels_redis.pubsub.RedisPubSubChannelLayer", "channels_redis.core.RedisChannelLayer"
ON_TRIAL = ((PUB_SUB, "uvicorn"), (PUB_SUB, "daphne"), (DEFAULT, "uvicorn"))
SIZES = (1_000, 5_000, 20_000)


def main() -> None:
    """Run it and print the line."""
    parser = arguments("hub", __doc__, rounds=3)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, help="connections")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    parser.add_argument("--most-seconds", type=float, default=110.0, help="no round begins later")
    given = parser.parse_args()
    for peers in (PEERS, NODE_PEERS):
        if not peers.exists():
            parser.error(f"{peers.name} is not there: make bench makes it")
    if given.quick:
        given.sizes, given.rounds, given.seconds = (50,), 1, 0.3
    allowed = room_for(max(given.sizes))
    sizes = sorted({min(size, allowed) for size in given.sizes})
    if allowed < max(given.sizes):
        say(f"this machine allows a process {allowed:,} connections: that many in place of {max(given.sizes):,}")
    everywhere, cores = os.sched_getaffinity(0), Cores.shared_out()
    if cores.others:
        os.sched_setaffinity(0, cores.others)
    run = contest.saying(partial(contest.session, seconds=given.seconds, cores=cores))
    trial = [channels(layer, server) for layer, server in ON_TRIAL]
    with tempfile.TemporaryDirectory(prefix="orderbell-bench-") as folder:
        entrants = [orderbell(), library(), socketio(), node(), limit(compiled(Path(folder)))]
        until = time.monotonic() + given.most_seconds
        sessions = list(
            contest.rounds(sizes, given.rounds, entrants, trial, run, has_time=lambda: time.monotonic() < until)
        )
    os.sched_setaffinity(0, everywhere)
    settings = {"connections": list(sizes), "rounds": given.rounds, "seconds": given.seconds}
    verdict.report(sessions, all_versions(), settings).print()


if __name__ == "__main__":
    main()
