"""Rows of the change log as the capture triggers would have written them (``schema/sql/capture.sql``).

What an update tells of the row before depends on the table's REPLICA IDENTITY:

* FULL: all of it. The same rows as the triggers', to the letter.
* an index, or the primary key, that the event column is part of: its columns, where one of them changed. Where
  nothing is told, nothing happened to the event column, which is all that an event is made of: no row.
* else nothing: a row that is ``unsure``, unless only where somebody is (``live``) is asked for.

As with the triggers, the old values of a row whose key changed count as unknown (``{}``), and an update that leaves the
row without a key is no change.
"""

from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring as _quoted
from typing import Literal, NamedTuple, cast

from config.mapping import Watch
from daemon.capture.changelog.kinds import TEXT, Form, Kind, writer
from daemon.capture.changelog.messages import UNCHANGED, BadMessage, Delete, Identity, Insert, Relation, Update, Values

_FIRST_OF_THE_APPLICATION = 16384
"""FirstNormalObjectId: a type with a lower oid is built in."""

_UNKNOWN = "{}"


class Row(NamedTuple):
    """A row for ``orderbell.change``."""

    watch: str
    op: Literal["insert", "update", "rows", "unsure"]
    key: str | None
    old: str | None
    """JSON, as ``new``; None for a new row."""
    new: str
    error: str | None = None
    """Why the row was kept whole (``rows``)."""
    unsure: bool = False
    """Whether the event column changed is not known: the log says nothing of the row before."""
    absent: tuple[str, ...] = ()
    """Columns that ``new`` lacks, since the log does not repeat what is stored out of line; see :meth:`filled`."""


def capturing(watch: Watch, relation: Relation, kinds: Mapping[int, Kind]) -> "Capturing":
    """What makes rows for ``watch`` of the messages about one table, as its last Relation message describes it.

    Raises:
        KeyError: ``kinds`` lacks the type of a column.
    """
    there = {column.name for column in relation.columns}
    lost = [name for name in watch.captured_columns if name not in there]
    return _CapturingWhole(watch, relation, kinds, lost) if lost else Capturing(watch, relation, kinds)


class Capturing:
    """Makes rows for one watch, with its columns only. Rows are compared by what the log has, before JSON is made."""

    def __init__(self, watch: Watch, relation: Relation, kinds: Mapping[int, Kind]) -> None:
        places = {column.name: place for place, column in enumerate(relation.columns)}
        self._watch = watch.name
        self._relation = relation
        self._live = watch.live is not None
        self._wanted = watch.captured_columns
        self._shape = self._shaped(kinds)
        self._places = [places[name] for name in self._wanted if name in places]
        self._key = places.get(watch.key)
        self._event = None if self._live else places.get(watch.event_column)
        has_key = relation.identity in {Identity.DEFAULT, Identity.INDEX}
        self._in_key = [has_key and column.in_key for column in relation.columns]

    def inserted(self, new: Values) -> Row:
        """The row for an Insert. Raises :class:`BadMessage` where it has not the table's columns."""
        self._check(new)
        text, absent = self._shape.object(new)
        return Row(self._watch, "insert", self._key_of(new), None, text, absent=absent)

    def updated(self, message: Update) -> Row | None:
        """The row for an Update; None where it is no change. Raises :class:`BadMessage` as :meth:`inserted`."""
        self._check(message.new)
        if message.old is None:
            return self._of_identity(message)
        self._check(message.old)
        return self._of_whole(message.new, message.old)

    def reinserted(self, deleted: Delete, inserted: Insert) -> Row | None:
        """The row for an Insert right after a Delete, both in one partitioned table.

        So the log has an update that moves a row to another partition. With another key, it is a new row.
        """
        before, new = deleted.key if deleted.old is None else deleted.old, inserted.new
        self._check(new)
        if before is None or self._key is None:
            return self.inserted(new)
        self._check(before)
        if before[self._key] is None or before[self._key] != new[self._key]:
            return self.inserted(new)
        return self.updated(Update(inserted.relation, deleted.old, deleted.key, new, inserted.xid))

    def filled(self, row: Row, found: Mapping[str, str | None]) -> Row:
        """``row`` with those of its absent columns whose text was ``found`` where the row lives."""
        given = {name: found[name] for name in row.absent if name in found}
        absent = tuple(name for name in row.absent if name not in found)
        return row._replace(new=self._shape.added(row.new, given), absent=absent)

    def _shaped(self, kinds: Mapping[int, Kind]) -> "_Shape":
        columns = {column.name: (place, column.type_oid) for place, column in enumerate(self._relation.columns)}
        found = [(name, *columns[name]) for name in self._wanted]
        return _Shape(((name, place, kinds[oid]) for name, place, oid in found), " : ", ", ")

    def _of_whole(self, new: Values, old: Values) -> Row | None:
        """The row before is known."""
        for place in self._places:
            if new[place] != old[place] and new[place] is not UNCHANGED:
                break
        else:
            return None
        key = self._key_of(new, old)
        if key is None:
            return None
        text, absent = self._shape.object(new, old)
        before = _UNKNOWN if self._moved(new, old) else self._shape.object(old)[0]
        return Row(self._watch, "update", key, before, text, absent=absent)

    def _of_identity(self, message: Update) -> Row | None:
        """Of the row before, its identity is known where it changed, and nothing else."""
        new, before = message.new, self._before(message.key)
        key = self._key_of(new, before)
        told, moved = self._told(message), self._moved(new, before)
        if key is None or (told is False and not moved):
            return None
        text, absent = self._shape.object(new, before)
        old = _UNKNOWN
        if before is not None and told and not moved and not self._live:
            old, _ = self._shape.object(before)
        return Row(self._watch, "update", key, old, text, unsure=told is None and not moved, absent=absent)

    def _before(self, key: Values | None) -> Values | None:
        """What an update tells of the row before, with UNCHANGED for what it does not."""
        if key is None:
            return None
        self._check(key)
        return tuple(v if known else UNCHANGED for v, known in zip(key, self._in_key, strict=True))

    def _told(self, message: Update) -> bool | None:
        """Whether the event column changed, where no whole row tells; None: nobody knows."""
        if self._live:
            return True
        if self._event is None:
            return None
        value = message.new[self._event]
        if value is UNCHANGED:
            return False
        if not self._in_key[self._event]:
            return None
        return message.key is not None and message.key[self._event] != value

    def _moved(self, new: Values, before: Values | None) -> bool:
        """Whether the row has another key than before."""
        if self._key is None or before is None:
            return False
        now, then = new[self._key], before[self._key]
        return now != then and now is not UNCHANGED and then is not UNCHANGED

    def _key_of(self, values: Values, before: Values | None = None) -> str | None:
        """The row's key as text; None where it has none, or the log does not say."""
        if self._key is None:
            return None
        key = values[self._key]
        if key is UNCHANGED:
            key = before[self._key] if before is not None else None
        return None if key is UNCHANGED else cast("str | None", key)

    def _check(self, values: Values) -> None:
        if len(values) != len(self._in_key):
            table = f"{self._relation.schema}.{self._relation.name}"
            raise BadMessage(f"a row of {table} has {len(values)} values, the table {len(self._in_key)} columns")


class _CapturingWhole(Capturing):
    """Keeps rows whole, since the table lacks what the watch wants: as the triggers do when they can't do better.

    The planner says what is wrong; once the watch is mended, the rows are read with it.
    """

    def __init__(self, watch: Watch, relation: Relation, kinds: Mapping[int, Kind], lost: Iterable[str]) -> None:
        super().__init__(watch, relation, kinds)
        self._error = f"the log has no column {', '.join(lost)} of {relation.schema}.{relation.name}"

    def inserted(self, new: Values) -> Row:
        self._check(new)
        return self._kept(new, None, None)

    def filled(self, row: Row, found: Mapping[str, str | None]) -> Row:
        one = super().filled(row._replace(new=row.new[1:-1]), found)
        return one._replace(new=f"[{one.new}]")

    def _shaped(self, kinds: Mapping[int, Kind]) -> "_Shape":
        # What is not built in goes as text, whatever it stands on.
        def kind(oid: int) -> Kind:
            found = kinds[oid]
            return found if oid < _FIRST_OF_THE_APPLICATION or found.form is Form.RECORD else TEXT

        columns = self._relation.columns
        return _Shape(((c.name, place, kind(c.type_oid)) for place, c in enumerate(columns)), ":", ",")

    def _of_whole(self, new: Values, old: Values) -> Row | None:
        return self._kept(new, old, old)

    def _of_identity(self, message: Update) -> Row | None:
        new, before = message.new, self._before(message.key)
        told, moved = self._told(message), self._moved(new, before)
        if told is False and not moved:
            return None
        # Where no identity was sent, it is what it was, and so is the key, which keeps an update from being new.
        known = before or tuple(v if known else UNCHANGED for v, known in zip(new, self._in_key, strict=True))
        if self._key is not None and known[self._key] is UNCHANGED:
            known = (*known[: self._key], new[self._key], *known[self._key + 1 :])
        return self._kept(new, known, before)._replace(unsure=told is None and not moved)

    def _kept(self, new: Values, old: Values | None, before: Values | None) -> Row:
        text, absent = self._shape.object(new, before)
        whole = None if old is None else f"[{self._shape.object(old)[0]}]"
        lacking = tuple(name for name in absent if name in self._wanted)
        return Row(self._watch, "rows", None, whole, f"[{text}]", self._error, absent=lacking)


class _Shape:
    """The JSON object that values become."""

    def __init__(self, columns: Iterable[tuple[str, int, Kind]], colon: str, comma: str) -> None:
        self._comma = comma
        self._parts = [(place, f"{_quoted(name)}{colon}", writer(kind), name) for name, place, kind in columns]

    def object(self, values: Values, before: Values | None = None) -> tuple[str, tuple[str, ...]]:
        """The object, with an unchanged value as it was ``before``; and the names of the columns it lacks for that."""
        absent: tuple[str, ...] = ()
        written = []
        for place, head, write, name in self._parts:
            value = values[place]
            if value is UNCHANGED and before is not None:
                value = before[place]
            if value is None:
                written.append(head + "null")
            elif value is UNCHANGED:
                absent = (*absent, name)
            else:
                written.append(head + write(cast("str", value)))
        return f"{{{self._comma.join(written)}}}", absent

    def added(self, text: str, found: Mapping[str, str | None]) -> str:
        """The object ``text`` with further columns, at its end."""
        written = [text[1:-1]] if text != _UNKNOWN else []
        for _, head, write, name in self._parts:
            if name in found:
                value = found[name]
                written.append(head + ("null" if value is None else write(value)))
        return f"{{{self._comma.join(written)}}}"
