"""What the change log gives is what the triggers captured of the same statements, to the letter."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.rows import tuple_row

from config import Settings
from config.mapping import Watch
from daemon.capture.changelog.decoder import decode
from daemon.capture.changelog.kinds import kinds_of
from daemon.capture.changelog.messages import Delete, Insert, Message, Relation, StreamStart, StreamStop, Update
from daemon.capture.changelog.rows import Capturing, Row, capturing
from daemon.connections import parameters
from schema.install import install
from schema.queries import statements
from tests.unit.capture.changelog.encoding import encoded

Shop = psycopg.Connection[tuple[Any, ...]]

TYPES = """
CREATE TYPE phase AS ENUM ('new', 'ready', 'a "quoted" one');
CREATE TYPE place AS (town text, phase phase, at timestamptz);
CREATE TYPE span AS RANGE (subtype = int4);
CREATE DOMAIN whole AS int;
CREATE DOMAIN positive AS whole CHECK (value > 0);
CREATE DOMAIN moment AS timestamptz;
CREATE DOMAIN numbers AS int[];
CREATE DOMAIN moments AS timestamptz[];
CREATE DOMAIN stage AS phase;
CREATE DOMAIN stages AS phase[];
CREATE DOMAIN document AS jsonb;
CREATE DOMAIN code AS char(5);
CREATE DOMAIN yes AS boolean;
"""


class Example(NamedTuple):
    type: str
    one: str
    """As SQL writes it."""
    other: str


AWKWARD = "E'say \"hi\", C:\\\\x / \\b\\f\\n\\r\\t\\x01\\x1f\\x7f \u00e9 \u2028 \U0001f514'"

NUMBERS = [
    Example("smallint", "-32768", "0"),
    Example("int", "2147483647", "-1"),
    Example("bigint", "9223372036854775807", "-9223372036854775808"),
    Example("numeric", "'NaN'", "-0.50"),
    Example("numeric", "'-Infinity'", "123456789012345678901234567890.1234567890"),
    Example("numeric(12, 2)", "12.5", "1e5"),
    Example("real", "'Infinity'", "1e-30"),
    Example("double precision", "'NaN'", "-0.0"),
    Example("double precision", "1e300", "0.1"),
    Example("money", "'12.34'", "-1"),
    Example("oid", "4294967295", "1"),
    Example("pg_lsn", "'16/B374D848'", "'0/0'"),
    Example("positive", "7", "8"),
    Example("xid8", "'12'", "'13'"),
    Example("regclass", "'pg_class'", "'pg_type'"),
]
TEXTS = [
    Example("text", AWKWARD, "''"),
    Example("varchar(50)", "'null'", "'NULL'"),
    Example("char(5)", "'ab'", "''"),
    Example("code", "'ab'", "'abcde'"),
    Example('"char"', "'x'", "'y'"),
    Example("name", "'n'", "'m'"),
    Example("bytea", r"'\x00ff'", "''"),
    Example("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000000'"),
    Example("boolean", "true", "false"),
    Example("yes", "true", "false"),
    Example("json", '\'{"a":  [1, 2],\n "a": "\\u00e9"}\'', "'null'"),
    Example("jsonb", '\'{"b": 1, "a": [true, null, 1.50]}\'', "'\"text\"'"),
    Example("document", "'{\"b\": 1}'", "'[]'"),
    Example("phase", "'ready'", "'a \"quoted\" one'"),
    Example("stage", "'ready'", "'new'"),
    Example("place", "('New \"York\", NY', 'ready', '2024-02-29 12:00+02')", "(null, null, null)"),
    Example("tsvector", "'a fat cat'", "'b:3A'"),
    Example("inet", "'192.168.0.1/24'", "'::1'"),
    Example("cidr", "'10.0.0.0/8'", "'10.0.0.0/9'"),
    Example("macaddr", "'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"),
    Example("point", "'(1,2)'", "'(3.5,-4)'"),
    Example("box", "'(1,2),(3,4)'", "'(0,0),(1,1)'"),
    Example("polygon", "'((0,0),(1,1),(2,0))'", "'((0,0),(1,1))'"),
    Example("bit(3)", "'101'", "'000'"),
    Example("varbit", "'1'", "''"),
]
TIMES = [
    Example("date", "'2024-02-29'", "'0044-03-15 BC'"),
    Example("date", "'infinity'", "'-infinity'"),
    Example("time", "'12:34:56.789'", "'24:00'"),
    Example("timetz", "'12:34:56+05:30'", "'00:00-08'"),
    Example("timestamp", "'2024-02-29 12:34:56.789'", "'0044-03-15 01:02:03 BC'"),
    Example("timestamp", "'infinity'", "'-infinity'"),
    Example("timestamp(0)", "'12024-02-29 00:00'", "'0001-01-01'"),
    Example("timestamptz", "'2024-02-29 12:34:56.000001+05:30'", "'0044-03-15 01:02:03.5+00 BC'"),
    Example("timestamptz", "'infinity'", "'-infinity'"),
    Example("moment", "'2024-02-29 12:34:56+02'", "'infinity'"),
    Example("interval", "'1 year -2 days 03:04:05.6'", "'-1 microsecond'"),
    Example("int4range", "'[1,5)'", "'empty'"),
    Example("tstzrange", "'[2024-01-01 00:00+00,)'", "'[infinity,infinity]'"),
    Example("nummultirange", "'{[1,2),[3,4)}'", "'{}'"),
    Example("span", "'[1,5)'", "'(,)'"),
]
ARRAYS = [
    Example("int[]", "'{1,NULL,3}'", "'{}'"),
    Example("int[]", "'{{1,2},{3,4}}'", "'{{{1}},{{2}}}'"),
    Example("int[]", "'[0:1][-1:0]={{1,2},{3,4}}'", "'[5:5]={1}'"),
    Example("numeric[]", "'{NaN,1.50,NULL}'", "'{-Infinity}'"),
    Example("boolean[]", "'{t,f,NULL}'", "'{{t},{f}}'"),
    Example("text[]", f"ARRAY[{AWKWARD}, '', 'NULL', null, 'a,b', '{{}}', ' x ']", "ARRAY[['a', '\"'], ['\\', '}']]"),
    Example("char(3)[]", "'{a,bcd}'", "'{NULL}'"),
    Example("date[]", "'{2024-02-29,infinity}'", "'{0044-03-15 BC}'"),
    Example("timestamptz[]", "'{2024-02-29 12:34:56+02,-infinity,NULL}'", "'{0044-03-15 01:02:03+00 BC}'"),
    Example("timestamp[]", "'{{2024-02-29 12:34:56.5},{infinity}}'", "'{}'"),
    Example("json[]", 'ARRAY[\'{"a": "b, {c}"}\', null, \'"\\\\"\']::json[]', "ARRAY[[ '1' ]]::json[]"),
    Example("jsonb[]", "ARRAY['{\"a\": [1]}'::jsonb]", "ARRAY[null::jsonb]"),
    Example("int4range[]", "'{\"[1,5)\",empty}'", "'{}'"),
    Example("point[]", "'{\"(1,2)\"}'", "'{NULL}'"),
    Example("box[]", "'{(1,2),(0,0);(3,4),(1,1)}'", "'{NULL}'"),
    Example("int2vector", "'1 2 3'", "''"),
    Example("oidvector", "'1 2'", "'7'"),
    Example("int2vector[]", "ARRAY['1 2'::int2vector, '3']", "ARRAY[null::int2vector]"),
    Example("phase[]", '\'{new,NULL,"a \\"quoted\\" one"}\'', "'{{new},{ready}}'"),
    Example("whole[]", "'{1,NULL}'", "'{{1},{2}}'"),
    Example("place[]", "ARRAY[('Ulm', 'new', null)::place]", "'{NULL}'"),
    Example("numbers", "'{1,2}'", "'{{1},{NULL}}'"),
    Example("moments", "'{2024-02-29 12:00+00}'", "'{}'"),
    Example("stages", "'{new}'", "'{ready,NULL}'"),
    Example("numbers[]", "ARRAY['{1,2}'::numbers]", "'{}'"),
    Example("oid[]", "'{1,4294967295}'", "'{}'"),
    Example("inet[]", "'{::1,10.0.0.1}'", "'{}'"),
]

FAMILIES = {"numbers": NUMBERS, "texts": TEXTS, "times": TIMES, "arrays": ARRAYS}


@dataclass
class Log:
    """The log of one database, read as the daemon reads it; and what its triggers captured meanwhile."""

    shop: Shop
    settings: Settings

    def messages(self) -> list[Message]:
        rows = self.shop.execute(
            "SELECT data FROM pg_logical_slot_get_binary_changes(current_database(), NULL, NULL, 'proto_version', '1',"
            " 'publication_names', 'log', 'messages', 'true')"
        ).fetchall()
        return [decode(data) for (data,) in rows]

    def rows(self) -> list[Row]:
        """Rows for every watch of the settings, whatever its table."""
        found: list[Row] = []
        makers: dict[int, list[Capturing]] = {}
        for message in self.messages():
            match message:
                case Relation():
                    watches = [w for w in self.settings.watch if w.table == message.name]
                    makers[message.oid] = [self.capturing(watch, message) for watch in watches]
                case Insert():
                    found += [made.inserted(message.new) for made in makers[message.relation]]
                case Update():
                    found += filter(None, (made.updated(message) for made in makers[message.relation]))
                case _:
                    pass
        return found

    def capturing(self, watch: Watch, relation: Relation) -> Capturing:
        oids = [column.type_oid for column in relation.columns]
        types = self.shop.execute(statements("changelog")["types"], {"oids": oids}).fetchall()
        return capturing(watch, relation, kinds_of(oids, types))

    def captured(self) -> list[tuple[Any, ...]]:
        return self.shop.execute(
            "SELECT watch, op, key, old::text, new::text FROM orderbell.change ORDER BY id"
        ).fetchall()

    def assert_same(self) -> list[Row]:
        rows = self.rows()
        for row, captured in zip(rows, self.captured(), strict=True):
            assert row[:5] == captured
        assert not any(row.unsure or row.absent or row.error for row in rows)
        return rows


@pytest.fixture
def shop(any_empty_database: str) -> Iterator[Shop]:
    given = Settings.model_validate({"database": {"url": any_empty_database}}).database
    with psycopg.connect(**parameters(given, "test"), autocommit=True, row_factory=tuple_row) as connection:
        connection.execute(TYPES)
        yield connection


def watched(shop: Shop, url: str, *watches: dict[str, Any]) -> Log:
    """Put triggers on, and open the log: a slot that goes with the database, and is named as it is."""
    settings = Settings.model_validate({"database": {"url": url}, "watch": list(watches)})
    install(settings)
    tables = ", ".join(sorted({watch.table for watch in settings.watch}))
    shop.execute(f"CREATE PUBLICATION log FOR TABLE {tables} WITH (publish_via_partition_root)".encode())
    shop.execute("SELECT pg_create_logical_replication_slot(current_database(), 'pgoutput')")
    return Log(shop, settings)


@pytest.mark.parametrize("family", FAMILIES)
def test_values_of_every_type_are_the_same(shop: Shop, any_empty_database: str, family: str) -> None:
    examples = FAMILIES[family] + (optional(shop) if family == "texts" else [])
    names = [f"c{n}" for n in range(len(examples))]
    columns = ", ".join(f"{name} {example.type}" for name, example in zip(names, examples, strict=True))
    shop.execute(f"CREATE TABLE orders (id bigint PRIMARY KEY, status text, {columns})".encode())
    shop.execute("ALTER TABLE orders REPLICA IDENTITY FULL")
    log = watched(shop, any_empty_database, {"table": "orders", "columns": names})
    for number, which in enumerate(("one", "other")):
        values = ", ".join(getattr(example, which) for example in examples)
        shop.execute(f"INSERT INTO orders VALUES ({number}, 'new', {values})".encode())
    shop.execute("INSERT INTO orders VALUES (3, 'empty')")
    for name, example in zip(names, examples, strict=True):
        shop.execute(f"UPDATE orders SET {name} = {example.other} WHERE id = 0".encode())
        shop.execute(f"UPDATE orders SET {name} = {example.one} WHERE id = 1".encode())
    shop.execute("UPDATE orders SET status = 'ready'")
    shop.execute("UPDATE orders SET status = 'ready'")
    rows = log.assert_same()
    assert len(rows) == 3 + 2 * len(examples) + 3
    assert all(json.loads(row.new) for row in rows)


def optional(shop: Shop) -> list[Example]:
    """Types that not every server has."""
    found = []
    for name, one, other in (
        ("hstore", "'a=>1, \"b \"=>NULL'", "''"),
        ("citext", "'Ab'", "'aB'"),
        ("vector", "'[1,2.5]'", "'[0,-1]'"),
    ):
        if shop.execute("SELECT FROM pg_available_extensions WHERE name = %s", (name,)).fetchone() is not None:
            shop.execute(f"CREATE EXTENSION {name}".encode())
            found += [Example(name, one, other), Example(f"{name}[]", f"ARRAY[{one}, NULL]::{name}[]", "'{}'")]
    try:
        shop.execute("SELECT '<a/>'::xml")
    except psycopg.errors.FeatureNotSupported:
        return found
    return [*found, Example("xml", "'<a b=\"c\">d</a>'", "'text'")]


CHAT = "CREATE TABLE orders (id bigint PRIMARY KEY, status text NOT NULL, note text, amount numeric)"
WATCH = {"table": "orders", "columns": ["note", "amount"]}


def test_with_the_whole_row_before_every_update_is_as_captured(shop: Shop, any_empty_database: str) -> None:
    shop.execute(CHAT.encode())
    shop.execute("ALTER TABLE orders REPLICA IDENTITY FULL, ADD COLUMN unwatched int")
    log = watched(
        shop,
        any_empty_database,
        WATCH,
        {"name": "other", "table": "orders", "event_column": "note"},
    )
    shop.execute("INSERT INTO orders SELECT n, 'new', 'note ' || n, n / 7.0 FROM generate_series(1, 50) n")
    shop.execute("UPDATE orders SET status = 'ready' WHERE id % 2 = 0")
    shop.execute("UPDATE orders SET unwatched = 1")
    shop.execute("UPDATE orders SET amount = NULL, note = CASE WHEN id % 5 = 0 THEN note || '!' ELSE note END")
    shop.execute("INSERT INTO orders VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET status = 'upserted'")
    with shop.transaction():
        shop.execute("UPDATE orders SET status = 'one' WHERE id = 3")
        shop.execute("UPDATE orders SET status = 'two' WHERE id = 3")
    with shop.transaction(force_rollback=True):
        shop.execute("UPDATE orders SET status = 'never'")
    shop.execute("UPDATE orders SET id = 1001, status = 'moved' WHERE id = 4")
    shop.execute("DELETE FROM orders WHERE id = 5")
    shop.execute("TRUNCATE orders")
    rows = log.rows()
    by_watch = {name: [row[:5] for row in rows if row.watch == name] for name in ("orders", "other")}
    captured = log.captured()
    assert by_watch == {name: [row for row in captured if row[0] == name] for name in ("orders", "other")}


def test_an_index_that_the_event_column_is_part_of_tells_of_its_changes(shop: Shop, any_empty_database: str) -> None:
    shop.execute(CHAT.encode())
    shop.execute("CREATE UNIQUE INDEX told ON orders (id, status)")
    shop.execute("ALTER TABLE orders REPLICA IDENTITY USING INDEX told")
    log = watched(shop, any_empty_database, WATCH)
    shop.execute("INSERT INTO orders VALUES (1, 'new', 'a', 1), (2, 'new', 'b', 2)")
    shop.execute("UPDATE orders SET note = 'c'")
    shop.execute("UPDATE orders SET status = 'ready', amount = 7 WHERE id = 1")
    shop.execute("UPDATE orders SET id = 3, status = 'ready' WHERE id = 2")
    rows = log.rows()[2:]
    captured = [row for row in log.captured()[2:] if "c" not in json.loads(row[3]).get("note", "")]
    assert [(row.op, row.key, row.new) for row in rows] == [
        ("update", "1", '{"id" : 1, "status" : "ready", "note" : "c", "amount" : 7}'),
        ("update", "3", '{"id" : 3, "status" : "ready", "note" : "c", "amount" : 2}'),
    ]
    assert [row.old for row in rows] == ['{"id" : 1, "status" : "new"}', "{}"]
    assert not any(row.unsure for row in rows)
    assert captured[-1][1:3] == ("update", "3")


def test_with_the_primary_key_only_a_status_is_unsure(shop: Shop, any_empty_database: str) -> None:
    shop.execute(CHAT.encode())
    log = watched(shop, any_empty_database, WATCH)
    shop.execute("INSERT INTO orders VALUES (1, 'new', 'a', 1)")
    shop.execute("UPDATE orders SET status = 'ready'")
    shop.execute("UPDATE orders SET id = 2, status = 'done'")
    assert [(row.key, row.old, row.unsure) for row in log.rows()] == [
        ("1", None, False),
        ("1", "{}", True),
        ("2", "{}", False),
    ]


def test_a_long_text_that_was_not_changed_is_the_old_one_s(shop: Shop, any_empty_database: str) -> None:
    shop.execute(CHAT.encode())
    shop.execute("ALTER TABLE orders REPLICA IDENTITY FULL, ALTER COLUMN note SET STORAGE EXTERNAL")
    log = watched(shop, any_empty_database, WATCH)
    shop.execute("INSERT INTO orders VALUES (1, 'new', repeat('long', 5000), 1)")
    shop.execute("UPDATE orders SET status = 'ready'")
    rows = log.assert_same()
    assert len(json.loads(rows[1].new)["note"]) == 20_000


def test_a_long_text_that_the_log_does_not_repeat_is_absent_until_it_is_found(
    shop: Shop, any_empty_database: str
) -> None:
    shop.execute(CHAT.encode())
    shop.execute("CREATE UNIQUE INDEX told ON orders (id, status)")
    shop.execute("ALTER TABLE orders REPLICA IDENTITY USING INDEX told, ALTER COLUMN note SET STORAGE EXTERNAL")
    log = watched(shop, any_empty_database, WATCH)
    shop.execute("INSERT INTO orders VALUES (1, 'new', repeat('long', 5000), 1)")
    shop.execute("UPDATE orders SET status = 'ready'")
    messages = log.messages()
    relation = next(message for message in messages if isinstance(message, Relation))
    update = next(message for message in messages if isinstance(message, Update))
    made = log.capturing(log.settings.watch[0], relation)
    row = made.updated(update)
    assert row is not None
    assert (row.absent, json.loads(row.new)) == (("note",), {"id": 1, "status": "ready", "amount": 1})
    ((note,),) = shop.execute("SELECT note::text FROM orders").fetchall()
    row = made.filled(row, {"note": note})
    assert row.absent == ()
    assert json.loads(row.new) == json.loads(log.captured()[-1][4])


def test_partitions_are_read_as_their_root(shop: Shop, any_empty_database: str) -> None:
    shop.execute(
        "CREATE TABLE orders (id bigint, status text, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)"
    )
    shop.execute("CREATE TABLE old (day date NOT NULL, gone int, status text, id bigint NOT NULL)")
    shop.execute("ALTER TABLE old DROP COLUMN gone")
    shop.execute("ALTER TABLE orders ATTACH PARTITION old FOR VALUES FROM (MINVALUE) TO ('2026-01-01')")
    shop.execute("CREATE TABLE recent PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO (MAXVALUE)")
    for table in ("orders", "old", "recent"):
        shop.execute(f"ALTER TABLE {table} REPLICA IDENTITY FULL".encode())
    log = watched(shop, any_empty_database, {"table": "orders", "columns": ["day"]})
    shop.execute("INSERT INTO orders VALUES (1, 'new', '2025-01-01'), (2, 'new', '2026-06-01')")
    shop.execute("UPDATE orders SET status = 'ready' WHERE id = 1")
    shop.execute("UPDATE recent SET status = 'ready'")
    shop.execute("INSERT INTO old (id, status, day) VALUES (3, 'new', '2024-01-01')")
    rows = log.assert_same()
    assert len(rows) == 5


@pytest.mark.parametrize("identity", ["FULL", "DEFAULT"])
def test_an_update_that_moves_a_row_to_another_partition_is_one(
    shop: Shop, any_empty_database: str, identity: str
) -> None:
    shop.execute("CREATE TABLE orders (id bigint, status text, PRIMARY KEY (id, status)) PARTITION BY LIST (status)")
    shop.execute("CREATE TABLE orders_new PARTITION OF orders FOR VALUES IN ('new')")
    shop.execute("CREATE TABLE orders_ready PARTITION OF orders FOR VALUES IN ('ready')")
    for table in ("orders", "orders_new", "orders_ready"):
        shop.execute(f"ALTER TABLE {table} REPLICA IDENTITY {identity}".encode())
    log = watched(shop, any_empty_database, {"table": "orders"})
    shop.execute("INSERT INTO orders VALUES (1, 'new'), (2, 'new')")
    shop.execute("UPDATE orders SET status = 'ready'")
    messages = log.messages()
    made = log.capturing(log.settings.watch[0], next(m for m in messages if isinstance(m, Relation)))
    # The table is described again when its rows come from another partition: between the two.
    changes = [message for message in messages if not isinstance(message, Relation)]
    moves = [
        made.reinserted(deleted, inserted)
        for deleted, inserted in pairwise(changes)
        if isinstance(deleted, Delete) and isinstance(inserted, Insert)
    ]
    assert [row[:5] for row in moves if row] == log.captured()[2:]
    assert [row.op for row in moves if row] == ["update", "update"]


def test_a_column_that_is_gone_leaves_whole_rows_as_the_triggers_do(shop: Shop, any_empty_database: str) -> None:
    shop.execute(CHAT.encode())
    shop.execute("ALTER TABLE orders REPLICA IDENTITY FULL, ADD price positive, ADD phases phase[], ADD at timestamptz")
    log = watched(shop, any_empty_database, WATCH)
    shop.execute("INSERT INTO orders VALUES (1, 'new', 'a', 1, 7, '{new}', '2026-01-01 12:00+00')")
    shop.execute("ALTER TABLE orders DROP COLUMN amount")
    shop.execute("UPDATE orders SET status = 'ready', at = NULL")
    shop.execute("INSERT INTO orders VALUES (2, 'new', NULL, 7, '{}', 'infinity')")
    rows = log.rows()
    assert [row[:5] for row in rows] == log.captured()
    assert [row.op for row in rows] == ["insert", "rows", "rows"]
    assert all("amount" in (row.error or "") for row in rows[1:])


def test_rows_without_a_key_are_as_captured(shop: Shop, any_empty_database: str) -> None:
    shop.execute("CREATE TABLE orders (id bigint UNIQUE, status text)")
    shop.execute("ALTER TABLE orders REPLICA IDENTITY FULL")
    log = watched(shop, any_empty_database, {"table": "orders"})
    shop.execute("INSERT INTO orders VALUES (NULL, 'new'), (7, NULL)")
    shop.execute("UPDATE orders SET status = 'ready'")
    shop.execute("UPDATE orders SET id = 8 WHERE id IS NULL")
    shop.execute("UPDATE orders SET id = NULL WHERE id = 7")
    log.assert_same()


def test_every_message_of_a_real_server_is_written_by_the_same_bytes(shop: Shop, any_empty_database: str) -> None:
    shop.execute(CHAT.encode())
    shop.execute("ALTER TABLE orders REPLICA IDENTITY FULL, ADD phase phase, ADD price positive")
    shop.execute("CREATE TABLE catalogue (id int PRIMARY KEY, name text)")
    watched(shop, any_empty_database, WATCH, {"name": "catalogue", "table": "catalogue", "event_column": "name"})
    shop.execute("SET logical_decoding_work_mem = '64kB'")
    with shop.transaction():
        shop.execute("INSERT INTO orders SELECT n, repeat('status ', 9), 'note' FROM generate_series(1, 2000) n")
        shop.execute("SELECT pg_logical_emit_message(true, 'orderbell', 'within')")
        with shop.transaction(force_rollback=True):
            shop.execute("UPDATE orders SET status = repeat('never', 9)")
        shop.execute("UPDATE orders SET phase = 'ready' WHERE id <= 1000")
        shop.execute("DELETE FROM orders WHERE id > 1000")
    shop.execute("SELECT pg_logical_emit_message(false, 'orderbell', 'outside')")
    shop.execute("INSERT INTO catalogue VALUES (1, 'one')")
    shop.execute("UPDATE catalogue SET id = 2")
    shop.execute("DELETE FROM catalogue")
    shop.execute("TRUNCATE orders, catalogue CASCADE")
    assert said(shop, "1", "off") == {
        *("Begin", "Commit", "Relation", "Type", "Insert", "Update", "Delete", "Truncate", "LogicalMessage")
    }
    assert said(shop, "2", "on") >= {"StreamStart", "StreamStop", "StreamCommit", "StreamAbort", "Insert", "Truncate"}


def said(shop: Shop, version: str, streaming: str) -> set[str]:
    """The kinds of messages in the log, each of which was read and written back; they stay in the log."""
    rows = shop.execute(
        "SELECT data FROM pg_logical_slot_peek_binary_changes(current_database(), NULL, NULL, 'proto_version', %s,"
        " 'streaming', %s, 'publication_names', 'log', 'messages', 'true')",
        (version, streaming),
    ).fetchall()
    within, found = False, set()
    for (data,) in rows:
        message = decode(data, streaming=within)
        assert encoded(message) == data
        within = isinstance(message, StreamStart) or (within and not isinstance(message, StreamStop))
        found.add(type(message).__name__)
    return found
