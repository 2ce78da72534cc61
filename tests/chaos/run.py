"""``make chaos``: Orderbell under everything that can go wrong, and the account of it."""

import asyncio
import random
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from typer import Option

from demo.interruption import until_interrupted
from tests.chaos.campaign import Progress, Result, campaign
from tests.chaos.faults import Amounts, schedule
from tests.sources import Source

MOST_LINES = 20


def chaos(
    *,
    minutes: Annotated[float, Option(min=0.2, help="How long faults strike.")] = 2.0,
    kills: Annotated[int, Option(min=0, help="kill -9, of one daemon or both.")] = 20,
    restarts: Annotated[int, Option(min=0, help="Of PostgreSQL, fast and immediate in turn.")] = 4,
    cuts: Annotated[int, Option(min=0, help="Of a wire, to the database or to a provider.")] = 8,
    clock_jumps: Annotated[int, Option(min=0, help="Of a daemon's wall clock, by an hour.")] = 2,
    seed: Annotated[int | None, Option(help="Of an earlier run: the same faults at the same times.")] = None,
    writers: Annotated[int, Option(min=1, max=32, help="Connections of the application.")] = 6,
    capture: Annotated[Source, Option(help="Where changes come from: triggers, or the change log.")] = "outbox",
    full_disk: Annotated[bool, Option(help="Leave PostgreSQL's log no room (on a tmpfs; needs root).")] = True,
) -> None:
    """Orders are placed and moved on while daemons are killed, PostgreSQL is restarted, wires are cut and providers
    misbehave. Says at the end who was not told, and who was told twice."""
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    amounts = Amounts(
        kills,
        restarts,
        cuts,
        pauses=max(1, kills // 10),
        provider=max(5, cuts),
        clock=clock_jumps,
        full_log=int(full_disk),
    )
    says = Console(stderr=True, highlight=False)
    says.print(f"seed {seed}")
    with Bar(SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}"), console=says) as bar:
        task = bar.add_task("starting")

        def tell(progress: Progress) -> None:
            bar.update(
                task,
                description=f"{progress.orders:,} orders, {progress.commits:,} commits, {progress.received:,} received"
                f" · {progress.last}",
            )

        faults = schedule(amounts, minutes * 60, seed)
        work = campaign(faults, minutes * 60, seed, writers=writers, source=capture, tell=tell)
        result = asyncio.run(until_interrupted(work))
    report(result, says)
    print(result.line())
    raise typer.Exit(0 if result.good else 1)


def report(result: Result, says: Console) -> None:
    """Everything that is wrong, and where to look."""
    account = result.account
    lists = {
        "missing": account.missing,
        "wrong": account.wrong,
        "in the logs": result.notes,
        "texts that came twice": account.sms_duplicates,
        "came twice, in flight at no fault": account.unexplained,
    }
    for name, lines in lists.items():
        for line in lines[:MOST_LINES]:
            says.print(f"{name}: {line}", markup=False)
        if len(lines) > MOST_LINES:
            says.print(f"{name}: {len(lines) - MOST_LINES} more")
    says.print(
        f"{account.superseded} superseded, {account.unknown_sms} texts of unknown outcome;"
        f" faults: {dict(sorted((str(kind), count) for kind, count in result.counts.items()))}"
    )
    if not result.good:
        says.print(f"seed {result.seed}; configuration and logs are in {result.folder}")


if __name__ == "__main__":
    typer.run(chaos)
