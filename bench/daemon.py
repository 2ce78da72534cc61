"""``orderbell run`` as a process, as it runs in production: started, waited for, looked at, ended."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.frame import ROOT

READY_SECONDS = 60.0
STOP_SECONDS = 60.0
INSTALLED = ROOT / "bench" / "installed"
"""Makes :mod:`bench.noop` channels."""


class Daemon:
    """A running daemon."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, start_seconds: float) -> None:
        self.start_seconds = start_seconds
        """From the start of the process to READY=1."""
        self.start_cpu_seconds = 0.0
        """What it used until then: hardly moves with what else the machine does."""
        self._process = process
        self._log = log

    def rss_mib(self) -> float:
        """What is resident now."""
        return self._status("VmRSS") / 1024

    def peak_mib(self) -> float:
        """The most that was ever resident."""
        return self._status("VmHWM") / 1024

    def cpu_seconds(self) -> float:
        """What all of its threads have used so far, to the nanosecond: schedstat(5)'s first number."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text(encoding="ascii").split()[0]) for each in tasks) / 1e9

    def look(self) -> None:
        """Raises RuntimeError where it has ended, with the end of its log."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the daemon ended:\n{self._log.read_text(encoding='utf-8', errors='replace')[-2000:]}")

    def _status(self, name: str) -> int:
        self.look()
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(status.partition(f"{name}:")[2].split()[0])


@contextmanager
def orderbell(configuration: Path, *, sends: bool = False) -> Iterator[Daemon]:
    """``orderbell run``, from READY=1 on. Unless it ``sends``, its e-mail and Web Push are :mod:`bench.noop`."""
    log, address = configuration.with_name("daemon.log"), str(configuration.with_name("notify"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORDERBELL_", "PYTHON"))}
    environment |= {"NOTIFY_SOCKET": address}
    if not sends:
        environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{INSTALLED}"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices, log.open("wb") as output:
        Path(address).unlink(missing_ok=True)
        notices.bind(address)
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "daemon.cli", "run", "--config", str(configuration)],
            env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            running = Daemon(process, log, 0.0)
            _until_ready(notices, running)
            running.start_seconds = time.monotonic() - began
            running.start_cpu_seconds = running.cpu_seconds()
            yield running
        finally:
            _end(process)


def _until_ready(notices: socket.socket, running: Daemon) -> None:
    until = time.monotonic() + READY_SECONDS
    notices.settimeout(0.5)
    while time.monotonic() < until:
        running.look()
        try:
            if b"READY=1" in notices.recv(4096).split(b"\n"):
                return
        except TimeoutError:
            continue
    raise TimeoutError(f"the daemon is not ready after {READY_SECONDS} seconds")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
