"""The how-to pages for Django, Rails, Laravel and plain SQL, done word for word."""

import re
import tomllib

import pytest

from tests.integration.docs.conftest import Reader
from tests.pages import Page


def test_looking_says_what_the_page_says(reader: Reader) -> None:
    section = reader.page.section("Let Orderbell look")
    assert reader.look().stderr == section.block("text")
    for block in section.blocks("toml"):
        (shown,), (found,) = tomllib.loads(block)["watch"], reader.values["watch"]
        assert shown.items() <= found.items()


def test_what_the_page_mends_can_be_checked_and_installed(reader: Reader) -> None:
    reader.ready()
    assert set(reader.values["audience"]) >= {"customer", "vendor", "driver"}


def statements(script: str) -> list[tuple[str, int]]:
    """Each with the number of changes that the page says of it."""
    found = re.findall(r"(.+?;)  -- (\d+) changes?$", script, re.MULTILINE | re.DOTALL)
    assert len(found) == len(re.findall(r"-- \d+ change", script)) > 0
    return [(statement, int(count)) for statement, count in found]


def test_each_statement_is_seen_as_the_page_says(reader: Reader) -> None:
    reader.ready()
    for statement, count in statements(reader.page.section("What Orderbell sees").block("sql")):
        before = reader.changes()
        reader.sql(statement)
        assert reader.changes() - before == count, statement


def test_what_is_sent_by_hand_is_a_change_too(plain_sql: Reader) -> None:
    plain_sql.ready()
    for statement, count in statements(plain_sql.page.section("Events that no table makes").block("sql")):
        plain_sql.sql(statement)
        assert plain_sql.changes() == count


# Page, language, table, and how a column is declared there.
MODELS = [
    ("django", "python", "shop_order", r"^    (?P<column>\w+) = models\.(?P<kind>\w+)"),
    ("rails", "ruby", "orders", r"^  t\.(?P<kind>\w+) :(?P<column>\w+)"),
    ("laravel", "php", "orders", r"^    \$table->(?P<kind>\w+)\('(?P<column>\w+)'"),
]


@pytest.mark.parametrize(("name", "language", "table", "declared"), MODELS, ids=[model[0] for model in MODELS])
def test_the_tables_have_what_the_model_says(name: str, language: str, table: str, declared: str) -> None:
    page = Page(f"docs/how-to/{name}.md")
    source, sql = "\n".join(page.blocks(language)), page.blocks("sql")[0]
    (made,) = re.findall(rf'create table "{table}" \((.*?)\);$', sql, re.IGNORECASE | re.MULTILINE | re.DOTALL)
    columns = [
        column["column"] + ("_id" if column["kind"] in {"ForeignKey", "references"} else "")
        for column in re.finditer(declared, source, re.MULTILINE)
    ]
    assert len(columns) > 5
    assert [column for column in columns if f'"{column}" ' not in made] == []
