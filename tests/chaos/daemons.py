"""Two ``orderbell run``, each behind a wire of its own, started again whenever they end."""

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg

from schema import locks
from tests.chaos.database import Database
from tests.chaos.jumping_clock import OFFSET_FILE
from tests.chaos.wire import Wire

ACTIVE = """
SELECT a.client_port FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = %s AND l.granted
"""
NODE = re.compile(rb'"node": ?"([^"]+)"')
STOP_SECONDS = 30.0


class Daemon:
    """One place where a daemon runs, and whatever process runs there now."""

    def __init__(self, name: str, wire: Wire, configuration: Path, credentials: Path) -> None:
        self.name = name
        self.wire = wire
        self.log = configuration.parent / f"{name}.log"
        self.starts = 0
        self.ended_by_itself = 0
        self.running = asyncio.Event()
        self._log_begins = 0
        """Where in the log what the present process says begins."""
        self._clock = configuration.parent / f"{name}.clock"
        self._clock.write_text("0")
        self._configuration = configuration
        self._credentials = credentials
        self._process: asyncio.subprocess.Process | None = None
        self._expected_end = False
        self._stopping = False

    async def keep_running(self) -> None:
        """As systemd would, without its pause."""
        with self.log.open("ab") as output:
            while not self._stopping:
                self._log_begins = output.seek(0, os.SEEK_END)
                process = await self._start(output)
                self._process, self._expected_end = process, False
                self.starts += 1
                self.running.set()
                await process.wait()
                self.running.clear()
                if not self._expected_end and not self._stopping:
                    self.ended_by_itself += 1
                    # Not a storm of processes when one cannot even start.
                    await asyncio.sleep(0.5)

    def kill(self) -> None:
        """``kill -9``."""
        if self._process is not None and self._process.returncode is None:
            self._expected_end = True
            self._process.kill()

    def signal(self, number: signal.Signals) -> None:
        """Send it, if there is anyone to send it to."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def jump(self, seconds: float) -> None:
        """Its wall clock is off by ``seconds`` from now on."""
        self._clock.write_text(str(seconds))
        self.signal(signal.SIGUSR2)

    def node(self) -> str | None:
        """What its process calls itself; None before it said so."""
        with self.log.open("rb") as file:
            file.seek(self._log_begins)
            found = NODE.search(file.read())
        return found[1].decode() if found else None

    def is_quick(self) -> bool:
        """Whether a process is there and at work: one that is signalled during its imports just ends."""
        return self.running.is_set() and self.node() is not None

    async def stop(self) -> int | None:
        """SIGTERM and not started again; the exit status, or None where it had to be killed."""
        self._stopping = True
        process = self._process
        if process is None:
            return 0
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            return None

    def tracebacks(self) -> Iterator[str]:
        """Lines of its log that show one."""
        for line in self.log.read_text(errors="replace").splitlines():
            if "Traceback" in line:
                yield line if not line.startswith("{") else _shortened(line)

    async def _start(self, output: IO[bytes]) -> asyncio.subprocess.Process:
        # What the caller's shell says about another Orderbell is not for this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDERBELL_")}
        environment |= {
            "CREDENTIALS_DIRECTORY": str(self._credentials),
            "ORDERBELL_DATABASE__URL": f"postgresql://postgres@127.0.0.1:{self.wire.port}/postgres",
            OFFSET_FILE: str(self._clock),
        }
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.chaos.jumping_clock", "run", "--config", self._configuration,
            env=environment, cwd=Path(__file__).parents[2], stdin=asyncio.subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip


def _shortened(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    return f"{entry.get('event')}: {str(entry.get('exception', '')).strip().splitlines()[-1:]}"


async def active(daemons: list[Daemon], database: Database, dice: random.Random) -> Daemon:
    """The one that plans, or any where that cannot be told just now."""
    try:
        async with await psycopg.AsyncConnection.connect(database.url, connect_timeout=2) as connection:
            cursor = await connection.execute(ACTIVE, (locks.CLASS, locks.PLANNER))
            ports = {row[0] for row in await cursor.fetchall()}
    except psycopg.Error:
        return dice.choice(daemons)
    return next((daemon for daemon in daemons if daemon.wire.far_ends() & ports), dice.choice(daemons))
