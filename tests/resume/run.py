"""``make resume``: clients that are cut off all the time, and whether each ends with exactly its inbox."""

import asyncio
import random
from collections import Counter
from typing import Annotated

import typer
from rich.console import Console
from typer import Option

from demo.interruption import until_interrupted
from tests.chaos.database import running_database
from tests.resume.campaign import KILL, TERM, Plan, Result, campaign

MOST_LINES = 20


def resume(
    *,
    seconds: Annotated[float, Option(min=5, help="How long orders are written.")] = 120.0,
    clients: Annotated[int, Option(min=10, help="People with a client; every tenth has a second one.")] = 200,
    rate: Annotated[float, Option(min=1, help="Notifications a second, of all together.")] = 500.0,
    daemons: Annotated[int, Option(min=1, max=4, help="More than one: with Redis between them.")] = 1,
    terms: Annotated[int, Option(min=0, help="SIGTERM of a daemon, which is started again.")] = 2,
    kills: Annotated[int, Option(min=0, help="kill -9 of a daemon, which is started again.")] = 1,
    seed: Annotated[int | None, Option(help="Of an earlier run: the same dice.")] = None,
) -> None:
    """Orders are written while connections are cut, clients leave and come back, people mark what they were told, and
    the daemon is restarted. Says at the end what is missing or wrong in any client's list."""
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    says = Console(stderr=True, highlight=False)
    says.print(f"seed {seed}")
    restarts = [TERM] * terms + [KILL] * kills
    random.Random(seed).shuffle(restarts)
    plan = Plan(clients, rate, seconds, restarts, seed, daemons)

    async def work() -> Result:
        async with running_database(log_apart=False) as database:
            return await campaign(database.url, plan, says.print)

    result = asyncio.run(until_interrupted(work()))
    report(result, says)
    print(result.line())
    raise typer.Exit(0 if result.good else 1)


def report(result: Result, says: Console) -> None:
    """Everything that is wrong, and what happened."""
    tally, account = result.tally, result.account
    lists = {
        "missing": account.missing,
        "wrong": account.wrong,
        "out of order": tally.out_of_order,
        "notes": result.notes,
    }
    for name, lines in lists.items():
        for line in lines[:MOST_LINES]:
            says.print(f"{name}: {line}", markup=False)
        if len(lines) > MOST_LINES:
            says.print(f"{name}: {len(lines) - MOST_LINES} more")
    counts = {"frames": tally.frames, "closes": tally.closes, "errors": tally.errors, "marks": result.marks}
    for name, counter in counts.items():
        says.print(f"{name}: {_said(counter)}", markup=False)
    says.print(
        f"{result.withdrawn} withdrawn, {result.deleted} deleted, {result.torn} connections torn amid an answer,"
        f" {tally.looked_up} looked up, {sum(tally.live) / len(tally.live):.0%} of all clients live on average;"
        f" seed {result.plan.seed}"
    )


def _said(counter: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counter.items()))


if __name__ == "__main__":
    typer.run(resume)
