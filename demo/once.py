"""``orderbell demo --once``: one order through all its statuses, and who was told what."""

from contextlib import aclosing
from decimal import Decimal

from demo.daemon_process import unless_it_ends
from demo.ledger import Ledger, Verdict
from demo.shop import LIFECYCLE, Shop, Written
from demo.stage import Say, Stage, stage

ARRIVAL_SECONDS = 20.0
"""After this, what has not arrived is missing."""
QUIET_SECONDS = 1.0
"""For so long nothing may arrive at the end, before nothing can be expected to come twice."""


async def once(*, keep: bool = False, say: Say = lambda _: None) -> Verdict:
    """Run it all; returns what the sinks received against what they should have."""
    ledger = Ledger()
    async with stage(ledger.saw, keep=keep, say=say) as running:
        await unless_it_ends(_one_order(running, ledger, say), running.daemon)
    return ledger.verdict()


async def _one_order(running: Stage, ledger: Ledger, say: Say) -> None:
    async with aclosing(await Shop.connect(running.database_url)) as shop:
        written: Written | None = None
        for status in LIFECYCLE:
            if written is None:
                written = await shop.place_order(customer_id=1, vendor_id=1, total=Decimal("24.50"))
            else:
                driver = 1 if status == "picked_up" else None
                written = await shop.advance(written.order, status, driver)
            say(f"order {written.order.number} is {status}")
            ledger.expect(running.expected(written.order))
            # Each status before the next, so that no message is outdated before it is sent.
            await ledger.complete(ARRIVAL_SECONDS)
        await ledger.quiet(QUIET_SECONDS, at_most=ARRIVAL_SECONDS)
