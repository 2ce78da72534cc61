"""``orderbell suppressed``, ``suppress`` and ``unsuppress`` as processes."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shop(database: str, tmp_path: Path) -> str:
    text = f'[database]\nurl = "{database}"\n[sms]\ndefault_region = "US"\n'
    (tmp_path / "orderbell.toml").write_text(text, encoding="utf-8")
    return database


def closed(url: str) -> list[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT channel, address, reason FROM orderbell.suppression ORDER BY 1, 2").fetchall()


def test_where_no_address_is_closed_it_says_so(shop: str, orderbell: Command) -> None:
    listed = orderbell("suppressed")
    assert (listed.returncode, listed.stdout) == (0, "No address is closed.\n")


def test_an_address_is_closed_as_the_daemon_compares_it(shop: str, orderbell: Command) -> None:
    assert orderbell("suppress", "email", "Ada@Example.com").stdout == "ada@example.com is closed\n"
    assert orderbell("suppress", "sms", "(212) 555-0123").stdout == "+12125550123 is closed\n"
    again = orderbell("suppress", "email", "ada@example.com")
    assert (again.returncode, again.stdout) == (0, "ada@example.com was closed already\n")
    assert closed(shop) == [("email", "ada@example.com", "manual"), ("sms", "+12125550123", "manual")]


def test_the_list_says_why_and_can_be_narrowed_down(shop: str, orderbell: Command) -> None:
    orderbell("suppress", "email", "ada@example.com", "--detail", "asked [by] phone")
    orderbell("suppress", "sms", "2125550123")
    assert "asked [by] phone" in orderbell("suppressed").stdout
    found = json.loads(orderbell("suppressed", "--channel", "sms", "--address", "212-555-0123", "--json").stdout)
    assert [(one["channel"], one["address"], one["reason"]) for one in found] == [("sms", "+12125550123", "manual")]
    assert orderbell("suppressed", "--reason", "bounce").stdout == "No address is closed like that.\n"


def test_more_than_is_shown_is_said(shop: str, orderbell: Command) -> None:
    for name in ("ada", "bob", "cyd"):
        orderbell("suppress", "email", f"{name}@example.com")
    listed = orderbell("suppressed", "--limit", "2").stdout
    assert listed.count("@example.com") == 2
    assert "--limit shows more" in listed


def test_an_address_is_opened_again(shop: str, orderbell: Command) -> None:
    orderbell("suppress", "email", "ada@example.com")
    opened = orderbell("unsuppress", "email", "ADA@example.com")
    assert (opened.returncode, opened.stdout) == (0, "ada@example.com is open again; it was closed for: manual\n")
    assert closed(shop) == []
    again = orderbell("unsuppress", "email", "ada@example.com")
    assert (again.returncode, again.stderr) == (1, "ada@example.com was not closed on email\n")


def test_a_channel_that_is_none_is_refused(shop: str, orderbell: Command) -> None:
    refused = orderbell("suppress", "emial", "ada@example.com")
    assert refused.returncode == 2
    assert 'there is no channel "emial"; there is email, sms, webpush' in refused.stderr
    assert closed(shop) == []


def test_an_address_alone_is_refused(shop: str, orderbell: Command) -> None:
    refused = orderbell("suppressed", "--address", "ada@example.com")
    assert refused.returncode == 2
    assert "--address needs --channel" in refused.stderr
