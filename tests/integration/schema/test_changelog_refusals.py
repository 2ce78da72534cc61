"""What keeps changes from being captured from the change log is said before anything is changed.

The application's writes come first: nothing is published that could not be updated then.
"""

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from config import Settings
from daemon.cli import check
from daemon.cli.notes import Notes
from schema import changelog
from schema.errors import Refused
from schema.install import install, stale_watches, uninstall
from tests.integration.schema.conftest import ROLE, Shop, Watched


def reasons(settings: Settings) -> list[str]:
    with pytest.raises(Refused) as refused:
        install(settings)
    with psycopg.connect(settings.database.url.get_secret_value()) as connection:
        made = connection.execute("SELECT to_regnamespace('orderbell'), (SELECT count(*) FROM pg_publication)")
        assert made.fetchone() == (None, 0), "nothing was installed"
    return refused.value.reasons


def said(settings: Settings, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str], str]:
    """What ``check`` says is wrong, what ``install`` mends, and everything else."""
    problems, outdated = check._database(settings, Notes())
    return problems, outdated, capsys.readouterr().out


NO_IDENTITY = (
    "public.t has no replica identity, and every update of it would fail once it is published:"
    " ALTER TABLE public.t REPLICA IDENTITY FULL"
)
PLACES = {"rooms": "SELECT id AS key, '' AS room FROM t WHERE id = ANY(:keys)", "latitude": "id", "longitude": "id"}
PARTED = """
CREATE TABLE t (id int PRIMARY KEY, status text) PARTITION BY RANGE (id);
CREATE TABLE "T 1" PARTITION OF t FOR VALUES FROM (0) TO (1);
CREATE TABLE "T 2" PARTITION OF t FOR VALUES FROM (1) TO (2);
ALTER TABLE t REPLICA IDENTITY FULL; ALTER TABLE "T 1" REPLICA IDENTITY FULL;
"""
KEYLESS = """
CREATE TABLE t (id int, status text) PARTITION BY RANGE (id); CREATE UNIQUE INDEX ON t (id);
CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (1); ALTER TABLE p REPLICA IDENTITY FULL;
"""


@pytest.mark.parametrize(
    ("tables", "watch", "line"),
    [
        pytest.param(
            "CREATE TABLE t (id int PRIMARY KEY, status text)",
            {},
            "the change log does not hold the old status of public.t: ALTER TABLE public.t REPLICA IDENTITY FULL",
            id="only its key",
        ),
        pytest.param("CREATE TABLE t (id int UNIQUE, status text)", {}, NO_IDENTITY, id="no primary key"),
        pytest.param(
            "CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, status text)", {}, NO_IDENTITY, id="a key that may wait"
        ),
        pytest.param(
            "CREATE TABLE t (id int PRIMARY KEY, status text); ALTER TABLE t REPLICA IDENTITY NOTHING",
            {"live": PLACES},
            NO_IDENTITY,
            id="nothing, for places",
        ),
        pytest.param(
            "CREATE UNLOGGED TABLE t (id int PRIMARY KEY, status text); ALTER TABLE t REPLICA IDENTITY FULL",
            {},
            "public.t is unlogged, and nothing of it stands in the change log",
            id="unlogged",
        ),
        pytest.param(
            PARTED,
            {},
            'the change log does not hold the old status of public."T 2":'
            ' ALTER TABLE public."T 2" REPLICA IDENTITY FULL',
            id="one of its partitions",
        ),
        pytest.param(
            KEYLESS,
            {},
            "public.t has no primary key, so a partition made later would have no replica identity, and every update of"
            " it would fail: give it one",
            id="partitions to come",
        ),
    ],
)
def test_a_table_whose_old_rows_are_not_in_the_log_is_refused(
    log_shop: Shop, watched: Watched, tables: str, watch: dict[str, object], line: str
) -> None:
    log_shop.execute(tables.encode())
    assert reasons(watched("t", **watch)) == [f"watch[0].table: {line}"]


@pytest.mark.parametrize("columns", ["id, status", "status, id"])
def test_an_index_with_the_status_is_enough(log_shop: Shop, watched: Watched, columns: str) -> None:
    log_shop.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, status text NOT NULL); CREATE UNIQUE INDEX t_log ON t ({columns});"
        "ALTER TABLE t REPLICA IDENTITY USING INDEX t_log".encode()
    )
    assert len(install(watched("t"))) == 4
    log_shop.execute("INSERT INTO t VALUES (1, 'new')")
    log_shop.execute("UPDATE t SET status = 'ready'")


def test_where_somebody_is_needs_a_key_and_no_old_rows(log_shop: Shop, watched: Watched) -> None:
    log_shop.execute("CREATE TABLE drivers (id int PRIMARY KEY, lat float, lng float)")
    rooms = "SELECT id AS key, '' AS room FROM drivers WHERE id = ANY(:keys)"
    assert len(install(watched("drivers", live={"rooms": rooms}))) == 4
    log_shop.execute("INSERT INTO drivers VALUES (1, 0, 0)")
    log_shop.execute("UPDATE drivers SET lat = 1")


def test_generated_columns_never_keep_the_application_from_an_update(log_shop: Shop, watched: Watched) -> None:
    """From PostgreSQL 18 on, an update fails where the identity of the row has a column that is not published."""
    log_shop.execute(
        "CREATE TABLE t (id int PRIMARY KEY, status text, no text GENERATED ALWAYS AS ('#' || id::text) STORED);"
        "ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (1, 'new')"
    )
    install(watched("t"))
    log_shop.execute("UPDATE t SET status = 'ready'")
    if log_shop.info.server_version >= 180000:
        assert install(watched("t", label_column="no"))
        log_shop.execute("ALTER PUBLICATION orderbell SET (publish_generated_columns = none)")
        assert install(watched("t", label_column="no")) == [
            "changed the publication orderbell, which did not publish generated columns"
        ]
        return
    with pytest.raises(Refused, match=r"watch\[0\].label_column: t.no is a generated column, which the change log"):
        install(watched("t", label_column="no"))


def test_a_virtual_column_and_a_full_identity_are_refused(
    empty_database: str,
) -> None:
    with psycopg.connect(empty_database, autocommit=True) as shop:
        shop.execute(
            "CREATE TABLE t (id int PRIMARY KEY, status text NOT NULL, twice int GENERATED ALWAYS AS (id * 2) VIRTUAL)"
        )
        settings = Settings.model_validate(
            {"database": {"url": empty_database}, "capture": "wal", "watch": [{"table": "t"}]}
        )
        for identity in ("DEFAULT", "FULL"):
            shop.execute(f"ALTER TABLE t REPLICA IDENTITY {identity}".encode())
            (line,) = reasons(settings)
            assert "public.t has a virtual generated column, and with REPLICA IDENTITY FULL every update" in line
            assert "columns that are NOT NULL, status among them" in line
        shop.execute("CREATE UNIQUE INDEX t_log ON t (id, status); ALTER TABLE t REPLICA IDENTITY USING INDEX t_log")
        install(settings)
        shop.execute("INSERT INTO t VALUES (1, 'new')")
        shop.execute("UPDATE t SET status = 'ready'")


def test_a_partition_of_a_watched_table_is_not_watched_besides(log_shop: Shop, watched: Watched) -> None:
    log_shop.execute(
        "CREATE TABLE t (id int PRIMARY KEY, status text) PARTITION BY RANGE (id);"
        "CREATE TABLE p PARTITION OF t FOR VALUES FROM (0) TO (1); ALTER TABLE p REPLICA IDENTITY FULL;"
        "ALTER TABLE t REPLICA IDENTITY FULL"
    )
    (line,) = reasons(watched("t", "p"))
    assert line.startswith("watch[1].table: public.p is a partition of public.t, which the watch watch_0 is about")
    assert len(install(watched("p"))) == 4, "alone it can be"


def test_every_reason_is_said_at_once(
    log_shop: Shop, watched: Watched, log_role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log_shop.execute("ALTER TABLE orders REPLICA IDENTITY DEFAULT")
    settings = watched("orders", url=log_role)
    lines = reasons(settings)
    generated = ", publish_generated_columns = stored" if log_shop.info.server_version >= 180000 else ""
    statement = (
        'CREATE PUBLICATION "orderbell" FOR TABLE ONLY "public"."orders" WITH'
        f" (publish = 'insert, update, delete', publish_via_partition_root = true{generated})"
    )
    unknown = "watch[0].table: the change log does not hold the old status of public.orders:"
    foreign = f'capture.publication: role "{ROLE}" does not own public.orders, and only an owner publishes a table;'
    assert lines == [
        f'capture.source: role "{ROLE}" lacks REPLICATION: ALTER ROLE "{ROLE}" REPLICATION',
        f"{unknown} ALTER TABLE public.orders REPLICA IDENTITY FULL",
        f"{foreign} let a superuser, or who owns them all, run: {statement}",
    ]
    problems, outdated, _ = said(settings, capsys)
    assert (problems, outdated) == (lines, ["Orderbell is not installed in this database: run `orderbell install`"])


def test_what_a_superuser_has_published_is_used_and_left(
    log_shop: Shop, watched: Watched, log_role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log_shop.execute(SQL("ALTER ROLE {} REPLICATION").format(Identifier(ROLE)))
    settings = watched("orders", url=log_role)
    (line,) = reasons(settings)
    log_shop.execute(line.partition(" run: ")[2].encode())
    done = install(settings)
    assert not [each for each in done if "publication" in each]
    with psycopg.connect(log_role, autocommit=True) as narrow:
        assert stale_watches(narrow, settings) == []
    assert said(settings, capsys)[:2] == ([], [])
    log_shop.execute("ALTER PUBLICATION orderbell SET (publish = 'insert')")
    problems, outdated, _ = said(settings, capsys)
    assert outdated == []
    owner = log_shop.info.user
    (line,) = problems
    wrong = f'orderbell, which belongs to "{owner}", does not publish INSERT, UPDATE and DELETE'
    assert line.startswith(f"capture.publication: {wrong}; let a superuser, or who owns it and the tables, run: ALTER ")
    with pytest.raises(Refused, match="does not publish INSERT, UPDATE and DELETE"):
        install(settings)
    log_shop.execute(problems[0].partition(" run: ")[2].encode())
    assert install(settings) == []
    assert uninstall(settings)[1] == "left the publication orderbell, which `orderbell install` did not make"
    log_shop.execute("DROP PUBLICATION orderbell")


def test_who_owns_the_tables_needs_no_superuser(log_shop: Shop, watched: Watched, log_role: str) -> None:
    log_shop.execute(SQL("ALTER ROLE {} REPLICATION").format(Identifier(ROLE)))
    log_shop.execute(SQL("ALTER TABLE orders OWNER TO {}").format(Identifier(ROLE)))
    settings = watched("orders", url=log_role)
    assert len(install(settings)) == 4
    assert install(watched("orders", url=log_role, capture="outbox"))
    assert len(uninstall(settings)) == 4


def test_triggers_on_tables_of_another_give_way_too(log_shop: Shop, watched: Watched, log_role: str) -> None:
    role = Identifier(ROLE)
    log_shop.execute(SQL("ALTER ROLE {} REPLICATION").format(role))
    log_shop.execute(SQL("GRANT TRIGGER ON orders TO {}").format(role))
    install(watched("orders", url=log_role, capture="outbox"))
    log_shop.execute("CREATE PUBLICATION orderbell FOR TABLE orders WITH (publish_via_partition_root = true)")
    if log_shop.info.server_version >= 180000:
        log_shop.execute("ALTER PUBLICATION orderbell SET (publish_generated_columns = stored)")
    done = install(watched("orders", url=log_role))
    assert done[-1].endswith("is captured from the change log, and its triggers are removed")
    assert log_shop.execute("SELECT count(*) FROM pg_trigger WHERE tgname ~ '^orderbell'").fetchone() == (0,)
    uninstall(watched("orders", url=log_role))
    log_shop.execute("DROP PUBLICATION orderbell")


@pytest.mark.parametrize("published", ["ALL TABLES", "TABLES IN SCHEMA orderbell", "TABLE orderbell.change, orders"])
def test_a_publication_of_our_own_tables_is_refused(
    log_shop: Shop, watched: Watched, capsys: pytest.CaptureFixture[str], published: str
) -> None:
    options = "publish_via_partition_root = true"
    if log_shop.info.server_version >= 180000:
        options += ", publish_generated_columns = stored"
    settings = watched("orders", capture={"source": "wal", "publication": "every"})
    install(watched("orders", capture="outbox"))
    log_shop.execute(f"CREATE PUBLICATION every FOR {published} WITH ({options})".encode())
    endless = (
        "every publishes Orderbell's own tables, and would be read for ever: name another, or one FOR TABLE"
        " public.orders"
    )
    with pytest.raises(Refused) as refused:
        install(settings)
    assert refused.value.reasons == [f"capture.publication: {endless}"]
    assert said(settings, capsys)[0] == refused.value.reasons
    assert changelog.publication_problems_of(settings)[0] == f"the publication {endless}"
    log_shop.execute("DROP PUBLICATION every")
    assert install(settings)


def test_a_table_of_ours_that_somebody_put_into_our_publication_is_taken_out(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    log_shop.execute("ALTER PUBLICATION orderbell ADD TABLE orderbell.change")
    assert install(watched("orders")) == [
        "changed the publication orderbell, which publishes orderbell.change, which no watch is about"
    ]


def test_everything_is_refused_before_there_is_anything_of_ours(log_shop: Shop, watched: Watched) -> None:
    log_shop.execute("CREATE PUBLICATION orderbell FOR ALL TABLES")
    with pytest.raises(Refused, match=r"orderbell publishes Orderbell's own tables, and would be read for ever"):
        install(watched("orders"))


def test_a_role_that_may_not_make_a_publication_is_told_the_grant(
    log_shop: Shop, watched: Watched, log_role: str
) -> None:
    role, database = Identifier(ROLE), Identifier(log_shop.info.dbname)
    log_shop.execute(SQL("ALTER ROLE {} REPLICATION").format(role))
    log_shop.execute(SQL("ALTER TABLE orders OWNER TO {}").format(role))
    log_shop.execute(SQL("CREATE SCHEMA orderbell AUTHORIZATION {}").format(role))
    log_shop.execute(SQL("REVOKE CREATE ON DATABASE {} FROM {}").format(database, role))
    with pytest.raises(Refused) as refused:
        install(watched("orders", url=log_role))
    (line,) = refused.value.reasons
    grant = f'GRANT CREATE ON DATABASE "{log_shop.info.dbname}" TO "{ROLE}"'
    assert line.startswith(
        f'capture.publication: role "{ROLE}" may not make a publication: {grant}, or let a superuser'
    )


def test_reading_needs_no_right_to_make_triggers(log_shop: Shop, watched: Watched, log_role: str) -> None:
    log_shop.execute(SQL("REVOKE SELECT ON orders FROM {}").format(Identifier(ROLE)))
    lines = reasons(watched("orders", url=log_role))
    assert [line for line in lines if "SELECT on" in line]
    assert not [line for line in lines if "TRIGGER" in line]


def test_a_slot_of_somebody_else_is_left_alone(log_shop: Shop, watched: Watched, any_postgres: str) -> None:
    log_shop.execute("SELECT pg_create_logical_replication_slot('theirs', 'pgoutput')")
    (line,) = reasons(watched("orders", capture={"source": "wal", "slot": "theirs"}))
    assert line.startswith(
        "capture.slot: there is a replication slot theirs already, and it is not known to be Orderbell's"
    )
    with psycopg.connect(any_postgres, autocommit=True) as other:
        other.execute("SELECT pg_create_physical_replication_slot('standby')")
        (line,) = reasons(watched("orders", capture={"source": "wal", "slot": "standby"}))
        other.execute("SELECT pg_drop_replication_slot('standby')")
        assert line == "capture.slot: the replication slot standby is of physical replication: choose another name"
        name = make_conninfo(any_postgres)
        other.execute("SELECT pg_create_logical_replication_slot('elsewhere', 'pgoutput')")
        (line,) = reasons(watched("orders", capture={"source": "wal", "slot": "elsewhere"}))
        other.execute("SELECT pg_drop_replication_slot('elsewhere')")
        database = psycopg.conninfo.conninfo_to_dict(name)["dbname"]
        assert line == f"capture.slot: the replication slot elsewhere is of database '{database}': choose another name"


def test_an_unread_slot_and_standbys_are_spoken_of(
    log_shop: Shop, watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[str] = []
    install(watched("orders"), heard.append)
    assert heard[-1].startswith("max_slot_wal_keep_size is -1: while no daemon reads the change log")
    problems, outdated, out = said(watched("orders"), capsys)
    assert (problems, outdated) == ([], [])
    assert "max_slot_wal_keep_size is -1" in out
    assert ("sync_replication_slots" in out) == (log_shop.info.server_version >= 170000)
    heard.clear()
    install(watched("orders"), heard.append)
    assert heard == []


def test_what_install_mends_is_said_by_check_and_nothing_is_changed(
    log_shop: Shop, watched: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = watched("orders")
    install(watched("orders", capture="outbox"))
    assert said(wanted, capsys)[:2] == (
        [],
        ["capture: capture from the change log is not installed: run `orderbell install`"],
    )
    install(wanted)
    slot = changelog.slot_name(log_shop, wanted)
    log_shop.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
    log_shop.execute("DROP PUBLICATION orderbell")
    assert said(wanted, capsys)[:2] == (
        [],
        [
            f"capture: the replication slot {slot} is missing: run `orderbell install`",
            "capture: the publication orderbell does not exist: run `orderbell install`",
        ],
    )
    install(wanted)
    assert said(wanted, capsys)[:2] == ([], [])
    install(watched("orders", capture="outbox"))
    assert "left the replication slot" in said(watched("orders", capture="outbox"), capsys)[2]
    changelog.drop_slot(log_shop, slot)
