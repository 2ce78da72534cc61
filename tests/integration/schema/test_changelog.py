"""``orderbell install`` and ``uninstall`` where changes are captured from the change log."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from config import Settings
from schema import changelog
from schema.changelog.slot import _blockers, replicating
from schema.errors import Refused
from schema.install import check_version, install, stale_watches, uninstall
from tests.conftest import drop_database, new_database
from tests.integration.schema.conftest import Shop, Watched

QUOTED = '"Web Shop"."Or""der"'

COPIED = "this database is a copy, or its cluster was made anew: forgot where the change log was read before"


def slots(shop: Shop) -> list[str]:
    query = "SELECT slot_name FROM pg_replication_slots WHERE database = current_database() ORDER BY 1"
    return [name for (name,) in shop.execute(query).fetchall()]


def log(shop: Shop) -> tuple[Any, ...]:
    (row,) = shop.execute(
        "SELECT slot, publication, system_identifier, lsn, horizon, gap, made_at FROM orderbell.change_log"
    ).fetchall()
    return row


def own_slot(shop: Shop) -> str:
    (row,) = shop.execute("SELECT 'orderbell_' || oid FROM pg_database WHERE datname = current_database()").fetchall()
    return str(row[0])


def test_installing_makes_publication_and_slot_and_no_trigger(log_shop: Shop, watched: Watched) -> None:
    done = install(watched("orders", QUOTED))
    assert done[1:] == [
        'made the publication orderbell of public.orders, Web Shop.Or"der',
        f"made the replication slot {own_slot(log_shop)}",
        "the watch watch_0 on public.orders is captured from the change log",
        'the watch watch_1 on Web Shop.Or"der is captured from the change log',
    ]
    assert log_shop.execute("SELECT count(*) FROM pg_trigger WHERE tgname ~ '^orderbell'").fetchone() == (0,)
    published = "SELECT pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot, puballtables FROM pg_publication"
    assert log_shop.execute(published).fetchall() == [(True, True, True, False, True, False)]
    state = changelog.slot_state(log_shop, own_slot(log_shop))
    assert state is not None
    assert (state.plugin, state.active_pid, state.lost) == ("pgoutput", None, False)
    assert state.retained_bytes is not None
    (where,) = log_shop.execute(
        "SELECT c.lsn = s.confirmed_flush_lsn AND NOT c.gap AND c.system_identifier = i.system_identifier::text"
        " FROM orderbell.change_log c, pg_replication_slots s, pg_control_system() i WHERE s.slot_name = c.slot"
    ).fetchall()
    assert where == (True,)


def test_installing_it_twice_changes_nothing_the_second_time(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders", QUOTED))
    before = log(log_shop), log_shop.execute("SELECT * FROM orderbell.watch").fetchall()
    assert install(watched("orders", QUOTED)) == []
    assert (log(log_shop), log_shop.execute("SELECT * FROM orderbell.watch").fetchall()) == before
    check_version(log_shop)
    assert stale_watches(log_shop, watched("orders", QUOTED)) == []


def test_the_slot_is_kept_on_standbys_where_the_version_can(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    (failover,) = log_shop.execute(
        "SELECT to_jsonb(s) ->> 'failover' FROM pg_replication_slots s WHERE database = current_database()"
    ).fetchall()
    assert failover == ("true" if log_shop.info.server_version >= 170000 else None,)


def test_uninstalling_it_leaves_no_slot_and_no_publication(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    slot = own_slot(log_shop)
    assert uninstall(watched("orders")) == [
        f"dropped the replication slot {slot}",
        "dropped the publication orderbell",
        "dropped the schema orderbell with all it held",
    ]
    assert slots(log_shop) == []
    assert log_shop.execute("SELECT count(*) FROM pg_publication").fetchone() == (0,)
    assert uninstall(watched("orders")) == []


def test_uninstalling_finds_a_slot_whose_schema_somebody_dropped(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    log_shop.execute("DROP SCHEMA orderbell CASCADE")
    assert uninstall(watched("orders", capture="outbox")) == [f"dropped the replication slot {own_slot(log_shop)}"]
    assert slots(log_shop) == []


@pytest.fixture
def reading(log_shop: Shop, watched: Watched) -> Iterator[int]:
    """The pid of somebody who reads the slot of the installed capture."""
    settings = watched("orders")
    install(settings)
    command = (
        f"START_REPLICATION SLOT {own_slot(log_shop)} LOGICAL 0/0 (proto_version '1', publication_names 'orderbell')"
    )
    with closing(replicating(settings)) as reader:
        reader.pgconn.exec_(command.encode())
        yield reader.info.backend_pid


def test_a_slot_in_use_is_refused_and_nothing_is_removed(
    log_shop: Shop, watched: Watched, reading: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changelog.drop_slot, "__defaults__", (0.3,))
    with pytest.raises(Refused, match=f"is in use by pid {reading}: stop the daemon first"):
        uninstall(watched("orders"))
    check_version(log_shop)
    assert slots(log_shop) == [own_slot(log_shop)]
    assert stale_watches(log_shop, watched("orders")) == []


def test_watches_are_installed_while_the_log_is_read(log_shop: Shop, watched: Watched, reading: int) -> None:
    assert install(watched("orders")) == []
    assert len(install(watched("orders", QUOTED))) == 2
    state = changelog.slot_state(log_shop, own_slot(log_shop))
    assert state is not None
    assert state.active_pid == reading


def test_a_publication_that_lost_a_table_or_an_operation_is_mended(log_shop: Shop, watched: Watched) -> None:
    wanted = watched("orders", QUOTED)
    install(wanted)
    before = log(log_shop)
    log_shop.execute(
        "ALTER PUBLICATION orderbell DROP TABLE orders; ALTER PUBLICATION orderbell SET (publish = 'insert')"
    )
    assert stale_watches(log_shop, wanted) == ["watch_0", "watch_1"]
    said = "does not publish public.orders", "does not publish INSERT, UPDATE and DELETE"
    assert changelog.publication_problems_of(wanted) == [f"the publication orderbell {each}" for each in said]
    url = wanted.database.url.get_secret_value()
    given = {"conninfo": url, "options": "-c statement_timeout=10s"}
    elsewhere = watched("orders", QUOTED, url="postgresql://nowhere.invalid/")
    assert changelog.publication_problems_of(elsewhere, **given) == changelog.publication_problems_of(wanted)
    did_not = "did not publish public.orders and did not publish INSERT, UPDATE and DELETE"
    assert install(wanted)[0] == f"changed the publication orderbell, which {did_not}"
    assert (install(wanted), stale_watches(log_shop, wanted), log(log_shop)) == (
        [],
        [],
        (*before[:5], True, before[6]),
    ), "what it lacked meanwhile, the daemon finds out"


def test_a_list_of_columns_or_a_filter_is_taken_away(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    log_shop.execute("ALTER PUBLICATION orderbell SET TABLE orders (id, status) WHERE (id > 5)")
    assert install(watched("orders")) == [
        "changed the publication orderbell, which publishes not all rows and columns of public.orders"
    ]
    kept = "SELECT prattrs IS NULL AND prqual IS NULL FROM pg_publication_rel"
    assert log_shop.execute(kept).fetchall() == [(True,)]


def test_a_table_that_was_dropped_and_made_anew_is_captured_again(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    log_shop.execute("DROP TABLE orders; CREATE TABLE orders (id int PRIMARY KEY, status text)")
    log_shop.execute("ALTER TABLE orders REPLICA IDENTITY FULL")
    assert stale_watches(log_shop, watched("orders")) == ["watch_0"]
    assert len(install(watched("orders"))) == 3
    assert log_shop.execute("SELECT gap FROM orderbell.change_log").fetchone() == (True,)
    found = "SELECT relation = 'orders'::regclass, since FROM orderbell.watch"
    assert log_shop.execute(found).fetchall() == [(True, "0/0")], "nobody else captured what the log has of it"
    assert stale_watches(log_shop, watched("orders")) == []


def test_watches_come_and_go_while_the_others_stay_as_they_are(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    before = log(log_shop), log_shop.execute("SELECT since FROM orderbell.watch").fetchone()
    assert install(watched("orders", QUOTED)) == [
        'changed the publication orderbell, which did not publish Web Shop.Or"der',
        'the watch watch_1 on Web Shop.Or"der is captured from the change log',
    ]
    wider = watched("orders", QUOTED, label_column="status")
    assert stale_watches(log_shop, wider) == []
    assert install(watched("orders")) == [
        'changed the publication orderbell, which publishes Web Shop.Or"der, which no watch is about',
        "the watch watch_1 is captured no more: it is no longer configured",
    ]
    assert (log(log_shop), log_shop.execute("SELECT since FROM orderbell.watch").fetchone()) == before


def test_other_columns_are_no_reason_to_begin_anew(log_shop: Shop, watched: Watched) -> None:
    install(watched(QUOTED))
    since = log_shop.execute("SELECT since FROM orderbell.watch").fetchone()
    wider = watched(QUOTED, columns=["total"])
    assert stale_watches(log_shop, wider) == ["watch_0"]
    assert install(wider) == ['the watch watch_0 on Web Shop.Or"der is captured from the change log with other columns']
    assert log_shop.execute("SELECT since FROM orderbell.watch").fetchone() == since


@pytest.mark.parametrize("lost", ["dropped", "with the publication"])
def test_a_lost_slot_is_made_anew_and_the_daemon_is_told_since_when(
    log_shop: Shop, watched: Watched, lost: str
) -> None:
    install(watched("orders"))
    before = log(log_shop)
    if lost == "dropped":
        log_shop.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()"
        )
    else:
        log_shop.execute("DROP PUBLICATION orderbell")
    log_shop.execute("INSERT INTO orders VALUES (1, 'new')")
    assert stale_watches(log_shop, watched("orders")) == ["watch_0"]
    said = {
        "dropped": f"made the replication slot {before[0]} anew: the daemon finds out what was missed",
        "with the publication": (
            f"the daemon makes the replication slot {before[0]} anew, and finds out what was missed"
        ),
    }
    assert said[lost] in install(watched("orders"))
    slot, _, system, lsn, horizon, gap, _ = log(log_shop)
    assert (slot, system, horizon, gap) == (before[0], before[2], before[4], True)
    further = log_shop.execute("SELECT %s::pg_lsn > %s::pg_lsn", (lsn, before[3])).fetchone()
    assert further == (lost == "dropped",)
    assert install(watched("orders")) == []


def test_an_invalidated_slot_is_made_anew(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    limit = "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'", "SELECT pg_reload_conf()"
    try:
        for statement in limit:
            log_shop.execute(statement)
        while (state := changelog.slot_state(log_shop, own_slot(log_shop))) is not None and not state.lost:
            log_shop.execute("SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)), pg_switch_wal()")
            log_shop.execute("CHECKPOINT")
        assert state is not None
        assert (state.invalidation_reason == "wal_removed") == (log_shop.info.server_version >= 170000)
        assert stale_watches(log_shop, watched("orders")) == ["watch_0"]
        assert len(install(watched("orders"))) == 1
        assert log(log_shop)[5]
    finally:
        log_shop.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
        log_shop.execute("SELECT pg_reload_conf()")


def test_slot_and_publication_follow_their_names_in_the_configuration(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    other = watched("orders", capture={"source": "wal", "slot": "bell_slot", "publication": "Bell's"})
    assert stale_watches(log_shop, other) == ["watch_0"]
    install(other)
    assert slots(log_shop) == ["bell_slot"]
    assert log_shop.execute("SELECT pubname FROM pg_publication").fetchall() == [("Bell's",)]
    assert log(log_shop)[:2] == ("bell_slot", "Bell's")
    assert install(other) == []
    assert len(uninstall(other)) == 3
    assert slots(log_shop) == []


def test_two_databases_of_a_cluster_have_a_slot_each(log_shop: Shop, watched: Watched, any_postgres: str) -> None:
    install(watched("orders"))
    original = log_shop.info.dbname
    log_shop.close()  # who is copied has no guests
    copy = new_database(any_postgres, template=original)
    try:
        with psycopg.connect(copy, autocommit=True) as other:
            settings = watched("orders", url=copy)
            assert stale_watches(other, settings) == ["watch_0"]
            horizon = log(other)[4]
            done = install(settings)
            assert done == [
                COPIED,
                f"made the replication slot {own_slot(other)} anew: the daemon finds out what was missed",
            ]
            assert (log(other)[0], *log(other)[4:6]) == (own_slot(other), horizon, True)
            assert stale_watches(other, settings) == []
            assert len(uninstall(settings)) == 3
        with psycopg.connect(watched("orders").database.url.get_secret_value()) as first:
            assert stale_watches(first, watched("orders")) == [], "the original is as it was"
            assert slots(first) == [own_slot(first)]
    finally:
        drop_database(any_postgres, copy)


def test_in_another_cluster_what_was_missed_is_looked_for_since_the_old_horizon(
    log_shop: Shop, watched: Watched
) -> None:
    install(watched("orders"))
    horizon = log(log_shop)[4]
    log_shop.execute("UPDATE orderbell.change_log SET system_identifier = '1', lsn = 'FFFF/0'")
    log_shop.execute("UPDATE orderbell.watch SET since = 'FFFF/0'")
    assert stale_watches(log_shop, watched("orders")) == ["watch_0"]
    said = f"made the replication slot {own_slot(log_shop)} anew: the daemon finds out what was missed"
    assert install(watched("orders")) == [COPIED, said]
    begun = "SELECT c.lsn = s.confirmed_flush_lsn, c.horizon, c.gap FROM orderbell.change_log c, pg_replication_slots s"
    assert log_shop.execute(f"{begun} WHERE s.slot_name = c.slot".encode()).fetchall() == [(True, horizon, True)]
    assert log_shop.execute("SELECT since, until FROM orderbell.watch").fetchall() == [("0/0", None)]
    assert install(watched("orders")) == []


@pytest.mark.parametrize("ahead", [10**12, 2])
def test_of_a_restored_dump_every_row_counts_for_its_transactions_are_of_another_count(
    log_shop: Shop, watched: Watched, ahead: int
) -> None:
    install(watched("orders"))
    log_shop.execute(
        "UPDATE orderbell.change_log SET system_identifier = '1',"
        " horizon = (pg_snapshot_xmax(pg_current_snapshot())::text::bigint + %s)::text::xid8",
        (ahead,),
    )
    for number in range(4):
        log_shop.execute("INSERT INTO orders VALUES (%s, 'new')", (number,))
    install(watched("orders"))
    assert log(log_shop)[4:6] == ("3", True)


def test_a_watch_that_triggers_took_over_elsewhere_is_theirs_until_here(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders", QUOTED))
    install(watched("orders", QUOTED, capture="outbox"))
    log_shop.execute("UPDATE orderbell.change_log SET system_identifier = '1'")
    (here,) = log_shop.execute("SELECT pg_current_wal_insert_lsn()").fetchone() or ("",)
    install(watched("orders", QUOTED))
    found = "SELECT since > %s, until FROM orderbell.watch"
    assert log_shop.execute(found, (here,)).fetchall() == [(True, None), (True, None)]


def test_partitions_are_published_with_their_table_and_children_by_name(log_shop: Shop, watched: Watched) -> None:
    log_shop.execute(
        "CREATE TABLE parted (id int PRIMARY KEY, status text) PARTITION BY RANGE (id);"
        "CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (100); ALTER TABLE part REPLICA IDENTITY FULL;"
        "ALTER TABLE parted REPLICA IDENTITY FULL;"
        "CREATE TABLE child () INHERITS (orders); ALTER TABLE child REPLICA IDENTITY FULL"
    )
    wanted = watched("orders", "parted")
    install(wanted)
    published = changelog.published_tables(log_shop, "orderbell")
    assert [relation.name for relation in published.values()] == ["child", "orders", "parted"]
    log_shop.execute("CREATE TABLE later PARTITION OF parted FOR VALUES FROM (100) TO (200)")
    log_shop.execute("INSERT INTO parted VALUES (101, 'new')")
    log_shop.execute("UPDATE parted SET status = 'ready'")
    assert stale_watches(log_shop, wanted) == []
    with pytest.raises(Refused, match=r"ALTER TABLE public\.later REPLICA IDENTITY FULL"):
        install(wanted)
    log_shop.execute("ALTER TABLE later REPLICA IDENTITY FULL")
    log_shop.execute("CREATE TABLE another () INHERITS (orders); ALTER TABLE another REPLICA IDENTITY FULL")
    assert stale_watches(log_shop, wanted) == ["watch_0", "watch_1"]
    assert install(wanted) == [
        "changed the publication orderbell, which did not publish public.another",
        f"the daemon makes the replication slot {own_slot(log_shop)} anew, and finds out what was missed",
    ]


def test_a_transaction_that_stays_open_is_said_and_then_refused(
    log_shop: Shop, any_empty_database: str, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Making the slot has come as far as to wait for somebody whenever it is asked for whom.

    def blockers(connection: psycopg.Connection[Any], pid: int) -> str:
        while (found := _blockers(connection, pid)) == "the server":
            time.sleep(0.01)
        return found

    monkeypatch.setattr("schema.changelog.slot._blockers", blockers)
    monkeypatch.setattr("schema.changelog.slot.SAID_AFTER_SECONDS", 0.1)
    monkeypatch.setattr("schema.changelog.slot.PATIENCE_SECONDS", 0.6)
    heard: list[str] = []
    with psycopg.connect(any_empty_database) as writer:
        writer.execute("INSERT INTO orders VALUES (1, 'new')")
        pid = writer.info.backend_pid
        with pytest.raises(Refused, match=f"cannot begin while a transaction stays open: it waits for pid {pid}"):
            install(watched("orders"), heard.append)
        assert any(line.endswith(f"have ended: it waits for pid {pid}") for line in heard)
        assert slots(log_shop) == []
        monkeypatch.setattr("schema.changelog.slot._blockers", _blockers)
        monkeypatch.setattr("schema.changelog.slot.PATIENCE_SECONDS", 60)
        ending = threading.Timer(0.5, writer.commit)
        ending.start()
        assert install(watched("orders"))
        ending.join()


def test_a_slot_goes_again_when_what_it_was_made_for_fails(log_shop: Shop, watched: Watched) -> None:
    settings = watched("orders")

    def fail() -> None:
        with changelog.create_slot(log_shop, settings, "short_lived") as (began, snapshot):
            assert (slots(log_shop), "/" in began, "-" in snapshot) == (["short_lived"], True, True)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert slots(log_shop) == []


def test_a_slot_that_is_not_there_is_nothing_to_drop(log_shop: Shop) -> None:
    assert changelog.drop_slot(log_shop, "nowhere") is False
    assert changelog.slot_state(log_shop, "nowhere") is None


def test_without_a_watch_there_is_a_publication_of_nothing(log_shop: Shop, watched: Watched) -> None:
    none: Settings = watched()
    assert install(none)[1:] == ["made the publication orderbell", f"made the replication slot {own_slot(log_shop)}"]
    assert install(none) == []
    assert len(install(watched("orders"))) == 2


def test_who_connects_another_way_finds_the_same(log_shop: Shop, watched: Watched, any_empty_database: str) -> None:
    install(watched("orders"))
    again = watched("orders", url=make_conninfo(any_empty_database, application_name="again"))
    assert install(again) == []
    assert changelog.slot_name(log_shop, again) == own_slot(log_shop)
