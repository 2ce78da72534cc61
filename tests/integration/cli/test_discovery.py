"""What ``orderbell init`` finds in databases of several makes is what a person would find."""

import os
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from config import ConfigError, Settings, load
from daemon.cli.proposal import propose
from schema.discovery import Found, discover

Tables = Callable[[str], str]


def found_in(url: str) -> Found | None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = on")
        connection.execute("SET search_path = pg_catalog")
        return discover(connection)


def proposed(url: str, folder: Path) -> Settings:
    found = found_in(url)
    assert found is not None
    file = folder / "orderbell.toml"
    file.write_text(propose(found), encoding="utf-8")
    return load(file, {})


def with_tables(url: str, sql: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.encode())
    return url


def test_the_demos_shop_is_understood_without_a_remark(make_tables: Tables, tmp_path: Path) -> None:
    url = make_tables("shop")
    found = found_in(url)
    assert found is not None
    assert found.remarks == ()
    settings = proposed(url, tmp_path)
    (watch,) = settings.watch
    assert (watch.table, watch.key, watch.event_column, watch.label_column) == (
        "public.orders",
        "id",
        "status",
        "number",
    )
    assert watch.columns == ("customer_id", "vendor_id", "driver_id", "total")
    assert list(settings.audience) == ["customer", "vendor", "driver", "available_drivers"]


def test_an_order_with_integer_statuses_in_a_lookup_table_is_mapped_by_their_names(
    make_tables: Tables, tmp_path: Path
) -> None:
    (watch,) = proposed(make_tables("django"), tmp_path).watch
    assert (watch.table, watch.event_column, watch.label_column) == (
        "public.shop_order",
        "status_id",
        "reference",
    )
    assert watch.ignore == ("0",)
    own = {code: event for code, event in watch.events.items() if code.isdecimal()}
    assert own == {
        "1": "created",
        "2": "confirmed",
        "3": "in_the_kitchen",
        "4": "ready",
        "5": "in_transit",
        "6": "delivered",
        "9": "cancelled",
    }


def test_a_telephone_number_is_found_in_the_profile(make_tables: Tables, tmp_path: Path) -> None:
    url = make_tables("django")
    people = proposed(url, tmp_path).people
    assert people is not None
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO accounts_userprofile (user_id, phone_number) VALUES (1, '+12125550101')")
        query = people.query.replace(":ids", "%s")
        cursor = connection.execute(query.encode(), (["1"],))
        assert [column.name for column in cursor.description or ()] == [
            "user_id", "name", "email", "phone", "locale",
        ]  # fmt: skip
        assert cursor.fetchall() == [(1, "Mia Sand", "mia@example.com", "+12125550101", "en")]


def test_codes_that_only_the_application_knows_are_left_to_a_person(make_tables: Tables) -> None:
    found = found_in(make_tables("codes"))
    assert found is not None
    assert [value.value for value in found.status.values] == ["2", "10"]
    text = propose(found)
    assert '# 2  = "..."\n# 10 = "..."\n' in text
    assert any("holds codes" in remark for remark in found.remarks)


def test_an_enum_in_a_schema_of_its_own_is_mapped_in_its_order(make_tables: Tables, tmp_path: Path) -> None:
    url = make_tables("rails")
    (watch,) = proposed(url, tmp_path).watch
    assert (watch.table, watch.event_column, watch.ignore) == ('"Shop".orders', "state", ("cart",))
    mapped = {
        "placed": "created",
        "accepted": "confirmed",
        "cooking": "preparing",
        "shipped": "picked_up",
        "out_for_delivery": "in_transit",
        "completed": "delivered",
        "declined": "rejected",
    }
    assert mapped.items() <= watch.events.items()
    assert "order.on_hold" in (tmp_path / "orderbell.toml").read_text(encoding="utf-8")


def test_the_staff_of_a_store_are_its_people(make_tables: Tables, tmp_path: Path) -> None:
    audience = proposed(make_tables("rails"), tmp_path).audience
    assert audience["customer"].query is None
    vendor = audience["vendor"].query
    assert vendor == 'SELECT store_id AS value, id AS user_id FROM "Shop".users WHERE store_id = ANY(:values)'


def test_people_of_two_tables_never_share_a_user_id(make_tables: Tables, tmp_path: Path) -> None:
    url = make_tables("apart")
    settings = proposed(url, tmp_path)
    assert settings.people is not None
    with psycopg.connect(url) as connection:
        query = settings.people.query.replace(":ids", "%(ids)s")
        rows = connection.execute(query.encode(), {"ids": ["customer:1", "driver:1"]}).fetchall()
        assert [row[:2] for row in rows] == [("customer:1", "Mia Sand"), ("driver:1", "Leo Reed")]
        free = settings.audience["available_drivers"].query or ""
        assert connection.execute(free.encode()).fetchall() == [("driver:1",)]
        lookup = (settings.audience["customer"].query or "").replace(":values", "%s")
        assert connection.execute(lookup.encode(), (["1"],)).fetchall() == [(1, "customer:1")]


def test_a_restaurant_without_anyones_address_is_said_and_left_out(make_tables: Tables, tmp_path: Path) -> None:
    url = make_tables("apart")
    found = found_in(url)
    assert found is not None
    assert any("[audience.vendor] is left out" in remark for remark in found.remarks)
    assert "vendor" not in proposed(url, tmp_path).audience


def test_a_customer_column_without_a_foreign_key_is_found_by_its_name(empty_database: str, tmp_path: Path) -> None:
    url = with_tables(
        empty_database,
        """
        CREATE SCHEMA app;
        CREATE TABLE app.customers (id bigint PRIMARY KEY, name text, email text);
        CREATE TABLE app.purchases (id bigint PRIMARY KEY, customer_id bigint, status text);
        """,
    )
    settings = proposed(url, tmp_path)
    assert settings.watch[0].table == "app.purchases"
    assert settings.people is not None
    assert "FROM app.customers" in settings.people.query
    found = found_in(url)
    assert found is not None
    assert any("no foreign key" in remark for remark in found.remarks)


def test_names_that_sql_and_toml_would_misread_survive(empty_database: str, tmp_path: Path) -> None:
    url = with_tables(
        empty_database,
        r"""
        CREATE TABLE "my users" (id uuid PRIMARY KEY, "email" text, "full name" text, full_name text);
        CREATE TABLE "it's ""the"" order" (
            id uuid PRIMARY KEY,
            "status" text CHECK ("status" IN ('it''s new', 'say "hi"', 'back\slash', 'delivered')),
            user_id uuid REFERENCES "my users"
        );
        """,
    )
    (watch,) = proposed(url, tmp_path).watch
    assert watch.table == '''public."it's ""the"" order"'''
    found = found_in(url)
    assert found is not None
    assert [value.value for value in found.status.values] == [
        "it's new",
        'say "hi"',
        "back\\slash",
        "delivered",
    ]


def test_what_two_values_would_say_twice_is_said_once(empty_database: str, tmp_path: Path) -> None:
    url = with_tables(
        empty_database,
        """
        CREATE TYPE status AS ENUM ('new', 'pending', 'CONFIRMED', 'canceled', 'cancelled');
        CREATE TABLE users (id bigint PRIMARY KEY, email text);
        CREATE TABLE orders (id bigint PRIMARY KEY, status status, user_id bigint REFERENCES users);
        """,
    )
    (watch,) = proposed(url, tmp_path).watch
    assert watch.events["new"] == "created"
    assert watch.events["pending"] == "pending"
    assert watch.events["canceled"] == "canceled"
    assert "CONFIRMED" not in watch.events


def test_orders_without_people_are_proposed_with_a_place_to_fill_in(empty_database: str, tmp_path: Path) -> None:
    url = with_tables(empty_database, "CREATE TABLE orders (id bigint PRIMARY KEY, status text)")
    with pytest.raises(ConfigError) as wrong:
        proposed(url, tmp_path)
    assert [mistake.path for mistake in wrong.value.mistakes] == ["people.query", "audience"]


def test_the_password_is_not_written_down(empty_database: str) -> None:
    with psycopg.connect(empty_database, password="hush-hush", autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (id bigint PRIMARY KEY, status text)")
        found = discover(connection)
    assert found is not None
    text = propose(found)
    assert "hush-hush" not in text
    assert "ORDERBELL_DATABASE__URL" in text


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE users (id bigint PRIMARY KEY, email text, status text)",
        "CREATE TABLE order_items (id bigint PRIMARY KEY, status text)",
        "CREATE TABLE orders (id bigint PRIMARY KEY, total numeric)",
        "CREATE TABLE delayed_jobs (id bigint PRIMARY KEY, state text)",
        "CREATE VIEW orders AS SELECT 1 AS id, 'new' AS status",
        "SELECT",
    ],
)
def test_a_database_without_orders_gets_no_proposal(empty_database: str, table: str) -> None:
    assert found_in(with_tables(empty_database, table)) is None


def test_discovery_changes_nothing_and_needs_no_right_to_read_the_orders(empty_database: str) -> None:
    with_tables(empty_database, "CREATE TABLE orders (id bigint PRIMARY KEY, status text)")
    with psycopg.connect(empty_database, autocommit=True) as connection:
        reader = Identifier(f"orderbell_reader_{os.getpid()}")
        connection.execute(SQL("CREATE ROLE {}").format(reader))
        try:
            connection.execute(SQL("SET ROLE {}").format(reader))
            connection.execute("SET default_transaction_read_only = on")
            found = discover(connection)
        finally:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("RESET ROLE")
            connection.execute(SQL("DROP ROLE {}").format(reader))
    assert found is not None
    assert any("may not read" in remark for remark in found.remarks)
