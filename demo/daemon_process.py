"""The daemon as it runs in production: a process that says when it is ready, and ends on SIGTERM."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
"""More than ``[shutdown] drain_seconds``."""


class DaemonEnded(RuntimeError):
    """The daemon ended by itself; the text has the end of its log."""


class _Notices(asyncio.DatagramProtocol):
    """systemd's end of sd_notify."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        if b"READY=1" in data.split(b"\n"):
            self.ready.set()


class Daemon:
    """A running daemon."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    async def ended(self) -> None:
        """Wait until the daemon ends, which it should not: raises :class:`DaemonEnded`."""
        code = await self._process.wait()
        tail = "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
        raise DaemonEnded(f"the daemon ended with exit code {code}. The end of its log:\n{tail}")

    async def stop(self) -> None:
        """SIGTERM, and wait until it has drained; SIGKILL when it does not come to an end."""
        if self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def daemon(configuration: Path, credentials: Path, folder: Path) -> AsyncIterator[Daemon]:
    """Start ``orderbell run`` and wait until it says READY=1.

    Raises :class:`DaemonEnded` when it ends instead, TimeoutError when it says nothing.
    """
    address = folder / "notify.sock"
    log = folder / "daemon.log"
    # What the user's shell says about another Orderbell is not for this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDERBELL_")}
    environment |= {"NOTIFY_SOCKET": str(address), "CREDENTIALS_DIRECTORY": str(credentials)}
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.setblocking(False)
    listening.bind(str(address))
    transport, notices = await asyncio.get_running_loop().create_datagram_endpoint(_Notices, sock=listening)
    try:
        with log.open("wb") as output:
            starting = asyncio.ensure_future(asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "daemon.cli", "run", "--config", str(configuration),
                env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal is for us, who then end things in order
            ))  # fmt: skip
            try:
                process = await asyncio.shield(starting)
            except asyncio.CancelledError:
                # A signal in this very moment must not leave a daemon behind that nobody knows.
                process = await starting
                process.kill()
                await process.wait()
                raise
        running = Daemon(process, log)
        try:
            await unless_it_ends(notices.ready.wait(), running, READY_SECONDS)
            yield running
        finally:
            await running.stop()
    finally:
        transport.close()


async def unless_it_ends(work: Coroutine[Any, Any, T], running: Daemon, seconds: float | None = None) -> T:
    """The result of ``work``, which is cancelled when the daemon ends or ``seconds`` have passed.

    Raises :class:`DaemonEnded` or TimeoutError in these cases.
    """
    task = asyncio.ensure_future(work)
    end = asyncio.ensure_future(running.ended())
    try:
        done, _ = await asyncio.wait({task, end}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            return task.result()
        if end in done:
            end.result()
        raise TimeoutError(f"the daemon took more than {seconds} seconds")
    finally:
        for one in (task, end):
            one.cancel()
        await asyncio.gather(task, end, return_exceptions=True)
