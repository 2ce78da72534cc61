"""``orderbell``, in a process whose wall clock another can set: SIGUSR2 reads the offset from a file.

As when a virtual machine is moved, or NTP steps. The monotonic clock goes on, and so does the database's.
"""

import os
import signal
import time
from pathlib import Path

import time_machine

from daemon.cli import main

OFFSET_FILE = "ORDERBELL_CHAOS_CLOCK"
"""Names the file, which holds seconds."""


class JumpingClock:
    """The process's wall clock."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._travel: time_machine.travel | None = None

    def jump(self, *_: object) -> None:
        """Be off by what the file says."""
        if self._travel is not None:
            self._travel.stop()
            self._travel = None
        offset = float(self._file.read_text() or 0)
        if offset:
            self._travel = time_machine.travel(time.time() + offset, tick=True)
            self._travel.start()


if __name__ == "__main__":
    # Not for the daemon, which takes what it does not know for a setting.
    signal.signal(signal.SIGUSR2, JumpingClock(Path(os.environ.pop(OFFSET_FILE))).jump)
    main()
