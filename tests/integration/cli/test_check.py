"""``orderbell check`` as a process: what it says of a database, queries and providers, and its exit codes."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import load
from schema.install import install

Command = Callable[..., subprocess.CompletedProcess[str]]
Tables = Callable[[str], str]
Check = Callable[..., subprocess.CompletedProcess[str]]

SHOP = """
preset = "delivery"
[database]
url = "{url}"
[[watch]]
table = "orders"
label_column = "number"
columns = ["customer_id", "vendor_id", "driver_id"]
[people]
query = "SELECT id AS user_id, name, email, phone FROM users WHERE id = ANY(:ids)"
[audience.customer]
column = "customer_id"
[audience.vendor]
column = "vendor_id"
query = "SELECT id AS value, owner_id AS user_id FROM vendors WHERE id = ANY(:values)"
"""


@pytest.fixture
def check(orderbell: Command, make_tables: Tables, tmp_path: Path) -> Check:
    """Checks the shop's configuration after replacing one text by another, and appending a third."""
    url = make_tables("shop")
    file = tmp_path / "orderbell.toml"
    file.write_text(SHOP.format(url=url), encoding="utf-8")
    install(load(file, {}))

    def run(before: str = "", after: str = "", more: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        text = SHOP.format(url=url)
        assert before in text
        file.write_text((text.replace(before, after) if before else text) + more, encoding="utf-8")
        return orderbell("check", **environment)

    return run


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, held so that nobody takes it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def problems(checked: subprocess.CompletedProcess[str]) -> list[str]:
    assert checked.returncode == 1, checked.stdout + checked.stderr
    return checked.stderr.splitlines()


def test_a_sound_configuration_says_what_works_and_exits_with_0(check: Check) -> None:
    checked = check()
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.splitlines() == [
        "the configuration is sound",
        "the database answers",
        "watch[0]: orders can be watched",
        "people.query: yields user_id, name, email, phone",
        "audience.vendor.query: works",
        "email: no provider is configured; its rules' other channels are used",
        "sms: no provider is configured; its rules' other channels are used",
        "webpush: no provider is configured; its rules' other channels are used",
    ]


def test_a_missing_table_is_said_once(check: Check) -> None:
    (line,) = problems(check('table = "orders"', 'table = "order"'))
    assert line.startswith("watch[0].table: there is no table 'order' here")


def test_a_missing_column_is_said_with_the_one_that_was_meant(check: Check) -> None:
    assert problems(check('label_column = "number"', 'label_column = "numbr"')) == [
        "watch[0].label_column: orders has no column 'numbr' (did you mean \"number\"?)"
    ]


def test_a_column_that_is_not_captured_yet_asks_for_an_install(check: Check) -> None:
    (line,) = problems(check('"driver_id"', '"driver_id", "total"'))
    assert line == "watch orders: its triggers are missing or outdated: run `orderbell install`"


def test_a_query_that_fails_is_said_in_the_databases_words(check: Check) -> None:
    (line,) = problems(check("FROM users", "FROM user_accounts"))
    assert line == 'people.query: relation "user_accounts" does not exist'


def test_a_query_that_writes_is_refused(check: Check) -> None:
    query = "DELETE FROM vendors WHERE id = ANY(:values) RETURNING id, owner_id"
    before = "SELECT id AS value, owner_id AS user_id FROM vendors WHERE id = ANY(:values)"
    (line,) = problems(check(before, query))
    assert line == "audience.vendor.query: cannot execute DELETE in a read-only transaction"


def test_a_query_with_too_few_columns_is_told_which_are_wanted(check: Check) -> None:
    (line,) = problems(check("SELECT id AS value, owner_id", "SELECT owner_id"))
    assert line == "audience.vendor.query: must yield (value, user_id); it yields user_id"


def test_people_without_a_user_id_are_told_so(check: Check) -> None:
    (line,) = problems(check("id AS user_id, name", "id, name"))
    assert line == "people.query: must yield a column user_id; it yields id, name, email, phone"


def test_a_closed_smtp_port_is_a_problem_of_the_channel(check: Check, closed_port: int) -> None:
    more = f'\n[[email.provider]]\nhost = "127.0.0.1"\nport = {closed_port}\nsecurity = "none"\n'
    (line,) = problems(check(more=more))
    assert line.startswith(f"email: email provider smtp at 127.0.0.1:{closed_port}")


def test_every_problem_is_said_at_once(check: Check, closed_port: int) -> None:
    more = f'\n[[email.provider]]\nhost = "127.0.0.1"\nport = {closed_port}\nsecurity = "none"\n'
    checked = check("FROM users", "FROM nowhere", more=more)
    assert [line.partition(":")[0] for line in problems(checked)] == ["people.query", "email"]
    assert checked.stdout.splitlines()[-1] == "2 problems."


def test_a_database_that_does_not_answer_does_not_hide_the_providers(check: Check, closed_port: int) -> None:
    more = f'\n[[email.provider]]\nhost = "127.0.0.1"\nport = {closed_port}\nsecurity = "none"\n'
    checked = check(more=more, ORDERBELL_DATABASE__URL=f"postgresql://u:hush@127.0.0.1:{closed_port}/x")
    assert [line.partition(":")[0] for line in problems(checked)] == ["database.url", "email"]
    assert "hush" not in checked.stdout + checked.stderr


def test_a_wrong_configuration_exits_with_2_and_asks_nobody(check: Check) -> None:
    checked = check('column = "customer_id"', 'colum = "customer_id"')
    assert (checked.returncode, checked.stdout) == (2, "")
    assert any('(did you mean "column"?)' in line for line in checked.stderr.splitlines())


def test_no_configuration_at_all_is_one_line_that_says_what_to_do(orderbell: Command) -> None:
    checked = orderbell("check")
    assert checked.returncode == 2
    assert "orderbell init > orderbell.toml" in checked.stderr
