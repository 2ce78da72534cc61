"""How long ``orderbell run`` takes to READY, and what it uses while nothing happens: ``python -m bench.start``.

As in production: the preset of rules and a provider for e-mail, SMS and Web Push. The database is there already.
"""

import tempfile
import time
from pathlib import Path
from statistics import median

from psycopg.conninfo import conninfo_to_dict

from bench import shop
from bench.capture.server import server
from bench.daemon import orderbell
from bench.frame import Report, Table, arguments, at_most, say, versions
from dispatchers.webpush.vapid import generate_vapid_key

CHANNELS = """
[email]
sender = "Basil & Thyme <orders@example.com>"

[[email.provider]]
host = "127.0.0.1"
port = 2525
security = "none"

[[sms.provider]]
account_sid = "AC00000000000000000000000000000000"
auth_token = "0123456789abcdef0123456789abcdef"
from_number = "+12125550199"

[webpush]
vapid_subject = "mailto:owner@example.com"
vapid_private_key = "{key}"
"""

SETTLE_SECONDS = 3.0
"""After READY, before it counts as idle."""


def main() -> None:
    """Run it and print the line."""
    parser = arguments("start", __doc__, rounds=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="of idleness, each round")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds = 2, 1.0
    starts, start_cpu, shares, memory = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="orderbell-bench-") as name, server(18) as running:
        parts = conninfo_to_dict(running.url)
        url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
        more = CHANNELS.format(key=generate_vapid_key()[0])
        file = shop.open_shop(url, Path(name), more, preset="delivery")
        with orderbell(file, sends=True):
            pass  # now what it reads is in the page cache, and its bytecode is written
        for number in range(given.rounds):
            with orderbell(file, sends=True) as daemon:
                time.sleep(SETTLE_SECONDS)
                began, before = time.monotonic(), daemon.cpu_seconds()
                time.sleep(given.seconds)
                shares.append((daemon.cpu_seconds() - before) / (time.monotonic() - began))
                memory.append(daemon.rss_mib())
                starts.append(daemon.start_seconds)
                start_cpu.append(daemon.start_cpu_seconds)
            took = f"{starts[-1]:.2f} s, {start_cpu[-1]:.2f} s of CPU"
            say(f"{number + 1}: {took}; idle {shares[-1]:.2%} of a core, {memory[-1]:.0f} MiB")
    report(starts, start_cpu, shares, memory, given.seconds).print()


def report(
    starts: list[float], start_cpu: list[float], shares: list[float], memory: list[float], seconds: float
) -> Report:
    """What it comes to."""
    start, share, mib = median(starts), median(shares), median(memory)
    return Report(
        "start",
        rows=[
            at_most("start: process to READY", start, 1.5, "{:.2f} s"),
            at_most("idle: CPU", share, 0.005, "{:.2%} of a core"),
            at_most("idle: memory", mib, 90, "{:.0f} MiB"),
        ],
        medians={
            "start_seconds": start,
            "start_cpu_seconds": median(start_cpu),
            "idle_core_share": share,
            "idle_mib": mib,
        },
        ratios={},
        tables=[
            Table(
                "A daemon with nothing to do",
                ["", "median", "least", "most"],
                [
                    ["process to READY, seconds", start, min(starts), max(starts)],
                    ["CPU until then, seconds", median(start_cpu), min(start_cpu), max(start_cpu)],
                    ["CPU while idle, % of a core", share * 100, min(shares) * 100, max(shares) * 100],
                    ["resident memory while idle, MiB", mib, min(memory), max(memory)],
                ],
            )
        ],
        versions=versions("orderbell", "psycopg"),
        settings={"rounds": len(starts), "idle_seconds": seconds},
    )


if __name__ == "__main__":
    main()
