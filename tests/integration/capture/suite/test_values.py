"""Values of every kind come as the same JSON, and keys as the same text."""

from datetime import datetime

import pytest

from schema.errors import Refused
from tests.integration.capture.suite.conftest import Capture, steps

KINDS = [
    ("boolean", "true", "true"),
    ("smallint", "-3", "-3"),
    ("int", "2147483647", "2147483647"),
    ("bigint", "9007199254740993", "9007199254740993"),
    ("numeric", "12.50", "12.50"),
    ("numeric", "1e30", "1000000000000000000000000000000"),
    ("numeric", "'NaN'", '"NaN"'),
    ("real", "1.5", "1.5"),
    ("double precision", "1e-7", "1e-07"),
    ("double precision", "'-Infinity'", '"-Infinity"'),
    ("oid", "4711", '"4711"'),
    ("text", "E'a\\tb\"c\\\\d/\\u0001'", r'"a\tb\"c\\d/\u0001"'),
    ("text", "'Grüße, 注文 🛎'", '"Grüße, 注文 🛎"'),
    ("text", "''", '""'),
    ("char(5)", "'ab'", '"ab   "'),
    ("varchar(10)", "'ab'", '"ab"'),
    ("bytea", r"'\x00ff'", r'"\\x00ff"'),
    ("date", "'2026-11-21'", '"2026-11-21"'),
    ("date", "'infinity'", '"infinity"'),
    ("date", "'0044-03-15 BC'", '"0044-03-15 BC"'),
    ("timestamp", "'2026-11-21 17:00:00.25'", '"2026-11-21T17:00:00.25"'),
    ("time", "'17:00'", '"17:00:00"'),
    ("interval", "'1 day 02:00'", '"1 day 02:00:00"'),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'),
    ("json", """'{"a":  [1, 2.50]}'""", '{"a":  [1, 2.50]}'),
    ("jsonb", """'[{"a":null},  true]'""", '[{"a": null}, true]'),
    ("int[]", "'{1,NULL,3}'", "[1,null,3]"),
    ("int[]", "'{{1,2},{3,4}}'", "[[1,2],[3,4]]"),
    ("int[]", "'[2:3]={1,2}'", "[1,2]"),
    ("int[]", "'{}'", "[]"),
    ("text[]", r"""ARRAY['a,b', 'c"d', 'NULL', NULL, '', 'e\f']""", r'["a,b","c\"d","NULL",null,"","e\\f"]'),
    ("jsonb[]", """ARRAY['{"a": 1}'::jsonb, NULL]""", '[{"a": 1},null]'),
    ("boolean[]", "'{t,f}'", "[true,false]"),
    ("date[]", "'{2026-11-21}'", '["2026-11-21"]'),
    ("int4range", "'[1,3)'", '"[1,3)"'),
    ("point", "'(1,2)'", '"(1,2)"'),
    ("inet", "'10.0.0.1'", '"10.0.0.1"'),
    ("tsvector", "'a b'", """"'a' 'b'\""""),
    ("phase", "'new'", '"new"'),
    ("phase[]", "'{new,ready}'", '["new","ready"]'),
    ("place", "'(Berlin,new)'", '"(Berlin,new)"'),
    ("price", "12.50", "12.50"),
    ("stage", "'ready'", '"ready"'),
    ("tags", "'{a,b}'", '["a","b"]'),
]
"""A type, a value in SQL, and its JSON as PostgreSQL writes it."""

TYPES = """
CREATE TYPE phase AS ENUM ('new', 'ready');
CREATE TYPE place AS (town text, phase phase);
CREATE DOMAIN price AS numeric(12, 2);
CREATE DOMAIN stage AS phase;
CREATE DOMAIN tags AS text[];
"""


async def test_every_type_comes_as_the_same_json(capture: Capture) -> None:
    """All in one row: 45 columns are as many as a watch may have."""
    names = [f"c{number}" for number in range(len(KINDS))]
    columns = ", ".join(f"{name} {kind}" for name, (kind, _, _) in zip(names, KINDS, strict=True))
    capture.sql(TYPES)
    capture.sql(f"CREATE TABLE orders (id bigint PRIMARY KEY, status text, {columns})")
    await capture.watch({"table": "orders", "columns": names})
    values = ", ".join(value for _, value, _ in KINDS)
    capture.sql(f"INSERT INTO orders VALUES (1, 'pending', {values})")
    capture.sql("UPDATE orders SET status = 'ready'")
    await capture.caught_up()
    for row in ("new", "old"):
        each = ", ".join(f"({row}->'{name}')::text" for name in names)
        found = capture.sql(f"SELECT {each} FROM orderbell.change WHERE watch = 'orders' AND {row} IS NOT NULL")
        for values_found in found:
            assert dict(zip(names, values_found, strict=True)) == {
                name: text for name, (_, _, text) in zip(names, KINDS, strict=True)
            }


async def test_a_moment_is_the_same_moment_whatever_the_time_zone_of_the_writer(capture: Capture) -> None:
    """Triggers write it in the time zone of the session, the log's reader in UTC."""
    capture.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text, due timestamptz, more timestamptz[])")
    await capture.watch({"table": "orders", "columns": ["due", "more"]})
    moment = "2026-11-21T17:00:00.25+00:00"
    capture.sql("SET timezone = 'Asia/Kolkata'; SET datestyle = 'German'")
    capture.sql("INSERT INTO orders VALUES (1, 'pending', %s, ARRAY[%s::timestamptz])", moment, moment)
    (row,) = await capture.rows()
    assert {*map(datetime.fromisoformat, (row.new["due"], *row.new["more"]))} == {datetime.fromisoformat(moment)}


async def test_nulls_are_null_and_no_absence(capture: Capture) -> None:
    capture.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text, a int, b json, c text[])")
    await capture.watch({"table": "orders", "columns": ["a", "b", "c"]})
    capture.sql("INSERT INTO orders (id) VALUES (1)")
    capture.sql("UPDATE orders SET status = 'pending', b = 'null'")
    inserted, updated = await capture.rows()
    empty = {"id": 1, "status": None, "a": None, "b": None, "c": None}
    assert (inserted.new, updated.old) == (empty, empty)
    assert updated.new == empty | {"status": "pending"}


KEYS = [
    ("int", "7", "7"),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("text", "'Größe \"7\"'", 'Größe "7"'),
    ("char(4)", "'ab'", "ab  "),
    ("date", "'2026-11-21'", "2026-11-21"),
    ("boolean", "true", "t"),
    ("phase", "'new'", "new"),
]
"""A type, a value in SQL, and its text."""


async def test_a_key_is_the_text_of_its_value(capture: Capture) -> None:
    capture.sql(TYPES)
    tables = [f"t{number}" for number in range(len(KEYS))]
    for table, (kind, _, _) in zip(tables, KEYS, strict=True):
        capture.sql(f"CREATE TABLE {table} (id {kind} PRIMARY KEY, status phase)")
    await capture.watch(*({"name": table, "table": table} for table in tables))
    for table, (_, value, _) in zip(tables, KEYS, strict=True):
        capture.sql(f"INSERT INTO {table} VALUES ({value}, 'new')")
        capture.sql(f"UPDATE {table} SET status = 'ready'")
    found = await capture.rows()
    for table, (_, _, key) in zip(tables, KEYS, strict=True):
        mine = steps(row for row in found if row.watch == table)
        assert mine == [("insert", key, None, "new"), ("update", key, "new", "ready")]


async def test_a_value_of_a_megabyte_is_captured(capture: Capture) -> None:
    capture.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text, doc json)")
    await capture.watch({"table": "orders", "columns": ["doc"]})
    capture.sql("INSERT INTO orders VALUES (1, 'pending', to_json(repeat('x', 1000000)))")
    (row,) = await capture.rows()
    assert row.new["doc"] == "x" * 1_000_000


@pytest.mark.parametrize("storage", ["extended", "external"])
async def test_a_big_value_that_stays_is_there_before_and_after(capture: Capture, storage: str) -> None:
    """The log does not say it again."""
    capture.sql("CREATE TABLE orders (id bigint PRIMARY KEY, status text, doc text, other text)")
    capture.sql(f"ALTER TABLE orders ALTER doc SET STORAGE {storage}")
    await capture.watch({"table": "orders", "columns": ["doc"]})
    noise = "SELECT string_agg(md5(n::text), '') FROM generate_series(1, 3000) n"
    capture.sql(f"INSERT INTO orders VALUES (1, 'pending', ({noise}), ({noise}))")
    capture.sql("UPDATE orders SET status = 'ready'")
    capture.sql("UPDATE orders SET other = 'not watched'")
    capture.sql("UPDATE orders SET doc = 'small', status = 'gone'")
    inserted, updated, ended = await capture.rows()
    assert len(inserted.new["doc"]) == 96_000
    assert updated.old["doc"] == updated.new["doc"] == ended.old["doc"] == inserted.new["doc"]
    assert ended.new["doc"] == "small"


async def test_names_that_need_quotes_are_read_as_they_are(capture: Capture) -> None:
    capture.sql('CREATE SCHEMA "My Shop"')
    capture.sql(
        'CREATE TABLE "My Shop"."Order ""List""" ("Id" bigint PRIMARY KEY, "Der Status" text, "a.b" text, "ß%%s" int)'
    )
    watch = {
        "table": '"My Shop"."Order ""List"""',
        "key": "Id",
        "event_column": "Der Status",
        "columns": ["a.b", "ß%%s"],
    }
    await capture.watch(watch)
    capture.sql('INSERT INTO "My Shop"."Order ""List""" VALUES (1, \'new\', \'x\', 5)')
    capture.sql('UPDATE "My Shop"."Order ""List""" SET "Der Status" = \'ready\'')
    inserted, updated = await capture.rows()
    assert inserted.new == {"Id": 1, "Der Status": "new", "a.b": "x", "ß%%s": 5}
    assert (updated.key, updated.old["Der Status"], updated.new["Der Status"]) == ("1", "new", "ready")


async def test_a_column_that_is_generated_and_stored_can_be_watched(capture: Capture) -> None:
    capture.sql(
        "CREATE TABLE orders (id bigint PRIMARY KEY, net int, status text,"
        " gross int GENERATED ALWAYS AS (net * 2) STORED)"
    )
    if not capture.triggers and capture.version < 18:
        with pytest.raises(Refused, match="the change log does not hold"):
            await capture.watch({"table": "orders", "columns": ["gross"]})
        return
    await capture.watch({"table": "orders", "columns": ["gross"]})
    capture.sql("INSERT INTO orders VALUES (1, 10, 'pending')")
    capture.sql("UPDATE orders SET net = 20")
    inserted, updated = await capture.rows()
    assert (inserted.new["gross"], updated.old["gross"], updated.new["gross"]) == (20, 20, 40)
