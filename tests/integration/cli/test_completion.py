"""What a shell completes, asked as its script asks."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Command

CONFIGURATION = """
[people]
query = "SELECT id AS user_id FROM people WHERE id = ANY(:ids)"
[audience.customer]
column = "customer_id"
[[watch]]
table = "orders"
columns = ["customer_id"]
[[rule]]
event = "order.ready"
audience = "customer"
channels = ["inbox"]
[[rule]]
event = "order.created"
audience = "customer"
channels = ["inbox"]
"""

Folder = Path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "orderbell.toml").write_text(CONFIGURATION, encoding="utf-8")
    return tmp_path


def completed(folder: Folder, shell: str, line: str) -> list[str]:
    """What ``shell`` offers where ``line`` ends."""
    words = line.split(" ")
    asked = {
        "bash": {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    ran = subprocess.run(
        [Path(sys.executable).parent / "orderbell"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "_ORDERBELL_COMPLETE": f"complete_{shell}", **asked},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stderr == ""
    return [line for line in ran.stdout.split("\n") if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_command_is_completed(folder: Folder, shell: str) -> None:
    offered = " ".join(completed(folder, shell, "orderbell sta"))
    assert "status" in offered
    assert "replay" not in offered


def test_a_word_that_begins_two_commands_offers_both(folder: Folder) -> None:
    assert {"suppress", "suppressed"} <= set(completed(folder, "bash", "orderbell suppress"))


def test_the_demo_is_offered_without_being_loaded(folder: Folder) -> None:
    assert {"demo", "bench"} <= set(completed(folder, "bash", "orderbell "))


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("orderbell send order.", {"order.created", "order.ready"}),
        ("orderbell send order.r", {"order.ready"}),
        ("orderbell explain or", {"order:"}),
        ("orderbell failed --channel e", {"email"}),
        ("orderbell retry --channel ", {"email", "sms", "webpush"}),
        ("orderbell suppress s", {"sms"}),
        ("orderbell template draft order.ready c", {"customer"}),
        ("orderbell template pub", {"publish"}),
        ("orderbell status --o", {"--once"}),
    ],
)
def test_names_of_the_configuration_are_completed(folder: Folder, line: str, offered: set[str]) -> None:
    assert set(completed(folder, "bash", line)) == offered


def test_without_a_configuration_nothing_is_completed_and_nothing_said(tmp_path: Path) -> None:
    assert completed(tmp_path, "bash", "orderbell send or") == []
    (tmp_path / "orderbell.toml").write_text("this is no TOML", encoding="utf-8")
    assert completed(tmp_path, "bash", "orderbell send or") == []


@pytest.mark.parametrize(
    ("shell", "said"), [("bash", "complete -o default"), ("zsh", "#compdef"), ("fish", "complete")]
)
def test_the_script_for_a_shell_is_shown(orderbell: Command, shell: str, said: str) -> None:
    shown = orderbell("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert shown.returncode == 0
    assert said in shown.stdout
    assert "_ORDERBELL_COMPLETE" in shown.stdout
