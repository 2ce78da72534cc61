"""Commands that do something say what, for scripts: one JSON value on stdout and nothing else."""

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest

from tests.integration.cli.conftest import Command

SECRET = "a secret for tests that is long enough"
RULES = """
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
"""


@pytest.fixture
def folder(database: str, tmp_path: Path) -> Path:
    text = f'[database]\nurl = "{database}"\n[auth]\nsecret = "{SECRET}"\n{RULES}'
    (tmp_path / "orderbell.toml").write_text(text, encoding="utf-8")
    return tmp_path


def said(ran: subprocess.CompletedProcess[str]) -> Any:
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.usefixtures("folder")
def test_retry_counts_what_came_back(orderbell: Command) -> None:
    assert said(orderbell("retry", "--all", "--json")) == {"deliveries": 0, "changes": 0, "absent": 0}
    some = orderbell("retry", "d1", "c2", "--json")
    assert some.returncode == 1
    assert json.loads(some.stdout) == {"deliveries": 0, "changes": 0, "absent": 2}


@pytest.mark.usefixtures("folder")
def test_an_address_that_is_closed_and_opened(orderbell: Command) -> None:
    place = {"channel": "email", "address": "ada@example.com"}
    assert said(orderbell("suppress", "email", "Ada@example.com", "--json")) == {**place, "added": True}
    assert said(orderbell("suppress", "email", "Ada@example.com", "--json")) == {**place, "added": False}
    opened = said(orderbell("unsuppress", "email", "Ada@example.com", "--json"))
    assert opened == {**place, "opened": True, "reason": "manual"}
    again = orderbell("unsuppress", "email", "Ada@example.com", "--json")
    assert again.returncode == 1
    assert json.loads(again.stdout) == {**place, "opened": False, "reason": None}


@pytest.mark.usefixtures("folder")
def test_a_token_with_its_end(orderbell: Command) -> None:
    made = said(orderbell("token", "7", "--role", "admin", "--json"))
    assert made["user_id"] == "7"
    assert jwt.decode(made["token"], SECRET, algorithms=["HS256"])["sub"] == "7"
    assert made["expires_at"].endswith("+00:00")


def test_a_draft_with_its_id(orderbell: Command, folder: Path) -> None:
    (folder / "ready.toml").write_text('title = "Ready"\nbody = "Your order is ready."\n', encoding="utf-8")
    drafted = said(orderbell("template", "draft", "order.ready", "customer", "ready.toml", "--json"))
    assert drafted == {"id": 1, "version": 1, "state": "draft"}


@pytest.mark.usefixtures("folder")
def test_a_template_that_is_published_and_retired(orderbell: Command, folder: Path) -> None:
    (folder / "ready.toml").write_text('title = "Ready"\nbody = "Your order is ready."\n', encoding="utf-8")
    for _ in range(2):
        said(orderbell("template", "draft", "order.ready", "customer", "ready.toml", "--json"))
    one = {"id": 1, "version": 1, "state": "published", "retired_version": None, "problems": []}
    assert said(orderbell("template", "publish", "1", "--json")) == {**one, "changed": True}
    assert said(orderbell("template", "publish", "1", "--json")) == {**one, "changed": False}
    two = said(orderbell("template", "publish", "2", "--json"))
    assert two == {**one, "id": 2, "version": 2, "changed": True, "retired_version": 1}
    gone = {"id": 2, "version": 2, "state": "retired"}
    assert said(orderbell("template", "retire", "2", "--json")) == {**gone, "changed": True}
    assert said(orderbell("template", "retire", "2", "--json")) == {**gone, "changed": False}


def test_a_template_that_is_not_published_says_why(orderbell: Command, folder: Path) -> None:
    (folder / "ready.toml").write_text('title = "{{ order.nothing }}"\nbody = "Ready."\n', encoding="utf-8")
    said(orderbell("template", "draft", "order.ready", "customer", "ready.toml", "--json"))
    refused = orderbell("template", "publish", "1", "--json")
    assert refused.returncode == 1
    found = json.loads(refused.stdout)
    (problem,) = found.pop("problems")
    assert "nothing" in problem
    assert found == {"id": 1, "version": 1, "state": "draft", "changed": False, "retired_version": None}
    anyway = said(orderbell("template", "publish", "1", "--anyway", "--json"))
    assert (anyway["state"], anyway["problems"]) == ("published", [problem])


@pytest.fixture
def shop(empty_database: str, tmp_path: Path) -> str:
    """A shop in which nothing is installed yet."""
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE TABLE people (id int PRIMARY KEY)")
        connection.execute("CREATE TABLE orders (id int PRIMARY KEY, status text, customer_id int)")
    (tmp_path / "orderbell.toml").write_text(f'[database]\nurl = "{empty_database}"\n{RULES}', encoding="utf-8")
    return empty_database


@pytest.mark.usefixtures("shop")
def test_check_says_what_install_mends_and_afterwards_that_all_is_well(orderbell: Command) -> None:
    checked = orderbell("check", "--json")
    assert checked.returncode == 1
    found = json.loads(checked.stdout)
    notes = ["the configuration is sound", "the database answers", "watch[0]: orders can be watched"]
    notes.append("people.query: yields user_id")
    missing = "Orderbell is not installed in this database: run `orderbell install`"
    assert found == {"well": False, "problems": [], "outdated": [missing], "notes": notes}
    said(orderbell("install", "--json"))
    assert said(orderbell("check", "--json")) == {"well": True, "problems": [], "outdated": [], "notes": notes}


def test_check_says_what_a_person_must_mend(orderbell: Command, shop: str) -> None:
    with psycopg.connect(shop) as connection:
        connection.execute("DROP TABLE people")
    checked = orderbell("check", "--json")
    assert checked.returncode == 1
    found = json.loads(checked.stdout)
    assert found["problems"][0] == 'people.query: relation "people" does not exist'
    assert not found["well"]


@pytest.mark.usefixtures("shop")
def test_install_and_uninstall_say_what_they_have_changed(orderbell: Command) -> None:
    created, put = said(orderbell("install", "--json"))["changed"]
    assert created.startswith("created the schema orderbell, version ")
    assert put == "put the triggers of the watch orders on public.orders"
    assert said(orderbell("install", "--json")) == {"changed": []}
    removed = ["removed the triggers from public.orders", "dropped the schema orderbell with all it held"]
    assert said(orderbell("uninstall", "--yes", "--json")) == {"changed": removed}
    assert said(orderbell("uninstall", "--yes", "--json")) == {"changed": []}


@pytest.mark.usefixtures("shop")
def test_uninstall_asks_nobody_where_the_answer_is_json(orderbell: Command) -> None:
    said(orderbell("install", "--json"))
    asked = orderbell("uninstall", "--json")
    assert (asked.returncode, asked.stdout) == (2, "")
    assert asked.stderr == "--json asks nobody: say --yes too\n"
    assert said(orderbell("install", "--json")) == {"changed": []}, "nothing was removed"


def test_an_install_that_is_refused_says_why(orderbell: Command, shop: str) -> None:
    with psycopg.connect(shop) as connection:
        connection.execute("DROP TABLE orders")
    refused = orderbell("install", "--json")
    assert refused.returncode == 1
    found = json.loads(refused.stdout)
    (reason,) = found["reasons"]
    assert found["changed"] == []
    assert reason.startswith("watch[0].table: there is no table 'orders'")
    assert refused.stderr.splitlines() == [reason]


def test_an_install_without_a_database_says_so(orderbell: Command, tmp_path: Path) -> None:
    (tmp_path / "orderbell.toml").write_text('[database]\nurl = "host=127.0.0.1 port=9"\n', encoding="utf-8")
    away = orderbell("install", "--json")
    assert away.returncode == 3
    found = json.loads(away.stdout)
    assert found["changed"] == []
    assert found["reasons"][0].startswith("the database cannot be used: ")


def test_while_install_waits_something_turns_on_the_terminal(shop: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with psycopg.connect(shop) as writer:
        writer.execute("INSERT INTO orders VALUES (1, 'new')")
        installing = subprocess.Popen(
            [Path(sys.executable).parent / "orderbell", "install"],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
        )
        os.close(theirs)
        shown, deadline = b"", time.monotonic() + 60
        while shown.count(b"installing") < 5 and time.monotonic() < deadline:
            shown += os.read(ours, 4096)
        assert installing.poll() is None, "it still waits for the writer"
        writer.commit()
    stdout, _ = installing.communicate(timeout=50)
    os.close(ours)
    assert installing.returncode == 0
    assert shown.count(b"installing") >= 5
    assert stdout.splitlines()[-1] == "put the triggers of the watch orders on public.orders"
