"""How a type's values become JSON: as the capture triggers make it, from the text that the change log has.

The triggers hand what is built in to ``json_build_object``, and everything else as text, or as what a domain stands on
(``schema/capture.py``). So this follows ``datum_to_json_internal`` and ``array_to_json_internal`` of PostgreSQL's
``json.c``, letter for letter. The texts must be those of a session with ``datestyle`` ISO.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, partial
from json.encoder import encode_basestring as _quoted
from typing import NamedTuple, TypeAlias


class Form(Enum):
    """What the JSON of a value looks like."""

    TEXT = auto()
    BOOLEAN = auto()
    NUMBER = auto()
    MOMENT = auto()
    """Of a date or a timestamp, as XML Schema writes it."""
    JSON = auto()
    RECORD = auto()
    """Of a composite type: its text, and null where all of it is NULL, since that IS NULL in SQL."""
    ARRAY = auto()
    VECTOR = auto()
    """An ``int2vector`` or ``oidvector``: an array whose text is its elements with blanks between them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a type's values become JSON."""

    form: Form
    element: "Kind | None" = None
    """Of an array or a vector."""
    delimiter: str = ","
    """Between the elements of an array."""


TEXT = Kind(Form.TEXT)


class TypeRow(NamedTuple):
    """What the catalogue says of a type: a row of the statement ``types`` in ``schema/sql/changelog.sql``."""

    oid: int
    stands_on: int
    """The built-in type that its values are read as: text for what is not built in and does not stand on what is."""
    element: int | None
    """The type of the elements, if ``stands_on`` is an array."""
    delimiter: str | None


_BUILT_IN = {
    16: Kind(Form.BOOLEAN),
    # int8, int2, int4, float4, float8, numeric
    **dict.fromkeys((20, 21, 23, 700, 701, 1700), Kind(Form.NUMBER)),
    # date, timestamp, timestamptz
    **dict.fromkeys((1082, 1114, 1184), Kind(Form.MOMENT)),
    # json, jsonb
    **dict.fromkeys((114, 3802), Kind(Form.JSON)),
    # record: what every composite type is read as
    2249: Kind(Form.RECORD),
    # int2vector, oidvector
    22: Kind(Form.VECTOR, Kind(Form.NUMBER)),
    30: Kind(Form.VECTOR, TEXT),
}
"""Types that are more than quoted text in JSON, by their oid, which is the same in every database."""


Found: TypeAlias = Iterable[tuple[int, int, int | None, str | None]]
"""Rows of the statement ``types``, see :class:`TypeRow`."""


def kinds_of(oids: Iterable[int], found: Found) -> dict[int, Kind]:
    """The kind of each type that was asked for; text, if nothing was found: it was dropped since."""
    kinds = {row.oid: _kind(row) for row in map(TypeRow._make, found)}
    return {oid: kinds.get(oid, TEXT) for oid in oids}


def kind_of(oid: int, found: Found) -> Kind:
    """As :func:`kinds_of`, for one type."""
    return kinds_of([oid], found)[oid]


def _kind(row: TypeRow) -> Kind:
    known = _BUILT_IN.get(row.stands_on)
    if known is not None:
        return known
    if row.element is None:
        return TEXT
    return Kind(Form.ARRAY, _BUILT_IN.get(row.element, TEXT), row.delimiter or ",")


def json_text(kind: Kind, text: str) -> str:
    """The JSON of a value that is not NULL, given as its type's output function writes it."""
    return writer(kind)(text)


@cache
def writer(kind: Kind) -> Callable[[str], str]:
    """:func:`json_text` for one kind, for many values."""
    match kind.form:
        case Form.ARRAY:
            return partial(_array, writer(kind.element or TEXT), _tokens(kind.delimiter))
        case Form.VECTOR:
            return partial(_vector, writer(kind.element or TEXT))
        case simple:
            return _SIMPLE[simple]


def _boolean(text: str) -> str:
    return {"t": "true", "f": "false"}[text]


def _number(text: str) -> str:
    # NaN, Infinity and -Infinity are none in JSON.
    return text if text[-1].isdigit() else f'"{text}"'


def _as_it_is(text: str) -> str:
    return text


def _record(text: str) -> str:
    return _quoted(text) if text.strip("(,)") else "null"


def _moment(text: str) -> str:
    day, _, time = text.partition(" ")
    if not time or time == "BC":  # a date, or infinity
        return f'"{text}"'
    clock = time.removesuffix(" BC")
    # A time zone of whole hours has no minutes in ISO 8601 as PostgreSQL writes it, and has them as XML Schema does.
    minutes = ":00" if clock[-3] in "+-" else ""
    return f'"{day}T{clock}{minutes}{time[len(clock) :]}"'


_SIMPLE = {
    Form.TEXT: _quoted,
    Form.BOOLEAN: _boolean,
    Form.NUMBER: _number,
    Form.MOMENT: _moment,
    Form.JSON: _as_it_is,
    Form.RECORD: _record,
}


def _vector(write: Callable[[str], str], text: str) -> str:
    return f"[{','.join(map(write, text.split()))}]"


@cache
def _tokens(delimiter: str) -> re.Pattern[str]:
    """The pieces of an array's text: a brace, a delimiter, an element in quotes or without."""
    other = re.escape(delimiter)
    return re.compile(rf'[{{}}]|{other}|"([^"\\]*(?:\\.[^"\\]*)*)"|([^{{}}"{other}]+)', re.DOTALL)


_BOUNDS = re.compile(r"(?:\[[+-]?\d+:[+-]?\d+\])+=")
"""Before an array whose subscripts do not begin with 1."""

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def _array(write: Callable[[str], str], tokens: re.Pattern[str], text: str) -> str:
    bounds = _BOUNDS.match(text)
    body = text[bounds.end() :] if bounds else text
    if not (body.startswith("{") and body.endswith("}")):
        return _quoted(text)  # a type of the application's own, that calls itself an array and is none
    return "".join(_pieces(write, tokens, body))


def _pieces(write: Callable[[str], str], tokens: re.Pattern[str], body: str) -> Iterator[str]:
    for token in tokens.finditer(body):
        quoted, plain = token.groups()
        if quoted is not None:
            yield write(_ESCAPED.sub(r"\1", quoted))
        elif plain is not None:
            yield "null" if plain == "NULL" else write(plain)
        else:
            yield {"{": "[", "}": "]"}.get(token[0], ",")
