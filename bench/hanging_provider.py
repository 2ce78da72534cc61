"""Whether the browser is told as quickly while the mail server hangs: ``python -m bench.hanging_provider``.

Rounds with a mail server that answers, and with one that takes each message and then says nothing for a minute, in
turns, in one run. The line that it prints has the medians of the rounds, and their ratio.
"""

import argparse
import asyncio
import json
import sys
from statistics import median

from bench.latency import Frames, frame_latencies, milliseconds
from demo.sinks.smtp import Step, Visit
from demo.stage import stage

HANG_SECONDS = 60.0


class Hanging:
    """A script for the sandbox mail server."""

    def __init__(self) -> None:
        self.mails = 0

    async def __call__(self, step: Step, _: Visit) -> str | None:
        """Takes the mail, and does not answer."""
        if step is Step.CONTENT:
            self.mails += 1
            await asyncio.sleep(HANG_SECONDS)
            return "451 4.3.0 Try again later"
        return None


async def run(rounds: int, seconds: float, per_second: float) -> dict[str, object]:
    """The figures of ``rounds`` rounds of each kind, ``seconds`` long."""
    frames, hanging = Frames(), Hanging()
    figures: dict[str, list[dict[str, float]]] = {"well": [], "hanging": []}
    async with stage(frames.take, reports=False, say=_say) as running:
        await frame_latencies(running, frames, 3, per_second)
        for number in range(rounds):
            for kind in ("well", "hanging"):
                running.providers.smtp.script = hanging if kind == "hanging" else None
                found = milliseconds(await frame_latencies(running, frames, seconds, per_second))
                figures[kind].append(found)
                _say(f"round {number + 1}, {kind}: {found}")
    middle = {
        kind: {part: median(each[part] for each in rounds_of) for part in ("p50", "p99")}
        for kind, rounds_of in figures.items()
    }
    return {
        "benchmark": "hanging_provider",
        "changes_per_second": per_second,
        "rounds": rounds,
        "seconds": seconds,
        "mails_that_hung": hanging.mails,
        "milliseconds": middle,
        "p99_ratio": round(middle["hanging"]["p99"] / middle["well"]["p99"], 2),
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def main() -> None:
    """Run it and print the line."""
    parser = argparse.ArgumentParser(prog="python -m bench.hanging_provider", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each round")
    parser.add_argument("--per-second", type=float, default=50.0, help="changes")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(run(given.rounds, given.seconds, given.per_second))))


if __name__ == "__main__":
    main()
