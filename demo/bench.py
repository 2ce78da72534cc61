"""``orderbell bench``: what this machine does, measured on a throw-away PostgreSQL with a shop and a daemon on it."""

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Annotated

import typer
from psycopg import AsyncConnection
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from daemon.cli.status.measures import latency
from daemon.cli.status.scrape import Scrape, scrape, url_of
from daemon.cli.status.verdict import said
from demo.arrival import Arrival
from demo.daemon_process import DaemonEnded, unless_it_ends
from demo.interruption import Interrupted, until_interrupted
from demo.postgres import VERSION
from demo.shop import Shop, next_status
from demo.stage import Size, Stage, stage

CUSTOMERS, VENDORS = 200, 20
FIRST_OF_THE_CROWD = 6
"""The user id after those on stage."""
DRIVER = 1
WARM_UP_SECONDS = 2.0
QUEUE_SECONDS = 900.0
"""Both queues must be empty so long after the last commit."""
LOOK_SECONDS = 0.05

_people = Console(stderr=True, highlight=False)
_result = Console(highlight=False)

Tick = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one run. Latencies in seconds; those of the channels are from the notification to the provider's answer."""

    writers: int
    seconds: float
    orders_per_second: float
    changes_per_second: float
    """Commits of the shop: an order placed, or a status that it reached."""
    commit_to_planned_p50: float | None
    commit_to_planned_p99: float | None
    deliveries_per_second: float
    """Sent to sandbox providers on this machine, until the queue was empty."""
    seconds_to_empty: float
    """From the last commit until everything was sent."""
    created_to_sent_p50: dict[str, float | None]
    created_to_sent_p99: dict[str, float | None]
    postgresql: int = VERSION


def bench(
    *,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long the shop writes.")] = 10.0,
    writers: Annotated[int, typer.Option(min=1, max=64, help="How many write at once.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object.")] = False,
) -> None:
    """Measure this machine: a shop writes as fast as it can, and Orderbell tells everyone through sandbox providers.

    PostgreSQL, the shop, the daemon and the providers share this machine, so each takes from the others: what is
    measured is less than what the daemon does on a machine of its own.
    """
    try:
        figures = asyncio.run(until_interrupted(measure(seconds, writers)))
    except Interrupted as interrupted:
        raise typer.Exit(interrupted.exit_code) from None
    except (DaemonEnded, OSError, TimeoutError) as error:
        _people.print(str(error), markup=False, highlight=False)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(asdict(figures)), flush=True)
    else:
        _show(figures)


async def measure(seconds: float, writers: int) -> Figures:
    """Run it all, with a bar on a terminal. Raises DaemonEnded, TimeoutError."""
    size = Size(CUSTOMERS, VENDORS)
    async with stage(_nobody_looks, size=size, reports=False, say=_say) as running:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=_people,
            transient=True,
            disable=not _people.is_terminal,
        ) as bar:
            task = bar.add_task(f"{writers} writers write", total=seconds)
            work = _measured(running, seconds, writers, lambda spent: bar.update(task, completed=spent))
            return await unless_it_ends(work, running.daemon)


async def _measured(running: Stage, seconds: float, writers: int, tick: Tick) -> Figures:
    await _write(running, writers, WARM_UP_SECONDS, lambda _: None)
    await _until_empty(running.database_url)
    before = await asyncio.to_thread(_scraped, running)
    began = time.monotonic()
    written = await _write(running, writers, seconds, tick)
    wrote = time.monotonic()
    await _until_empty(running.database_url)
    empty = time.monotonic()
    after = await asyncio.to_thread(_scraped, running)
    sent = "orderbell_deliveries_total"
    planned = latency(after, before, "orderbell_commit_to_planned_seconds")
    channels = {
        channel: latency(after, before, "orderbell_commit_to_sent_seconds", channel=channel)
        for channel in ("email", "sms", "webpush")
    }
    return Figures(
        writers=writers,
        seconds=round(wrote - began, 2),
        orders_per_second=round(written["orders"] / (wrote - began), 1),
        changes_per_second=round(written["changes"] / (wrote - began), 1),
        commit_to_planned_p50=_rounded(planned.p50),
        commit_to_planned_p99=_rounded(planned.p99),
        deliveries_per_second=round(
            (after.total(sent, state="sent") - before.total(sent, state="sent")) / (empty - began), 1
        ),
        seconds_to_empty=round(empty - wrote, 2),
        created_to_sent_p50={channel: _rounded(found.p50) for channel, found in channels.items()},
        created_to_sent_p99={channel: _rounded(found.p99) for channel, found in channels.items()},
    )


async def _write(running: Stage, writers: int, seconds: float, tick: Tick) -> Counter[str]:
    """Orders through all their statuses, one after another, by each writer; until the time is over."""
    written: Counter[str] = Counter()
    began = time.monotonic()

    async def one(number: int) -> None:
        async with aclosing(await Shop.connect(running.database_url)) as shop:
            while time.monotonic() - began < seconds:
                customer = FIRST_OF_THE_CROWD + (written["orders"] * writers + number) % (CUSTOMERS - 5)
                last = await shop.place_order(customer, 1 + written["orders"] % VENDORS, Decimal("12.50"))
                written.update(orders=1, changes=1)
                while (status := next_status(last.order)) is not None and time.monotonic() - began < seconds:
                    last = await shop.advance(last.order, status, DRIVER if status == "picked_up" else None)
                    written["changes"] += 1
                tick(time.monotonic() - began)

    async with asyncio.TaskGroup() as group:
        for number in range(writers):
            group.create_task(one(number))
    return written


async def _until_empty(url: str) -> None:
    async with asyncio.timeout(QUEUE_SECONDS), await AsyncConnection.connect(url, autocommit=True) as connection:
        waits = "SELECT EXISTS (SELECT FROM orderbell.change) OR EXISTS (SELECT FROM orderbell.delivery)"
        while await (await connection.execute(waits)).fetchone() != (False,):  # noqa: ASYNC110 - the daemon's doing
            await asyncio.sleep(LOOK_SECONDS)


def _scraped(running: Stage) -> Scrape:
    url = url_of(running.settings.metrics)
    return scrape([url] if url else [], running.settings.metrics)


def _nobody_looks(_: Arrival) -> None:
    """What arrives is counted by the daemon."""


def _say(step: str) -> None:
    _people.print(f"[dim]•[/dim] {step}")


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None or math.isnan(seconds) else round(seconds, 4)


def _show(figures: Figures) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_row(f"changes/s by {figures.writers} writers", f"{figures.changes_per_second:,.0f}")
    table.add_row("commit to planned, p50", said(figures.commit_to_planned_p50))
    table.add_row("commit to planned, p99", said(figures.commit_to_planned_p99))
    table.add_row("deliveries/s", f"{figures.deliveries_per_second:,.0f}")
    table.add_row("everything sent after the last commit", f"{figures.seconds_to_empty:.1f} s")
    for channel, p50 in figures.created_to_sent_p50.items():
        p99 = figures.created_to_sent_p99[channel]
        table.add_row(f"{channel}: created to sent, p50 / p99", f"{said(p50)} / {said(p99)}")
    _result.print(table)
