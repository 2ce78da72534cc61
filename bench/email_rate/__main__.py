"""E-mails a second to a local SMTP server: the dispatcher beside smtplib, Django and aiosmtplib.

All send the same words, as a message with plain text and HTML; the peers are given both parts finished, Orderbell
renders its layout for each. Each has a process and a core of its own; the SMTP server has another.
"""

import os
import sys
import tempfile
from pathlib import Path

from bench.email_rate import words
from bench.email_rate.ours import PUBLIC_URL, SECRET, delivery, settings
from bench.frame import PEERS, Report, arguments, at_least, peer_versions, shown, versions
from bench.hub.processes import Cores
from bench.rate import Compared, Rate, measured, sink
from dispatchers.email.layout import Layout
from dispatchers.email.message import brand_of
from dispatchers.email.unsubscribe import Links

OURS, LIMIT = "orderbell", "prepared bytes"
PER_MESSAGE = ("smtplib, a connection each", "django send_mail", "aiosmtplib.send")
KEPT = "django, one connection"


def write_words(folder: Path) -> None:
    """What peers are given, made by Orderbell's layout."""
    email, one = settings(25), delivery(1)
    layout = Layout(brand=brand_of(email), accent=email.accent, footer=email.footer)
    text, html = layout.render(one, Links(PUBLIC_URL, SECRET).of(one))
    (folder / "text").write_text(text, encoding="utf-8")
    (folder / "html").write_text(html, encoding="utf-8")
    os.environ["BENCH_WORDS"] = str(folder)


def report(found: dict[str, list[Rate]], rounds: int, seconds: float) -> Report:
    """What it comes to."""
    compared = Compared.of(found, OURS)
    ratio = compared.to_each
    quickest = max(PER_MESSAGE, key=compared.per_second.__getitem__)
    return Report(
        "email_rate",
        rows=[
            at_least("e-mail: messages/s", ratio[quickest], 5.0, f"{{:.2f}} times {quickest}"),
            shown("e-mail: messages/s", ratio[KEPT], f"{{:.2f}} times {KEPT}"),
            at_least("e-mail: messages/s", ratio[LIMIT], 0.6, "{:.2f} of prepared bytes on as many connections"),
        ],
        **compared.shown("E-mails"),
        versions=versions("orderbell", "aiosmtplib", "jinja2") | peer_versions("django", "uvloop"),
        settings={"rounds": rounds, "seconds": seconds, "connections": 4, "at once": words.AT_ONCE},
    )


def main() -> None:
    """Run it and print the line."""
    parser = arguments("email_rate", __doc__, rounds=2)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement")
    given = parser.parse_args()
    if not PEERS.exists():
        parser.error(f"{PEERS.name} is not there: make bench makes it")
    if given.quick:
        given.rounds, given.seconds = 1, 0.2
    cores = Cores.shared_out()
    with tempfile.TemporaryDirectory(prefix="orderbell-bench-") as folder, sink("smtp", cores) as port:
        write_words(Path(folder))
        end = (port, str(given.seconds))
        libraries = (sys.executable, "-m", "bench.email_rate.libraries")
        django = (str(PEERS / "bin" / "python"), "-m", "bench.peers.django_mail")
        entrants = {
            OURS: (sys.executable, "-m", "bench.email_rate.ours", *end),
            PER_MESSAGE[0]: (*libraries, "smtplib", *end),
            PER_MESSAGE[1]: (*django, "each", *end),
            PER_MESSAGE[2]: (*libraries, "aiosmtplib", *end),
            KEPT: (*django, "kept", *end),
            LIMIT: (sys.executable, "-m", "bench.email_rate.limit", *end),
        }
        report(measured(entrants, cores, given.rounds, "mails"), given.rounds, given.seconds).print()


if __name__ == "__main__":
    main()
