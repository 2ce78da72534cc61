"""What is sent: the same words for everybody. Also in the peers' own environment: standard library only."""

import os
from pathlib import Path

SENDER = "Orderbell <orders@shop.example>"
AT_ONCE = 16
"""Messages under way, of those who can: ``email.concurrency``."""
BODY = (
    "Basil & Thyme has packed your order: two Margheritas and a tiramisu. A driver is on the way to the kitchen.\n\n"
    "You can follow every step, and tell the driver which bell to ring."
)


def title(number: int) -> str:
    return f"Your order A-{100_000 + number} is ready"


def recipient(number: int) -> str:
    return f"person{number}@example.com"


def finished() -> tuple[str, str]:
    """The plain text and the HTML that Orderbell's layout makes of it: peers are given both, and render nothing."""
    folder = Path(os.environ["BENCH_WORDS"])
    return (folder / "text").read_text(encoding="utf-8"), (folder / "html").read_text(encoding="utf-8")
