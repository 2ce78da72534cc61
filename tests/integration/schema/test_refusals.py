"""What ``install`` and ``check`` say of columns, roles, policies and locks, in place of a traceback."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from config import Settings
from daemon.cli import check
from daemon.cli.notes import Notes
from schema.errors import NotAllowed, Refused
from schema.inspection import problems_of_watch
from schema.install import check_version, install

Shop = psycopg.Connection[tuple[Any, ...]]

ROLE = "narrow_role"


@pytest.fixture
def shop(any_empty_database: str) -> Iterator[Shop]:
    with psycopg.connect(any_empty_database, autocommit=True, row_factory=tuple_row) as connection:
        connection.execute("CREATE TABLE orders (id bigint PRIMARY KEY, status text, customer_id int)")
        connection.execute("CREATE TABLE users (id int PRIMARY KEY, name text)")
        connection.execute("CREATE VIEW people WITH (security_invoker) AS SELECT * FROM users")
        yield connection


@pytest.fixture
def narrow(shop: Shop, any_empty_database: str) -> Iterator[str]:
    """The URL of a role that may read the shop, and nothing else."""
    role = Identifier(ROLE)
    shop.execute(SQL("DROP ROLE IF EXISTS {}").format(role))
    shop.execute(SQL("CREATE ROLE {} LOGIN").format(role))
    shop.execute(SQL("GRANT SELECT, TRIGGER ON orders, users, people TO {}").format(role))
    yield psycopg.conninfo.make_conninfo(any_empty_database, user=ROLE)
    shop.execute(SQL("DROP OWNED BY {}").format(role))
    shop.execute(SQL("DROP ROLE {}").format(role))


def watched(url: str, **watch: object) -> Settings:
    return Settings.model_validate({"database": {"url": url}, "watch": [{"table": "orders", **watch}]})


def asking(url: str, query: str) -> Settings:
    return Settings.model_validate(
        {"database": {"url": url}, "watch": [{"table": "orders"}], "people": {"query": query}}
    )


def said(settings: Settings, capsys: pytest.CaptureFixture[str]) -> str:
    """Everything that ``check`` says of the database."""
    found = check._database(settings, Notes())
    return "\n".join([capsys.readouterr().out, *(line for lines in found for line in lines)])


@pytest.mark.parametrize("granted", ["nothing", "USAGE"])
def test_a_role_that_may_not_look_into_the_schema_is_told_whose_it_is(
    shop: Shop, any_empty_database: str, narrow: str, granted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    install(watched(any_empty_database))
    if granted != "nothing":
        shop.execute(SQL("GRANT USAGE ON SCHEMA orderbell TO {}").format(Identifier(ROLE)))
    with (
        psycopg.connect(narrow) as connection,
        pytest.raises(NotAllowed, match=f'role "{ROLE}" may not use the schema'),
    ):
        check_version(connection)
    assert f'role "{ROLE}" may not use the schema orderbell' in said(watched(narrow), capsys)
    with pytest.raises(Refused, match="may not use the schema orderbell, which belongs to"):
        install(watched(narrow))


def test_row_level_security_that_hides_rows_is_warned_of(
    shop: Shop, any_empty_database: str, narrow: str, capsys: pytest.CaptureFixture[str]
) -> None:
    install(watched(any_empty_database))
    query = "SELECT id AS user_id FROM people WHERE id = ANY(:ids)"
    assert "row-level security" not in said(asking(narrow, query), capsys)
    shop.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY; ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    heard = said(asking(narrow, query), capsys)
    assert "people.query: row-level security of users may hide rows" in heard
    assert "watch[0].table: row-level security of orders may hide rows" in heard
    assert "row-level security" not in said(asking(any_empty_database, query), capsys), "a superuser sees all"


def test_a_policy_that_shows_every_row_needs_no_warning(
    shop: Shop, any_empty_database: str, narrow: str, capsys: pytest.CaptureFixture[str]
) -> None:
    install(watched(any_empty_database))
    query = "SELECT id AS user_id FROM users WHERE id = ANY(:ids)"
    shop.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY")
    shop.execute(SQL("CREATE POLICY o ON users FOR SELECT TO {} USING (true)").format(Identifier(ROLE)))
    assert "row-level security" not in said(asking(narrow, query), capsys)
    shop.execute("CREATE POLICY r ON users AS RESTRICTIVE USING (id > 5)")
    assert "row-level security of users" in said(asking(narrow, query), capsys)


def test_generated_columns_are_watched_where_they_are_stored(shop: Shop, any_empty_database: str) -> None:
    shop.execute("ALTER TABLE orders ADD stored text GENERATED ALWAYS AS ('#' || id::text) STORED")
    install(watched(any_empty_database, label_column="stored"))
    shop.execute("INSERT INTO orders VALUES (1, 'pending')")
    assert shop.execute("SELECT new->>'stored' FROM orderbell.change").fetchall() == [("#1",)]


@pytest.mark.parametrize(
    ("key", "watch"),
    [
        ("event_column", {"event_column": "virtual"}),
        ("label_column", {"label_column": "virtual"}),
        ("columns[1]", {"columns": ["customer_id", "virtual"]}),
    ],
)
def test_virtual_generated_columns_are_refused(empty_database: str, key: str, watch: dict[str, object]) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE orders (id bigint PRIMARY KEY, status text, customer_id int,"
            " virtual int GENERATED ALWAYS AS (id + 1) VIRTUAL)"
        )
        wanted = watched(empty_database, **watch)
        _, problems = problems_of_watch(connection, wanted.watch[0], "watch[0]")
    assert [line.partition(" is a virtual")[0] for line in problems] == [f"watch[0].{key}: orders.virtual"]
    with pytest.raises(Refused, match="virtual generated column"):
        install(wanted)


def test_a_migration_waits_for_who_reads_our_tables(shop: Shop, any_empty_database: str) -> None:
    wanted = watched(any_empty_database)
    install(wanted)
    # As an older program left it: the migration after 0001 alters this table.
    shop.execute("DROP SCHEMA orderbell CASCADE")
    _install_version_1(any_empty_database)
    done = threading.Event()

    def install_and_say() -> None:
        install(wanted)
        done.set()

    with psycopg.connect(any_empty_database) as reader:
        reader.execute("SELECT count(*) FROM orderbell.delivery")
        thread = threading.Thread(target=install_and_say)
        thread.start()
        assert not done.wait(1.0), "installed although somebody read the table"
        reader.commit()
        thread.join(60)
    assert done.is_set()


def _install_version_1(url: str) -> None:
    from alembic import command
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    from schema.install import _alembic

    engine = create_engine("postgresql+psycopg://", poolclass=NullPool, creator=lambda: psycopg.connect(url))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA orderbell")
        config = _alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
