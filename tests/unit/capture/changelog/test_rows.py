"""What a change of the log becomes, by what the table's REPLICA IDENTITY tells of the row before."""

import json
from typing import Any

import pytest

from config.mapping import Watch
from daemon.capture.changelog.kinds import TEXT, Form, Kind
from daemon.capture.changelog.messages import (
    UNCHANGED,
    BadMessage,
    Binary,
    Delete,
    Identity,
    Insert,
    Relation,
    RelationColumn,
    Update,
    Value,
    Values,
)
from daemon.capture.changelog.rows import Capturing, Row, capturing

INT, VARCHAR, PHASE, PLACE = 20, 1043, 20001, 20002
KINDS = {INT: Kind(Form.NUMBER), VARCHAR: TEXT, PHASE: Kind(Form.NUMBER), PLACE: Kind(Form.RECORD)}
ORDERS = Watch(table="orders", columns=("note",))
LIVE = Watch.model_validate(
    {"name": "drivers", "table": "orders", "live": {"rooms": "SELECT :keys", "longitude": "note"}}
)

NEW: Values = ("7", "new", "a", "x")
READY: Values = ("7", "ready", "a", "x")


def relation(identity: Identity, *in_key: str, types: dict[str, int] | None = None) -> Relation:
    columns = {"id": INT, "status": VARCHAR, "note": VARCHAR, "unwatched": VARCHAR} if types is None else types
    full = identity is Identity.FULL
    described = tuple(RelationColumn(name, oid, -1, full or name in in_key) for name, oid in columns.items())
    return Relation(16384, "public", "orders", identity, described)


FULL = relation(Identity.FULL)
INDEX = relation(Identity.INDEX, "id", "status")
DEFAULT = relation(Identity.DEFAULT, "id")
NOTHING = relation(Identity.NOTHING)


def made(relation: Relation, watch: Watch = ORDERS) -> Capturing:
    return capturing(watch, relation, KINDS)


def update(new: Values, *, old: Values | None = None, key: Values | None = None) -> Update:
    return Update(16384, old, key, new)


def values(id_: Value, status: Value, note: Value = "a", unwatched: Value = "x") -> Values:
    return (id_, status, note, unwatched)


def read(row: Row | None) -> tuple[str, str | None, Any, Any]:
    assert row is not None
    return row.op, row.key, None if row.old is None else json.loads(row.old), json.loads(row.new)


def test_an_insert_has_the_watched_columns_in_their_order() -> None:
    row = made(FULL).inserted(values("7", 'the "new" one', None))
    assert row == Row("orders", "insert", "7", None, '{"id" : 7, "status" : "the \\"new\\" one", "note" : null}')


def test_columns_are_in_the_order_of_the_watch_not_of_the_table() -> None:
    table = relation(Identity.FULL, types={"note": VARCHAR, "status": VARCHAR, "id": INT})
    assert made(table).inserted(("a", "new", "7")).new == '{"id" : 7, "status" : "new", "note" : "a"}'


@pytest.mark.parametrize("identity", [FULL, INDEX, DEFAULT, NOTHING])
def test_an_insert_needs_no_identity(identity: Relation) -> None:
    assert read(made(identity).inserted(NEW)) == ("insert", "7", None, {"id": 7, "status": "new", "note": "a"})


class TestFull:
    def test_an_update_has_before_and_after(self) -> None:
        row = made(FULL).updated(update(READY, old=NEW))
        before, after = {"id": 7, "status": "new", "note": "a"}, {"id": 7, "status": "ready", "note": "a"}
        assert read(row) == ("update", "7", before, after)
        assert row is not None
        assert not row.unsure

    def test_an_update_of_other_columns_is_no_change(self) -> None:
        assert made(FULL).updated(update(values("7", "new", unwatched="y"), old=NEW)) is None

    def test_to_null_and_back_are_changes(self) -> None:
        capturing = made(FULL)
        assert capturing.updated(update(values("7", "new", None), old=NEW)) is not None
        assert capturing.updated(update(NEW, old=values("7", "new", None))) is not None

    def test_of_a_row_whose_key_changed_nothing_is_known(self) -> None:
        row = made(FULL).updated(update(values("8", "new"), old=NEW))
        assert read(row) == ("update", "8", {}, {"id": 8, "status": "new", "note": "a"})

    def test_a_row_that_gets_a_key_is_as_one_whose_key_changed(self) -> None:
        assert read(made(FULL).updated(update(NEW, old=values(None, "new"))))[1:3] == ("7", {})

    def test_a_row_without_a_key_is_inserted_and_never_updated(self) -> None:
        capturing = made(FULL)
        assert capturing.inserted(values(None, "new")).key is None
        assert capturing.updated(update(values(None, "ready"), old=NEW)) is None

    def test_a_value_that_was_not_repeated_is_the_old_one(self) -> None:
        row = made(FULL).updated(update(values("7", "ready", UNCHANGED), old=NEW))
        assert read(row)[3] == {"id": 7, "status": "ready", "note": "a"}
        assert row is not None
        assert row.absent == ()

    def test_a_value_that_was_not_repeated_is_no_change(self) -> None:
        assert made(FULL).updated(update(values("7", "new", UNCHANGED), old=NEW)) is None


class TestAnIndexOfTheEventColumn:
    def test_nothing_told_is_nothing_happened(self) -> None:
        assert made(INDEX).updated(update(values("7", "new", "another note"))) is None

    def test_a_status_that_changed_is_known_before_and_after(self) -> None:
        row = made(INDEX).updated(update(READY, key=values("7", "new", None, None)))
        assert read(row) == ("update", "7", {"id": 7, "status": "new"}, {"id": 7, "status": "ready", "note": "a"})
        assert row is not None
        assert not row.unsure

    def test_an_identity_that_says_the_same_is_no_change(self) -> None:
        assert made(INDEX).updated(update(NEW, key=values("7", "new", None, None))) is None

    def test_of_a_row_whose_key_changed_nothing_is_known(self) -> None:
        row = made(INDEX).updated(update(values("8", "new"), key=values("7", "new", None, None)))
        assert read(row)[1:3] == ("8", {})

    def test_a_value_that_was_not_repeated_is_absent_until_it_is_filled_in(self) -> None:
        capturing = made(INDEX)
        row = capturing.updated(update(values("7", "ready", UNCHANGED), key=values("7", "new", None, None)))
        assert row is not None
        assert (row.absent, row.new) == (("note",), '{"id" : 7, "status" : "ready"}')
        filled = capturing.filled(row, {"note": 'a "note"'})
        assert (filled.absent, filled.new) == ((), '{"id" : 7, "status" : "ready", "note" : "a \\"note\\""}')
        assert read(capturing.filled(row, {"note": None}))[3] == {"id": 7, "status": "ready", "note": None}
        assert capturing.filled(row, {}) == row

    def test_a_status_too_long_to_be_repeated_did_not_change(self) -> None:
        assert made(INDEX).updated(update(values("7", UNCHANGED, "b"), key=values("7", "long", None, None))) is None

    def test_the_key_need_not_be_in_it(self) -> None:
        table = relation(Identity.INDEX, "status")
        row = made(table).updated(update(READY, key=values(None, "new", None, None)))
        assert read(row)[1:3] == ("7", {"status": "new"})


class TestThePrimaryKeyOnly:
    def test_whether_the_status_changed_is_not_known(self) -> None:
        row = made(DEFAULT).updated(update(READY))
        assert read(row)[1:3] == ("7", {})
        assert row is not None
        assert row.unsure

    def test_a_key_that_changed_is_as_with_the_triggers(self) -> None:
        row = made(DEFAULT).updated(update(values("8", "new"), key=values("7", None, None, None)))
        assert read(row)[1:3] == ("8", {})
        assert row is not None
        assert not row.unsure

    def test_a_primary_key_with_the_event_column_tells_of_it(self) -> None:
        table = relation(Identity.DEFAULT, "id", "status")
        assert made(table).updated(update(values("7", "new", "b"))) is None

    def test_a_status_too_long_to_be_repeated_did_not_change(self) -> None:
        assert made(DEFAULT).updated(update(values("7", UNCHANGED, "b"))) is None

    def test_with_no_identity_at_all_nothing_is_known(self) -> None:
        row = made(NOTHING).updated(update(READY))
        assert row is not None
        assert (row.old, row.unsure) == ("{}", True)


class TestARowInAnotherPartition:
    def test_it_is_an_update(self) -> None:
        row = made(FULL).reinserted(Delete(16384, NEW, None), Insert(16384, READY))
        assert read(row)[:3] == ("update", "7", {"id": 7, "status": "new", "note": "a"})
        row = made(INDEX).reinserted(Delete(16384, None, values("7", "new", None, None)), Insert(16384, READY))
        assert read(row)[:3] == ("update", "7", {"id": 7, "status": "new"})

    def test_of_the_primary_key_only_it_is_unsure(self) -> None:
        row = made(DEFAULT).reinserted(Delete(16384, None, values("7", None, None, None)), Insert(16384, READY))
        assert row is not None
        assert (row.op, row.unsure) == ("update", True)

    def test_with_nothing_changed_but_the_partition_it_is_no_change(self) -> None:
        assert made(FULL).reinserted(Delete(16384, NEW, None), Insert(16384, values("7", "new", "a", "y"))) is None

    def test_another_key_is_another_row(self) -> None:
        row = made(FULL).reinserted(Delete(16384, NEW, None), Insert(16384, values("8", "ready")))
        assert read(row)[:2] == ("insert", "8")


LIVE_TABLE = {"id": INT, "lat": INT, "note": INT}


@pytest.mark.parametrize("identity", [Identity.DEFAULT, Identity.INDEX, Identity.NOTHING])
def test_where_somebody_is_needs_no_row_before(identity: Identity) -> None:
    capturing = made(relation(identity, "id", types=LIVE_TABLE), LIVE)
    row = capturing.updated(update(("7", "52", "13")))
    assert row == Row("drivers", "update", "7", "{}", '{"id" : 7, "lat" : 52, "note" : 13}')


def test_where_somebody_is_with_the_whole_row_before() -> None:
    capturing = made(relation(Identity.FULL, types=LIVE_TABLE), LIVE)
    assert capturing.updated(update(("7", "52", "13"), old=("7", "52", "13"))) is None
    assert read(capturing.updated(update(("7", "53", "13"), old=("7", "52", "13"))))[2]["lat"] == 52


class TestAColumnThatIsGone:
    TYPES = {"id": INT, "status": VARCHAR, "price": PHASE, "place": PLACE}  # noqa: RUF012

    def test_rows_are_kept_whole(self) -> None:
        capturing = made(relation(Identity.FULL, types=self.TYPES))
        row = capturing.inserted(("7", "new", "5", "(,)"))
        whole = '[{"id":7,"status":"new","price":"5","place":null}]'
        assert row == Row("orders", "rows", None, None, whole, "the log has no column note of public.orders")
        updated = capturing.updated(update(("7", "ready", None, None), old=("7", "new", "5", "(a,)")))
        assert read(updated) == (
            "rows",
            None,
            [{"id": 7, "status": "new", "price": "5", "place": "(a,)"}],
            [{"id": 7, "status": "ready", "price": None, "place": None}],
        )

    def test_any_update_is_kept(self) -> None:
        row = ("7", "new", "5", None)
        assert made(relation(Identity.FULL, types=self.TYPES)).updated(update(row, old=row)) is not None

    def test_of_an_index_only_a_changed_status_is_kept(self) -> None:
        capturing = made(relation(Identity.INDEX, "id", "status", types=self.TYPES))
        assert capturing.updated(update(("7", "new", "6", None))) is None
        row = capturing.updated(update(("7", "ready", UNCHANGED, None), key=("7", "new", None, None)))
        assert read(row)[2:] == ([{"id": 7, "status": "new"}], [{"id": 7, "status": "ready", "place": None}])
        assert row is not None
        assert (row.unsure, row.absent) == (False, ())

    def test_with_the_primary_key_it_is_an_update_all_the_same(self) -> None:
        row = made(relation(Identity.DEFAULT, "id", types=self.TYPES)).updated(update(("7", "ready", "6", None)))
        assert read(row)[2] == [{"id": 7}]
        assert row is not None
        assert row.unsure

    def test_without_any_identity_it_is_an_update_all_the_same(self) -> None:
        row = made(relation(Identity.NOTHING, types=self.TYPES)).updated(update(("7", "ready", "6", None)))
        assert read(row)[2] == [{"id": 7}]

    def test_without_the_event_column_nothing_is_sure(self) -> None:
        table = relation(Identity.INDEX, "id", types={"id": INT, "note": VARCHAR})
        row = made(table).updated(update(("7", "a")))
        assert row is not None
        assert row.unsure

    def test_without_the_key_rows_are_kept_too(self) -> None:
        table = relation(Identity.NOTHING, types={"status": VARCHAR, "note": VARCHAR})
        assert read(made(table).updated(update(("ready", "a"))))[3] == [{"status": "ready", "note": "a"}]

    def test_a_watched_value_that_was_not_repeated_is_filled_in(self) -> None:
        table = relation(Identity.INDEX, "id", types={"id": INT, "note": VARCHAR})
        capturing = made(table)
        row = capturing.updated(update(("7", UNCHANGED)))
        assert row is not None
        assert (row.absent, row.new) == (("note",), '[{"id":7}]')
        assert capturing.filled(row, {"note": "a"}).new == '[{"id":7,"note":"a"}]'


@pytest.mark.parametrize("identity", [FULL, INDEX, DEFAULT])
def test_a_row_that_has_not_the_table_s_columns_is_refused(identity: Relation) -> None:
    capturing = made(identity)
    with pytest.raises(BadMessage, match=r"public\.orders has 3 values, the table 4 columns"):
        capturing.inserted(NEW[:3])
    with pytest.raises(BadMessage):
        capturing.updated(update((*NEW, "more")))
    with pytest.raises(BadMessage):
        capturing.updated(update(NEW, old=NEW[:3]))
    with pytest.raises(BadMessage):
        capturing.updated(update(NEW, key=NEW[:3]))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_binary_value_is_never_taken_for_text(place: int) -> None:
    row: Values = (*NEW[:place], Binary(b"7"), *NEW[place + 1 :])
    with pytest.raises(TypeError):
        made(FULL).inserted(row)


def test_a_type_that_nobody_asked_for_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        capturing(ORDERS, FULL, {})
