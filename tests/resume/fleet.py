"""Daemons as processes that keep their ports, whatever becomes of them."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from demo.ports import port_of, reserved
from tests.acceptance.conftest import Daemon, running

TERM, KILL = "SIGTERM", "kill -9"


class Place:
    """Where a daemon runs, and is started again when it was ended."""

    def __init__(self, configuration: Path) -> None:
        self._held = reserved()
        self.port = port_of(self._held)
        self.ended: Counter[str] = Counter()
        self.notes: list[str] = []
        """What is wrong with its ends or its logs."""
        self._configuration = configuration
        self._stack = AsyncExitStack()
        self._daemon: Daemon | None = None

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end(TERM)
        self._held.close()

    async def restart(self, how: str) -> None:
        """End it so, and start another; returns once that is ready."""
        await self._end(how)
        self.ended[how] += 1
        await self._start()

    async def _start(self) -> None:
        self._daemon = await self._stack.enter_async_context(
            running(self._configuration, ORDERBELL_HTTP__PORT=str(self.port), ORDERBELL_LOG__FORMAT="json")
        )

    async def _end(self, how: str) -> None:
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return
        if how == KILL:
            daemon.process.kill()
            await daemon.process.wait()
        elif (code := await daemon.stop()) != 0:
            self.notes.append(f"a daemon ended with exit status {code} when it was told to stop")
        self.notes += _errors(daemon.text)
        await self._stack.aclose()


def _errors(text: str) -> Iterator[str]:
    """What a log says that should not be there."""
    # Without a line that was being written when it was killed.
    for line in text.rpartition("\n")[0].splitlines():
        if not line.startswith("{"):
            if "Traceback" in line:
                yield "a traceback in a log"
            continue
        entry = json.loads(line)
        if entry.get("level") in {"error", "critical"} or "exception" in entry:
            yield f"{entry.get('event')}: {str(entry.get('exception', entry)).strip().splitlines()[-1]}"
