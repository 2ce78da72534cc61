import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

Start = Callable[..., "subprocess.Popen[str]"]


def wait_until_it_says(demo: "subprocess.Popen[str]", words: str) -> None:
    assert demo.stderr is not None
    said = ""
    for line in demo.stderr:
        said += line
        if words in line:
            return
    pytest.fail(f"it ended without saying {words!r}: {said}")


def processes_of(folder: Path) -> dict[int, str]:
    """Command lines by process id, of everything that was started with something in ``folder``."""
    found = {}
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            command = (directory / "cmdline").read_text(errors="replace")
            if str(folder) in command:
                found[int(directory.name)] = command
    return found


def all_have_ended(folder: Path) -> bool:
    """PostgreSQL says that it has ended a moment before its last process is gone."""
    give_up_at = time.monotonic() + 30
    while processes_of(folder):
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_and_leaves_nothing(
    start: Start, temporary_folder: Path, closed_port: int, number: signal.Signals
) -> None:
    demo = start("--port", str(closed_port))
    wait_until_it_says(demo, f"http://127.0.0.1:{closed_port}/")
    assert processes_of(temporary_folder), "PostgreSQL and the daemon run in the folder"
    demo.send_signal(number)
    demo.communicate(timeout=60)
    assert demo.returncode == 0
    assert all_have_ended(temporary_folder)
    assert not list(temporary_folder.glob("orderbell-*"))


@pytest.mark.parametrize("step", ["starting PostgreSQL", "opening a small shop", "starting the daemon"])
def test_a_signal_while_it_starts_leaves_nothing_either(
    start: Start, temporary_folder: Path, closed_port: int, step: str
) -> None:
    demo = start("--port", str(closed_port))
    wait_until_it_says(demo, step)
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)
    assert all_have_ended(temporary_folder)
    assert not list(temporary_folder.glob("orderbell-*"))


def test_an_interrupted_measurement_says_so_by_its_exit_code(start: Start, temporary_folder: Path) -> None:
    # At a pace that leaves it much to do, however late the signal comes.
    demo = start("--load", "1000", "--writers", "1", "--orders-per-second", "1", "--json")
    wait_until_it_says(demo, "1 writers write 1,000 orders")
    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert not output
    assert not list(temporary_folder.glob("orderbell-*"))


def test_when_the_daemon_dies_the_demo_says_so_and_ends(start: Start, temporary_folder: Path, closed_port: int) -> None:
    demo = start("--port", str(closed_port))
    wait_until_it_says(demo, f"http://127.0.0.1:{closed_port}/")
    daemon = next(pid for pid, command in processes_of(temporary_folder).items() if "daemon.cli" in command)
    os.kill(daemon, signal.SIGKILL)
    _, errors = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert "the daemon ended with exit code -9" in errors
    assert not list(temporary_folder.glob("orderbell-*"))


def test_a_port_that_is_taken_is_said_before_anything_is_started(start: Start, temporary_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = start("--port", str(port))
        _, errors = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert errors.strip() == f"port {port} is in use: choose another with --port"
    assert not list(temporary_folder.glob("orderbell-*"))


def test_the_page_lets_nothing_in_from_elsewhere(start: Start, closed_port: int) -> None:
    demo = start("--port", str(closed_port))
    wait_until_it_says(demo, f"http://127.0.0.1:{closed_port}/")
    with urllib.request.urlopen(f"http://127.0.0.1:{closed_port}/", timeout=40) as answer:
        policy = answer.headers["Content-Security-Policy"]
        page = answer.read().decode()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "//" not in page.replace("<!doctype html>", "").replace("http://www.w3.org/2000/svg", "")
    elsewhere = urllib.request.Request(
        f"http://127.0.0.1:{closed_port}/orders", method="POST", headers={"Sec-Fetch-Site": "cross-site"}
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(elsewhere, timeout=40)
