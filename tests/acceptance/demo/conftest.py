import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def temporary_folder() -> Iterator[Path]:
    """Where the demo makes its folder. Not pytest's own: PostgreSQL's socket needs a short path."""
    folder = Path(tempfile.mkdtemp(prefix="ob-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start(temporary_folder: Path) -> Iterator[Start]:
    """Starts ``orderbell demo`` with arguments; what is still there at the end is ended."""
    started: list[subprocess.Popen[str]] = []

    def start_demo(*arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "daemon.cli", "demo", *arguments],
            env={**os.environ, "TMPDIR": str(temporary_folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start_demo
    for process in started:
        # In order first: killed outright, a demo cannot end the daemon that it started.
        process.terminate()
        try:
            process.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
