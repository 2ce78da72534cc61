"""The screen that keeps itself up to date: a thread reads, this one draws and listens for a key."""

import os
import select
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from daemon.cli.status.screen import screen
from daemon.cli.status.values import Status

REFRESH_SECONDS = 1.0
REST_SHARE = 10
"""After a reading, at least so many times as long as it took is waited: to be looked at must not be the load."""
KEY_SECONDS = 0.2
"""How often a new size of the terminal is looked for."""
HINT = "q quits"
LEAVE = {b"q", b"Q", b"\x03", b"\x04"}

Look = Callable[[], Status | str]
"""A reading, or in one line why there is none."""


class Reader:
    """Reads again and again in a thread of its own, so that a key is heard while the database is slow."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._over = threading.Event()
        self.newest: Status | str | None = None
        self.count = 0
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """It is not waited for: it may be waiting for a database that does not answer."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                self.newest = self._look()
            except Exception as error:  # noqa: BLE001 - or the last picture would stay, as if all went on as it was
                self.newest = f"cannot look: {type(error).__name__}: {error}"
            self.count += 1
            took = time.monotonic() - began
            self._over.wait(max(REFRESH_SECONDS - took, took * REST_SHARE))


def watch(look: Look, console: Console) -> None:
    """Show it until somebody presses q or Ctrl-C."""
    reader = Reader(look)
    reader.start()
    drawn: tuple[int, int, int] | None = None
    try:
        with _keys() as descriptor, Live(console=console, screen=True, auto_refresh=False) as live:
            while not _leaves(descriptor):
                now = (reader.count, *console.size)
                if now != drawn:
                    live.update(_picture(reader.newest, console), refresh=True)
                    drawn = now
    except KeyboardInterrupt:
        pass
    finally:
        reader.stop()


def _picture(newest: Status | str | None, console: Console) -> RenderableType:
    match newest:
        case None:
            return Text(" looking …", style="dim")
        case str():
            return Text.assemble(" ", (f"● {newest}", "red"), "\n\n ", (HINT, "dim"))
        case Status():
            drawn = screen(newest, console.width, hint=HINT)
            if len(console.render_lines(drawn)) > console.height:
                return screen(newest, console.width, hint=HINT, dense=True)
            return drawn


@contextmanager
def _keys() -> Iterator[int | None]:
    """Keys as they are pressed; None where they do not come from a terminal."""
    if not sys.stdin.isatty():
        yield None
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _leaves(descriptor: int | None) -> bool:
    """Whether somebody asks to leave; waits for a key for a moment."""
    if descriptor is None:
        time.sleep(KEY_SECONDS)
        return False
    ready, _, _ = select.select([descriptor], [], [], KEY_SECONDS)
    return bool(ready) and os.read(descriptor, 1) in LEAVE | {b""}
