"""Whole transactions, in order, each once."""

from datetime import UTC, datetime
from typing import Any

import pytest

from config.mapping import Watch
from daemon.capture.changelog.gathering import Gatherer, Heartbeat, Share
from daemon.capture.changelog.kinds import TEXT
from daemon.capture.changelog.messages import (
    Begin,
    Commit,
    Delete,
    Identity,
    Insert,
    LogicalMessage,
    Relation,
    RelationColumn,
    Update,
)
from daemon.capture.changelog.rows import capturing

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
MARK = b"0" * 32 + b" 7 2026-11-21T12:00:00.000000Z"

RELATION = Relation(
    16400,
    "public",
    "orders",
    Identity.FULL,
    (RelationColumn("id", 25, -1, True), RelationColumn("status", 25, -1, True)),
    None,
)
READS = capturing(Watch(table="orders"), RELATION, {25: TEXT})


def gatherer(position: int = 0, **share: object) -> Gatherer:
    return Gatherer(position, {RELATION.oid: [Share(READS, **share)]})  # type: ignore[arg-type]


def transaction(taking: Gatherer, commit: int, *messages: Insert | Update | Delete) -> None:
    taking.take(Begin(commit, AT, 7))
    for message in messages:
        taking.take(message)
    taking.take(Commit(commit, commit + 10, AT))


def inserted(key: str) -> Insert:
    return Insert(RELATION.oid, (key, "new"), None)


def take_all(taking: Gatherer, messages: tuple[Any, ...]) -> None:
    for message in messages:
        taking.take(message)


def keys(taking: Gatherer) -> list[str | None]:
    return [gathered.row.key for gathered in taking.taken()]


def test_rows_are_kept_apart_until_their_commit() -> None:
    taking = gatherer()
    taking.take(Begin(100, AT, 7))
    taking.take(inserted("1"))
    assert (taking.closed, taking.within, taking.position) == ([], True, 0)
    taking.take(Commit(100, 110, AT))
    assert (taking.position, taking.within, taking.committed_at) == (110, False, AT)
    assert keys(taking) == ["1"]
    assert keys(taking) == []


def test_what_was_read_before_is_read_over() -> None:
    taking = gatherer(position=110)
    transaction(taking, 100, inserted("1"))
    assert taking.position == 110
    transaction(taking, 110, inserted("2"))
    assert keys(taking) == ["2"]
    assert taking.position == 120


def test_a_watch_takes_what_commits_from_its_beginning_on_and_before_its_end() -> None:
    taking = gatherer(since=200, until=300)
    for commit in (189, 200, 289, 300):
        transaction(taking, commit, inserted(str(commit)))
    assert keys(taking) == ["200", "289"]
    assert taking.position == 299, "the one that gave no row need not be noted"


def test_a_row_deleted_here_and_inserted_there_has_moved_only_in_a_partitioned_table() -> None:
    gone, back = Delete(RELATION.oid, ("1", "old"), None, None), inserted("1")
    plain, partitioned = gatherer(), gatherer(partitioned=True)
    for taking in (plain, partitioned):
        transaction(taking, 100, gone, back)
    assert [row.op for row, *_ in plain.taken()] == ["insert"]
    assert [(row.op, row.old) for row, *_ in partitioned.taken()] == [("update", '{"id" : "1", "status" : "old"}')]
    transaction(partitioned, 200, gone, inserted("2"), inserted("1"))
    assert [row.op for row, *_ in partitioned.taken()] == ["insert", "insert"]


@pytest.mark.parametrize(
    ("prefix", "content"),
    [
        ("other", MARK),
        ("orderbell", b"not ours after all"),
        ("orderbell", MARK + b" and more"),
        ("orderbell", b"[" * 100_000),
    ],
)
def test_a_mark_of_somebody_else_is_read_over(prefix: str, content: bytes) -> None:
    taking = gatherer()
    taking.take(LogicalMessage(False, 5, prefix, content, None))
    assert taking.heartbeat is None


def test_our_own_mark_is_read() -> None:
    taking = gatherer()
    taking.take(LogicalMessage(False, 5, "orderbell", MARK, None))
    assert taking.heartbeat == Heartbeat("0" * 32, 7, AT)
    assert taking.position == 5


def test_after_a_switch_it_is_asked_who_reads_what() -> None:
    taking = gatherer()
    taking.take(LogicalMessage(False, 5, "orderbell", b"switch", None))
    assert not taking.switched, "whoever is not in a transaction has switched nothing"
    taking.take(Begin(100, AT, 7))
    taking.take(LogicalMessage(True, 90, "orderbell", b"switch", None))
    assert not taking.switched
    taking.take(Commit(100, 110, AT))
    assert taking.switched


def test_the_size_is_of_what_is_open() -> None:
    taking = gatherer()
    taking.take(Begin(100, AT, 7))
    taking.take(inserted("1"))
    assert taking.size > 10
    assert [row.key for row, *_ in taking.taken_open()] == ["1"]
    assert taking.size == 0
    taking.take(inserted("2"))
    taking.take(Commit(100, 110, AT))
    assert (taking.size, keys(taking)) == (0, ["2"])


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ((inserted("1"),), "outside of a transaction"),
        ((Commit(100, 110, AT),), "outside of a transaction"),
        ((Begin(100, AT, 7), Begin(120, AT, 8)), "within another"),
        ((Begin(100, AT, 7), Insert(99, ("1", "new"), None)), "before its description"),
    ],
)
def test_messages_in_an_impossible_order_are_an_error(messages: tuple[Any, ...], says: str) -> None:
    taking = gatherer()
    with pytest.raises(ValueError, match=says):
        take_all(taking, messages)
