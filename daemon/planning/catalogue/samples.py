"""Messages rendered with rows and people that might be, to see whether they fail."""

from collections.abc import Iterator, Mapping
from typing import Any

from daemon.planning.catalogue.digest import MOST_ENTRIES, Entry, digest_variables
from daemon.planning.catalogue.limits import Scope
from daemon.planning.catalogue.message import Message
from daemon.planning.catalogue.text import LANGUAGE, Text
from daemon.planning.catalogue.usage import Kind, kinds_in, reads_in
from daemon.planning.catalogue.variables import Row
from daemon.planning.values import NOBODY, Person

SOMEBODY = Person("4711", name="Anna Muster", locale="en", time_zone="Europe/Berlin", addresses={"email": ("a@b.cd",)})

_VALUES: Mapping[Kind, Any] = {
    Kind.TEXT: "EUR",  # also a currency, where that is what it is
    Kind.NUMBER: 12.5,
    Kind.MOMENT: "2026-11-21T10:00:00+00:00",
}


def failures_of(message: Message, event: str, people: frozenset[str], locale: str) -> Iterator[tuple[str, str]]:
    """(field, problem) for what fails where there is nobody, where a column is empty, or with every column filled."""
    prefix, _, what = event.partition(".")
    names = frozenset({prefix, "row"})
    always = {
        "key": "4711",
        "label": "#4711",
        "event": event,
        "event_name": what,
        "subject_name": prefix.capitalize(),
        **LANGUAGE.globals,
    }
    for field, text in message.texts.items():
        kinds = kinds_in(text.source, names)
        guarded = {read.of for read in reads_in(text.source) if read.name in names and read.guarded}
        filled = {column: _VALUES.get(kind) for column, kind in kinds.items()}
        in_parts = [column for column, kind in kinds.items() if kind is Kind.PARTS]
        samples = [
            (f"when {prefix}.{column} is empty (NULL)", {**filled, column: None}, SOMEBODY)
            for column in in_parts or kinds
        ]
        if not in_parts:
            samples = [("", filled, SOMEBODY), *samples, ("when nobody is there", filled, NOBODY)]
        for when, columns, somebody in samples:
            row = Row({name: value for name, value in columns.items() if name not in guarded or value is not None})
            known = {**dict.fromkeys((*people, "recipient"), somebody), prefix: row, "row": row, **always}
            problem = _failure(text, known, locale, when)
            if problem is not None:
                yield field, problem
                break


def plausible_row(message: Message, event: str) -> dict[str, Any]:
    """A row with every column that ``message`` reads, to show its words with where there is no real one."""
    names = frozenset({event.partition(".")[0], "row"})
    row: dict[str, Any] = {}
    for text in message.texts.values():
        for column, kind in kinds_in(text.source, names).items():
            if kind is not Kind.TEXT:
                row[column] = {} if kind is Kind.PARTS else _VALUES[kind]
            elif column not in row:
                row[column] = _VALUES[kind] if "currency" in column else column.replace("_", " ")
    return row


def digest_failures_of(message: Message, locale: str) -> Iterator[tuple[str, str]]:
    """(field, problem) for what fails with one entry, and with more than are named."""
    entry = Entry(
        "Order #4711", "It is ready.", "It is ready.", "https://shop.example", "#4711", "order.ready", "order:1"
    )
    for field, text in message.texts.items():
        for count in (1, 3 * MOST_ENTRIES):
            known = LANGUAGE.globals | digest_variables([entry] * count, "order.ready", MOST_ENTRIES)
            problem = _failure(text, known, locale, f"with {count} entries")
            if problem is not None:
                yield field, problem
                break


def _failure(text: Text, known: dict[str, Any], locale: str, when: str) -> str | None:
    try:
        text.render(Scope(LANGUAGE, known, locale, "Europe/Berlin"))
    except Exception as error:  # noqa: BLE001 - a template raises whatever its data make it raise
        return " ".join(f"fails {when}".strip().split()) + f": {type(error).__name__}: {' '.join(str(error).split())}"
    return None
