"""The capture function runs with its owner's rights: nothing that the application can define may run in it."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from config import Settings
from schema.install import install, stale_watches

Shop = psycopg.Connection[tuple[Any, ...]]

APP = "escaping_app"

# Everything that an application's role can define around a type of its own, each ready to take our rights.
TRAPS = """
CREATE TYPE app.phase AS ENUM ('new', 'ready');
CREATE TYPE app.place AS (town text, phase app.phase);
CREATE TYPE app.span AS RANGE (subtype = int4);
CREATE DOMAIN app.price AS numeric(12, 2);
CREATE DOMAIN app.stage AS app.phase;
CREATE TABLE app.orders (
    id bigint PRIMARY KEY, status app.phase, place app.place, span app.span, price app.price, stage app.stage,
    phases app.phase[], doc json, numbers int[], dots point[], docs json[]
);
CREATE TABLE app.keyed (id app.phase PRIMARY KEY, status app.phase, "date" date);
"""

KINDS = ("app.phase", "app.place", "app.span", "app.phase[]", "app.orders", "app.keyed")


@pytest.fixture
def shop(any_empty_database: str) -> Iterator[Shop]:
    """As the installer; the schema ``app`` belongs to the application's role."""
    with psycopg.connect(any_empty_database, autocommit=True, row_factory=tuple_row) as connection:
        connection.execute(SQL("DROP ROLE IF EXISTS {0}").format(Identifier(APP)))
        connection.execute(SQL("CREATE ROLE {0} LOGIN").format(Identifier(APP)))
        connection.execute(SQL("CREATE SCHEMA app AUTHORIZATION {0}").format(Identifier(APP)))
        with application(any_empty_database) as app:
            app.execute(TRAPS)
            for number, kind in enumerate(KINDS):
                _set_traps(app, number, kind)
        yield connection
        connection.execute(SQL("DROP OWNED BY {0} CASCADE").format(Identifier(APP)))
        connection.execute(SQL("DROP ROLE {0}").format(Identifier(APP)))


def trap(returned: str) -> str:
    """The body of a function that takes the rights of whoever else runs it."""
    escape = f"IF current_user <> '{APP}' THEN EXECUTE 'ALTER ROLE {APP} SUPERUSER'; END IF"
    return f"LANGUAGE plpgsql AS $$ BEGIN {escape}; RETURN {returned}; END $$"


def _set_traps(app: Shop, number: int, kind: str) -> None:
    for target, value in (("json", "'{}'"), ("jsonb", "'{}'"), ("text", "'1'"), ("bigint", "1")):
        function = f"app.evil_{number}_{target}"
        app.execute(f"CREATE FUNCTION {function}({kind}) RETURNS {target} {trap(value)}".encode())
        how = "" if target.startswith("json") or kind.endswith("[]") else "AS IMPLICIT"
        app.execute(f"CREATE CAST ({kind} AS {target}) WITH FUNCTION {function}({kind}) {how}".encode())
    equal = f"app.equal_{number}"
    app.execute(f"CREATE FUNCTION {equal}({kind}, {kind}) RETURNS boolean {trap('true')}".encode())
    app.execute(f"CREATE OPERATOR app.= (FUNCTION = {equal}, LEFTARG = {kind}, RIGHTARG = {kind})".encode())


def application(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    made = psycopg.connect(psycopg.conninfo.make_conninfo(url, user=APP), autocommit=True, row_factory=tuple_row)
    made.execute("SET search_path = app, pg_catalog")
    return made


def watched(url: str, table: str = "app.orders", *columns: str) -> Settings:
    given = {"name": "w", "table": table, "columns": list(columns)}
    return Settings.model_validate({"database": {"url": url}, "watch": [given]})


def changes(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.execute("SELECT op, key, old, new FROM orderbell.change ORDER BY id").fetchall()


def is_superuser(shop: Shop) -> bool:
    return shop.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", (APP,)).fetchone() == (True,)


ALL = ("place", "span", "price", "stage", "phases", "doc", "numbers")

ROW = """
INSERT INTO orders
VALUES (7, 'new', '(Berlin,new)', '[1,3)', 12.50, 'new', '{new,ready}', '{"a": [1]}', '{1,2}')
"""


def test_no_cast_or_operator_of_the_application_runs_with_our_rights(shop: Shop, any_empty_database: str) -> None:
    install(watched(any_empty_database, "app.orders", *ALL))
    with application(any_empty_database) as app:
        app.execute(ROW.encode())
        app.execute("UPDATE orders SET status = 'ready', place = '(Ulm,ready)', phases = '{ready}'")
    assert not is_superuser(shop)
    assert [op for op, *_ in changes(shop)] == ["insert", "update"]


def test_no_cast_runs_for_a_key_of_a_type_of_the_application(shop: Shop, any_empty_database: str) -> None:
    install(watched(any_empty_database, "app.keyed"))
    with application(any_empty_database) as app:
        app.execute("INSERT INTO keyed VALUES ('new', 'new')")
        app.execute("UPDATE keyed SET status = 'ready'")
    assert not is_superuser(shop)
    assert [(op, key, new["status"]) for op, key, _, new in changes(shop)] == [
        ("insert", "new", "new"),
        ("update", "new", "ready"),
    ]


def test_values_are_json_by_what_their_type_stands_on(shop: Shop, any_empty_database: str) -> None:
    install(watched(any_empty_database, "app.orders", *ALL))
    with application(any_empty_database) as app:
        app.execute(ROW.encode())
    ((_, key, _, new),) = changes(shop)
    assert key == "7"
    assert new == {
        "id": 7,
        "status": "new",
        "place": "(Berlin,new)",
        "span": "[1,3)",
        "price": 12.5,
        "stage": "new",
        "phases": ["new", "ready"],
        "doc": {"a": [1]},
        "numbers": [1, 2],
    }


def test_no_cast_runs_for_rows_that_are_kept_whole(shop: Shop, any_empty_database: str) -> None:
    install(watched(any_empty_database, "app.orders", *ALL))
    with application(any_empty_database) as app:
        app.execute("ALTER TABLE orders DROP COLUMN doc")
        app.execute("INSERT INTO orders (id, status, place, phases) VALUES (7, 'new', '(Berlin,new)', '{new}')")
        app.execute("UPDATE orders SET status = 'ready'")
    assert not is_superuser(shop)
    inserted, updated = changes(shop)
    assert (inserted[0], updated[0]) == ("rows", "rows")
    assert inserted[3][0]["id"] == 7
    assert updated[2][0]["status"] == "new"
    assert updated[3][0]["status"] == "ready"
    assert updated[3][0]["place"] == "(Berlin,new)"


@pytest.mark.parametrize("kind", ["phase", "place", "span", "phase[]", "stage"])
def test_no_cast_runs_when_a_column_is_given_another_type_later(shop: Shop, any_empty_database: str, kind: str) -> None:
    with application(any_empty_database) as app:
        app.execute("CREATE TABLE plain (id bigint PRIMARY KEY, status text, other text)")
        install(watched(any_empty_database, "app.plain", "other"))
        app.execute("INSERT INTO plain VALUES (1, 'new')")
        app.execute(f"ALTER TABLE plain ALTER other TYPE {kind} USING NULL".encode())
        value = {"place": "(Berlin,new)", "span": "[1,3)", "phase[]": "{new}"}.get(kind, "new")
        app.execute("INSERT INTO plain VALUES (2, 'new', %s)", (value,))
        app.execute("UPDATE plain SET status = 'ready' WHERE id = 2")
    assert not is_superuser(shop)
    assert [(op, new[0]["status"], new[0]["other"]) for op, _, _, new in changes(shop)[1:]] == [
        ("rows", "new", value),
        ("rows", "ready", value),
    ], "kept whole until the next install"
    assert stale_watches(shop, watched(any_empty_database, "app.plain", "other")) == ["w"]


def test_no_cast_of_the_row_runs_for_a_dropped_column_that_is_called_like_a_type(
    shop: Shop, any_empty_database: str
) -> None:
    """``n.json`` without such a column could mean the cast of the row to json."""
    with application(any_empty_database) as app:
        app.execute('CREATE TABLE named (id bigint PRIMARY KEY, status text, "json" text)')
        app.execute(("CREATE FUNCTION evil_named(named) RETURNS json " + trap("'1'")).encode())
        app.execute("CREATE CAST (named AS json) WITH FUNCTION evil_named(named) AS IMPLICIT")
        install(watched(any_empty_database, "app.named", "json"))
        app.execute('ALTER TABLE named DROP COLUMN "json"')
        app.execute("INSERT INTO named VALUES (1, 'new')")
        app.execute("UPDATE named SET status = 'ready'")
    assert not is_superuser(shop)
    assert [op for op, *_ in changes(shop)] == ["rows", "rows"]


def test_arrays_without_an_equality_are_compared(shop: Shop, any_empty_database: str) -> None:
    install(watched(any_empty_database, "app.orders", "dots", "docs"))
    with application(any_empty_database) as app:
        app.execute("INSERT INTO orders (id, status, dots, docs) VALUES (1, 'new', '{\"(1,2)\"}', ARRAY['{}'::json])")
        app.execute("UPDATE orders SET place = '(Berlin,new)'")
        app.execute("UPDATE orders SET docs = ARRAY['[]'::json]")
    assert [op for op, *_ in changes(shop)] == ["insert", "update"]
    assert changes(shop)[1][3]["docs"] == [[]]


def test_only_its_owner_may_use_the_function_in_a_trigger(shop: Shop, any_empty_database: str) -> None:
    install(watched(any_empty_database))
    shop.execute(SQL("GRANT USAGE ON SCHEMA orderbell TO {}").format(Identifier(APP)))
    with application(any_empty_database) as app:
        app.execute("CREATE TABLE forged (id int, status text)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(
                "CREATE TRIGGER t AFTER INSERT ON forged REFERENCING NEW TABLE AS orderbell_new"
                " EXECUTE FUNCTION orderbell.capture_w()"
            )


def test_as_many_columns_as_the_configuration_allows_are_captured(any_empty_database: str) -> None:
    names = [f"c{n}" for n in range(45)]
    with psycopg.connect(any_empty_database, autocommit=True, row_factory=tuple_row) as connection:
        columns = ", ".join(f"{name} int DEFAULT 1" for name in names)
        connection.execute(f"CREATE TABLE t (id int PRIMARY KEY, status text, number text, {columns})".encode())
        watch = {"table": "t", "label_column": "number", "columns": names}
        install(Settings.model_validate({"database": {"url": any_empty_database}, "watch": [watch]}))
        connection.execute("INSERT INTO t (id) VALUES (1)")
        ((op, _, _, new),) = changes(connection)
        assert op == "insert"
        assert json.dumps(new)
        assert len(new) == 48
