"""``orderbell init`` as a person runs it: URL in, ``orderbell.toml`` out, then ``install`` and ``check``."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]
Tables = Callable[[str], str]


@pytest.mark.parametrize("schema", ["shop", "django", "codes", "rails", "apart"])
def test_what_init_proposes_can_be_installed_and_checked_as_it_is(
    orderbell: Command, make_tables: Tables, tmp_path: Path, schema: str
) -> None:
    proposal = orderbell("init", make_tables(schema))
    assert proposal.returncode == 0, proposal.stderr
    (tmp_path / "orderbell.toml").write_text(proposal.stdout, encoding="utf-8")
    installed = orderbell("install")
    assert installed.returncode == 0, installed.stderr
    checked = orderbell("check")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_before_the_install_the_install_is_all_that_is_missing(
    orderbell: Command, make_tables: Tables, tmp_path: Path
) -> None:
    (tmp_path / "orderbell.toml").write_text(orderbell("init", make_tables("shop")).stdout, encoding="utf-8")
    checked = orderbell("check")
    assert checked.returncode == 1
    assert checked.stderr.splitlines() == ["Orderbell is not installed in this database: run `orderbell install`"]
    assert checked.stdout.splitlines()[-1] == "Everything else is well. Next: orderbell install"


def test_guesses_are_said_on_stderr_and_in_the_file(orderbell: Command, make_tables: Tables) -> None:
    proposal = orderbell("init", make_tables("codes"))
    notes = [line.removeprefix("note: ") for line in proposal.stderr.splitlines()]
    assert notes
    for note in notes:
        assert note in proposal.stdout.replace("\n#     ", " ")


def test_a_database_without_orders_is_one_clear_line(orderbell: Command, empty_database: str) -> None:
    proposal = orderbell("init", empty_database)
    assert (proposal.returncode, proposal.stdout) == (1, "")
    assert proposal.stderr.startswith("no table looks like orders")
    assert len(proposal.stderr.splitlines()) == 1


def test_a_database_that_does_not_answer_is_one_clear_line(orderbell: Command) -> None:
    proposal = orderbell("init", "postgresql://nobody:hush@127.0.0.1:1/nowhere")
    assert proposal.returncode == 3
    assert proposal.stderr.startswith("the database cannot be used: ")
    assert len(proposal.stderr.splitlines()) == 1
    assert "hush" not in proposal.stderr


def test_what_is_no_url_is_one_clear_line_that_does_not_repeat_it(orderbell: Command) -> None:
    proposal = orderbell("init", "hush-hush")
    assert (proposal.returncode, proposal.stdout) == (2, "")
    assert proposal.stderr == "this is no database's URL: write postgresql://user@host/name\n"
