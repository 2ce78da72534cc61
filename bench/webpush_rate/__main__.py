"""Web Pushes a second to a local push service: the dispatcher beside pywebpush's two functions.

Everybody encrypts each push for its device, with a fresh key, and proves who pushes; each device has keys of its own.
Each has a process and a core of its own; the push service has another. The limit is the encryption alone.
"""

import sys

from bench.frame import PEERS, Report, arguments, at_least, peer_versions, shown, versions
from bench.hub.processes import Cores
from bench.rate import Compared, Rate, measured, sink
from bench.webpush_rate import people

OURS, LIMIT = "orderbell", "encryption alone"
DOCUMENTED = ("webpush", "webpush_async")
WITH_SESSION = tuple(f"{name}, session" for name in DOCUMENTED)


def report(found: dict[str, list[Rate]], rounds: int, seconds: float) -> Report:
    """What it comes to."""
    compared = Compared.of(found, OURS)
    ratio = compared.to_each
    return Report(
        "webpush_rate",
        rows=[
            *(at_least("Web Push: pushes/s", ratio[name], 3.0, f"{{:.2f}} times {name}") for name in DOCUMENTED),
            *(shown("Web Push: pushes/s", ratio[name], f"{{:.2f}} times {name}") for name in WITH_SESSION),
            at_least("Web Push: pushes/s", ratio[LIMIT], 0.7, "{:.2f} of the encryption alone"),
        ],
        **compared.shown("Web Pushes"),
        versions=versions("orderbell", "pywebpush", "http-ece", "cryptography", "aiohttp", "requests")
        | peer_versions("uvloop"),
        settings={"rounds": rounds, "seconds": seconds, "devices": people.DEVICES, "at once": people.AT_ONCE},
    )


def main() -> None:
    """Run it and print the line."""
    parser = arguments("webpush_rate", __doc__, rounds=2)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement")
    given = parser.parse_args()
    if not PEERS.exists():
        parser.error(f"{PEERS.name} is not there: make bench makes it")
    if given.quick:
        given.rounds, given.seconds = 1, 0.2
    cores = Cores.shared_out()
    with sink("push", cores) as port:
        end = (port, str(given.seconds))
        ours = (sys.executable, "-m", "bench.webpush_rate.ours")
        theirs = (sys.executable, "-m", "bench.webpush_rate.pywebpush_each")
        entrants = {
            OURS: (*ours, "push", *end),
            **{name: (*theirs, name, *end) for name in (*DOCUMENTED, *WITH_SESSION)},
            LIMIT: (*ours, "encrypt", *end),
        }
        report(measured(entrants, cores, given.rounds, "pushes"), given.rounds, given.seconds).print()


if __name__ == "__main__":
    main()
