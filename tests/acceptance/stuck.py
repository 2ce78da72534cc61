"""``orderbell`` with a planner that can be made to hang: run as ``python -m tests.acceptance.stuck HOW FILE run ...``.

Once FILE is there, the planner's next batch never ends. ``awaits``: the loop goes on, the planner waits for what never
comes. ``blocks``: the loop itself stands still, and nothing else in the process moves.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from daemon.cli import main
from daemon.store.planner import Planner

_once = Planner._drain_once


async def _drain_once(self: Planner, connection: Any) -> int:
    how, file = HOW, FILE
    while file.exists():
        if how == "blocks":
            time.sleep(0.05)  # noqa: ASYNC251 - this is the fault
        else:
            await asyncio.get_running_loop().create_future()
    return await _once(self, connection)


if __name__ == "__main__":
    HOW, FILE = sys.argv[1], Path(sys.argv[2])
    sys.argv[1:] = sys.argv[3:]
    Planner._drain_once = _drain_once  # type: ignore[method-assign]
    main()
