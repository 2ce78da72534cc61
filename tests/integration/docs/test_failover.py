"""The how-to for failover: its settings are the server's, its queries answer, and a slot goes and comes as it says."""

import re

import psycopg
import pytest

from config import Settings
from schema.install import install
from tests.pages import Page

PAGE = Page("docs/how-to/failover.md")
UPGRADE = Page("docs/how-to/upgrade.md").section("A new major version of PostgreSQL")


def test_every_setting_on_the_page_is_one_of_the_server(postgres: str) -> None:
    named = {name for block in PAGE.blocks("ini") for name in re.findall(r"^(\w+) =", block, re.MULTILINE)}
    named |= set(re.findall(r"^\| `(\w+)`", PAGE.section("What to set on the server").text, re.MULTILINE))
    assert len(named) == 8
    with psycopg.connect(postgres) as connection:
        known = connection.execute("SELECT name FROM pg_settings WHERE name = ANY(%s)", (sorted(named),)).fetchall()
    assert {name for (name,) in known} == named


@pytest.mark.parametrize("query", PAGE.blocks("sql"))
def test_every_query_on_the_page_answers(empty_database: str, query: str) -> None:
    url = psycopg.conninfo.make_conninfo(empty_database, application_name="orderbell")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_create_logical_replication_slot('of_' || current_database(), 'pgoutput')")
        assert connection.execute(query.encode()).fetchall()


def test_the_slot_is_dropped_and_made_anew_as_the_upgrade_says(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (id int PRIMARY KEY, status text)")
        connection.execute("ALTER TABLE orders REPLICA IDENTITY FULL")
        given = {"database": {"url": empty_database}, "capture": "wal", "watch": [{"table": "orders"}]}
        install(Settings.model_validate(given))
        connection.execute(UPGRADE.block("sql").encode())
        mine = "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"
        assert connection.execute(mine).fetchone() == (0,)
        connection.execute("UPDATE orderbell.change_log SET system_identifier = '1'")  # as pg_upgrade makes it
        (first, second) = install(Settings.model_validate(given))
        assert first.startswith("this database is a copy, or its cluster was made anew")
        assert second.endswith("the daemon finds out what was missed")
        assert connection.execute(mine).fetchone() == (1,)
