"""Every benchmark, each in a process of its own: ``make bench``.

Prints the table of goals and writes ``docs/explanation/performance.md``. With names, only those run, and only the table
is printed. What each said is kept in ``.bench-results``; ``--page`` writes the page again from there.
"""

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.frame import ROOT
from bench.page.page import PAGE, write

RESULTS = ROOT / ".bench-results"
END_SECONDS = 30.0
"""For what is interrupted to clean up after itself."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One of them, and how long it may take."""

    name: str
    """``python -m bench.NAME``; the name in its line, too."""
    budget_seconds: int
    arguments: Sequence[str] = ()


# Together less than 15 minutes, as a rule some 13; each alone may take longer where the machine has other work.
BENCHMARKS = (
    Benchmark("writers", 200),
    Benchmark("pipeline", 200),
    Benchmark("frame_latency", 180),
    Benchmark("hub", 300),
    Benchmark("email_rate", 80),
    Benchmark("webpush_rate", 80),
    Benchmark("backlog", 400),
    Benchmark("start", 100, ("--rounds", "3")),
)


class Failed(Exception):
    """A benchmark did not come to its end: why."""


def run(benchmark: Benchmark, *, quick: bool, progress: Progress) -> dict[str, Any]:
    """Its line. Raises Failed."""
    arguments = ["--quick"] if quick else [*benchmark.arguments]
    task = progress.add_task(benchmark.name, total=None, doing="")
    child = subprocess.Popen(
        [sys.executable, "-m", f"bench.{benchmark.name}", *arguments],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    said: deque[str] = deque(maxlen=20)

    def listen() -> None:
        for line in child.stderr or ():
            said.append(line.rstrip())
            progress.update(task, doing=said[-1][:100])

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        # One line, which a pipe holds: nobody needs to read it meanwhile.
        child.wait(benchmark.budget_seconds)
    except subprocess.TimeoutExpired:
        raise Failed(f"took more than {benchmark.budget_seconds} s") from None
    finally:
        _end(child)
        listener.join(1.0)
        progress.update(task, total=1, completed=1)
    printed = child.stdout.read() if child.stdout else ""
    if child.returncode:
        raise Failed("\n".join(said))
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def _end(child: "subprocess.Popen[str]") -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def table(lines: Sequence[dict[str, Any]]) -> Table:
    """Goal, figure and verdict."""
    shown = Table("", "goal", "figure", "verdict", title="Performance")
    for line in lines:
        for row in line["rows"]:
            verdict = {True: "[green]reached", False: "[red]missed", None: ""}[row["met"]]
            shown.add_row(row["what"], row["goal"], row["figure"], verdict)
    return shown


def main() -> None:
    """Run what is asked for."""
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="tiny sizes: do all parts work? Writes no page")
    parser.add_argument("--page", action="store_true", help="run nothing, write the page from what was kept")
    given = parser.parse_args()
    if unknown := set(given.names) - set(names):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    console = Console()
    if given.page:
        write(kept(names))
        console.print(f"Written: {PAGE.relative_to(ROOT)}")
        return
    chosen = [benchmark for benchmark in BENCHMARKS if not given.names or benchmark.name in given.names]
    began, lines, failed = time.monotonic(), [], False
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:10}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[doing]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        for benchmark in chosen:
            try:
                line = run(benchmark, quick=given.quick, progress=progress)
            except Failed as error:
                failed = True
                console.print(f"[red]{benchmark.name} failed[/]: {error}", highlight=False)
                continue
            lines.append(line)
            if not given.quick:
                keep(line)
    console.print(table(lines))
    console.print(f"{time.monotonic() - began:.0f} s")
    if not (given.quick or given.names or failed):
        write(lines)
        console.print(f"Written: {PAGE.relative_to(ROOT)}")
    raise SystemExit(int(failed))


def keep(line: dict[str, Any]) -> None:
    """For ``--page``."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{line['benchmark']}.json").write_text(json.dumps(line, indent=1), encoding="utf-8")


def kept(names: Sequence[str]) -> list[dict[str, Any]]:
    """The last line of each benchmark that has run."""
    files = [RESULTS / f"{name}.json" for name in names]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]


if __name__ == "__main__":
    main()
