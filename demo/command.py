"""``orderbell demo``: a small shop with Orderbell at work on it."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from typer import Option

from demo import report
from demo.daemon_process import DaemonEnded
from demo.interruption import Interrupted, until_interrupted
from demo.load import load
from demo.once import once
from demo.pageserver import PortTaken, serve

T = TypeVar("T")


def demo(
    *,
    once_: Annotated[bool, Option("--once", help="One order through all its statuses, then exit.")] = False,
    load_: Annotated[
        int, Option("--load", metavar="ORDERS", min=0, help="So many orders, then exit with a verdict.")
    ] = 0,
    writers: Annotated[int, Option(min=1, max=64, help="With --load: how many write at once.")] = 16,
    orders_per_second: Annotated[
        float, Option(min=0, help="The shop runs by itself; with --load, how fast orders come at most.")
    ] = 0,
    as_json: Annotated[bool, Option("--json", help="The result as one JSON object, the last line.")] = False,
    port: Annotated[int, Option(min=1, max=65535, help="Where the page is served.")] = 8400,
    keep: Annotated[bool, Option("--keep", help="Leave the folder with configuration and log.")] = False,
) -> None:
    """A small food shop in a PostgreSQL of its own, with Orderbell on it and sandbox providers around it.

    Without options it serves a page that shows what everyone receives.

    A run with --load is well when missing and duplicates are 0. Orders run through their statuses faster than messages
    go out, and nobody is told what is outdated: received + superseded = expected. The queues' figures are seconds after
    the last commit.
    """
    if once_:
        verdict = _run(once(keep=keep, say=report.progress))
        report.once(verdict, as_json=as_json)
        raise typer.Exit(0 if verdict.good else 1)
    if load_:
        result = _run(load(load_, writers, orders_per_second, keep=keep, say=report.progress))
        report.load(result, as_json=as_json)
        raise typer.Exit(0 if result.verdict.good else 1)
    _run(serve(port, orders_per_second, keep=keep, say=report.progress), interruption_is_fine=True)


def _run(work: Coroutine[Any, Any, T], *, interruption_is_fine: bool = False) -> T:
    """Run ``work``; Ctrl-C and SIGTERM cancel it, and what it has started is ended in order."""
    try:
        return asyncio.run(until_interrupted(work))
    except Interrupted as interrupted:
        raise typer.Exit(0 if interruption_is_fine else interrupted.exit_code) from None
    except (DaemonEnded, PortTaken, TimeoutError) as error:
        Console(stderr=True).print(str(error), markup=False, highlight=False)
        raise typer.Exit(1) from None
