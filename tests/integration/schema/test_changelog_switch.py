"""From triggers to the change log and back: no change is missed, none is seen twice, and no writer waits for long."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row

from config import Settings
from daemon.capture.changelog.decoder import decode
from daemon.capture.changelog.frames import lsn_of
from daemon.capture.changelog.messages import Begin, Commit, Insert, LogicalMessage, Message
from schema import changelog
from schema.errors import Refused
from schema.install import install, stale_watches, uninstall
from tests.integration.schema.conftest import Shop, Watched

WRITERS = 4

PARTED = """
CREATE TABLE parted (id int PRIMARY KEY, status text) PARTITION BY RANGE (id);
CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (1000000);
CREATE TABLE high PARTITION OF parted FOR VALUES FROM (1000000) TO (2000000);
ALTER TABLE parted REPLICA IDENTITY FULL; ALTER TABLE low REPLICA IDENTITY FULL; ALTER TABLE high REPLICA IDENTITY FULL;
"""


@contextmanager
def writing(url: str) -> Iterator[set[int]]:
    """Writers that insert rows into the table and straight into its partitions, from before to after the block; the ids
    that were committed.
    """
    committed: set[int] = set()
    numbers, stop, begun = itertools.count(1), threading.Event(), threading.Barrier(WRITERS + 1)

    def write(number: int) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET statement_timeout = '20s'")
            for turn in itertools.count():
                row = next(numbers) + (1_000_000 if turn % 2 else 0)
                table = ("parted", "high" if turn % 2 else "low")[number % 2]
                with connection.transaction():
                    connection.execute(f"INSERT INTO {table} VALUES ({row}, 'new')".encode())
                committed.add(row)
                if turn == 20:
                    begun.wait(60)
                if stop.is_set() and turn > 20:
                    return

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    begun.wait(60)
    try:
        yield committed
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def captured_by_triggers(shop: Shop) -> list[int]:
    return [int(key) for (key,) in shop.execute("SELECT key FROM orderbell.change").fetchall()]


def in_the_log(shop: Shop) -> Iterator[Message]:
    """What the slot has, and goes on to have."""
    for (payload,) in shop.execute(
        "SELECT data FROM orderbell.change_log, pg_logical_slot_peek_binary_changes(slot, NULL, NULL,"
        " 'proto_version', '1', 'publication_names', 'orderbell', 'messages', 'true')"
    ).fetchall():
        yield decode(payload)


def captured_from_the_log(shop: Shop) -> list[int]:
    """What a reader takes for the watch: of transactions between ``since`` and ``until``."""
    ((lsn, since, until),) = shop.execute(
        "SELECT c.lsn::text, w.since::text, w.until::text FROM orderbell.change_log c, orderbell.watch w"
    ).fetchall()
    found: list[int] = []
    rows: list[int] = []
    for message in in_the_log(shop):
        match message:
            case Begin():
                rows = []
            case Insert(new=new):
                rows.append(int(str(new[0])))
            case Commit(lsn=commit):
                assert commit >= lsn_of(lsn)
                if lsn_of(since) <= commit and (until is None or commit < lsn_of(until)):
                    found += rows
            case _:
                pass
    return found


def test_every_change_is_captured_once_while_triggers_give_way_and_come_back(
    log_shop: Shop, watched: Watched, any_empty_database: str
) -> None:
    log_shop.execute(PARTED)
    triggers, from_log = watched("parted", capture="outbox"), watched("parted")
    install(triggers)
    with writing(any_empty_database) as written:
        done = install(from_log)
        assert (
            done[-1]
            == "the watch watch_0 on public.parted is captured from the change log, and its triggers are removed"
        )
        before = len(written)
        while len(written) < before + 50:
            time.sleep(0.01)
        assert install(triggers) == ["put the triggers of the watch watch_0 on public.parted and 2 partitions"]
    by_triggers, by_log = captured_by_triggers(log_shop), captured_from_the_log(log_shop)
    assert len(by_log) >= 50
    assert sorted(by_triggers + by_log) == sorted(written)


def test_each_change_over_is_said_in_the_log_within_its_transaction(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders", capture="outbox"))
    install(watched("orders"))
    install(watched("orders", capture="outbox"))
    said: list[object] = []
    within = False
    for message in in_the_log(log_shop):
        match message:
            case Begin() | Commit():
                within = isinstance(message, Begin)
            case LogicalMessage(prefix="orderbell"):
                said.append((message.content, within))
            case _:
                pass
    assert said == [(b"switch", True), (b"switch", True)]


def test_what_was_written_to_a_new_watch_since_it_was_published_is_captured_from_the_log(
    log_shop: Shop, watched: Watched
) -> None:
    install(watched("orders"))
    assert log_shop.execute("SELECT since FROM orderbell.watch").fetchall() == [("0/0",)]
    triggers = watched("orders", capture="outbox")
    install(triggers)
    log_shop.execute("UPDATE orderbell.change_log SET lsn = pg_current_wal_insert_lsn()")
    install(watched("orders"))
    assert log_shop.execute("SELECT since > '0/0' FROM orderbell.watch").fetchall() == [(True,)]


def test_slot_and_publication_stay_until_the_log_is_read(log_shop: Shop, watched: Watched) -> None:
    triggers: Settings = watched("orders", capture="outbox")
    install(watched("orders"))
    heard: list[str] = []
    assert install(triggers, heard.append) == ["put the triggers of the watch watch_0 on public.orders"]
    ((until,),) = log_shop.execute("SELECT until::text FROM orderbell.watch").fetchall()
    assert heard[-1].endswith(f"reads the change log up to {until}, where the triggers took over, and drops both then")
    assert install(triggers) == []
    assert stale_watches(log_shop, triggers) == []
    assert changelog.retire(log_shop) == []
    assert changelog.unread_up_to(log_shop) == (True, until)
    slot = changelog.slot_name(log_shop, triggers)
    log_shop.execute("UPDATE orderbell.change_log SET lsn = %s", (until,))
    assert changelog.retire(log_shop) == [
        f"dropped the replication slot {slot}",
        "dropped the publication orderbell",
    ]
    assert changelog.slot_state(log_shop, slot) is None
    left = "SELECT since, until, (SELECT count(*) FROM orderbell.change_log) FROM orderbell.watch"
    assert log_shop.execute(left).fetchall() == [(None, None, 0)]
    assert changelog.retire(log_shop) == []
    assert changelog.unread_up_to(log_shop) == (False, None)
    assert stale_watches(log_shop, triggers) == []


def test_the_log_is_not_given_up_while_a_watch_is_captured_from_it(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    log_shop.execute("UPDATE orderbell.change_log SET lsn = pg_current_wal_lsn()")
    assert changelog.unread_up_to(log_shop) == (True, None)
    assert changelog.retire(log_shop) == []


def test_an_install_gives_up_itself_what_was_read_already(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    none = watched(capture="outbox")
    done = install(none)
    assert [line.split(" orderbell")[0] for line in done] == [
        "removed the watch watch_0, which is no longer configured",
        "dropped the replication slot",
        "dropped the publication",
    ]
    assert install(none) == []


def test_back_to_the_log_before_it_was_read_is_refused(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    install(watched("orders", capture="outbox"))
    with pytest.raises(Refused, match=r"the change log is not read up to .* the watch watch_0 over"):
        install(watched("orders"))
    log_shop.execute("UPDATE orderbell.change_log SET lsn = pg_current_wal_insert_lsn()")
    assert install(watched("orders")) == [
        "the watch watch_0 on public.orders is captured from the change log, and its triggers are removed"
    ]
    assert log_shop.execute("SELECT until FROM orderbell.watch").fetchall() == [(None,)]
    assert stale_watches(log_shop, watched("orders")) == []


def test_triggers_in_a_copy_take_over_without_looking_back(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    log_shop.execute("UPDATE orderbell.change_log SET system_identifier = '1'")
    slot = changelog.slot_name(log_shop, watched("orders"))
    assert install(watched("orders", capture="outbox")) == [
        "put the triggers of the watch watch_0 on public.orders",
        "dropped the publication orderbell",
    ]
    assert log_shop.execute("SELECT count(*) FROM orderbell.change_log").fetchone() == (0,)
    log_shop.execute("SELECT pg_drop_replication_slot(%s)", (slot,))


@pytest.mark.parametrize("there", ["triggers", "the log"])
def test_a_writer_holds_the_change_over_up_and_not_the_other_way_round(
    log_shop: Shop, watched: Watched, any_empty_database: str, there: str
) -> None:
    before, after = watched("orders", capture="outbox"), watched("orders")
    if there == "the log":
        before, after = after, before
    install(before)
    done = threading.Event()

    def change_over() -> None:
        install(after)
        done.set()

    with (
        psycopg.connect(any_empty_database) as holder,
        psycopg.connect(any_empty_database, autocommit=True, row_factory=tuple_row) as other,
    ):
        other.execute("SET statement_timeout = '15s'")
        thread = threading.Thread(target=change_over)
        holder.execute("INSERT INTO orders VALUES (0, 'new')")
        thread.start()
        for number in range(1, 40):
            other.execute("INSERT INTO orders VALUES (%s, 'new')", (number,))
            if done.wait(0.02):
                break
        assert not done.is_set(), "changed over although a writer held the table"
        holder.commit()
        thread.join(60)
    assert done.is_set()
    assert stale_watches(log_shop, after) == []


def test_everything_goes_with_uninstall_in_the_midst_of_it(log_shop: Shop, watched: Watched) -> None:
    install(watched("orders"))
    install(watched("orders", capture="outbox"))
    done = uninstall(watched("orders", capture="outbox"))
    assert [line.split(" ")[0:3] for line in done] == [
        ["dropped", "the", "replication"],
        ["dropped", "the", "publication"],
        ["removed", "the", "triggers"],
        ["dropped", "the", "schema"],
    ]
    left: Any = log_shop.execute("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()")
    assert left.fetchone() == (0,)
