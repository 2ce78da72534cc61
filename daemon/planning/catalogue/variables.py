"""What templates are given: the row, the people, what the event is called."""

from collections.abc import Mapping
from typing import Any

from daemon.planning.catalogue.limits import LONGEST
from daemon.planning.values import NOBODY, Event, Person

OF_EVERY_EVENT = ("row", "key", "label", "event", "event_name", "subject_name", "recipient")
"""Besides these, a template sees each audience's first person and, under the event's prefix, the row once more."""

OF_A_DIGEST = ("count", "entries", "labels", "more")

OF_A_PERSON = ("user_id", "name", "email", "phone", "locale", "time_zone", "addresses")


class Row:
    """A captured row for templates: ``order.total`` is the column, whatever methods a dict would have."""

    __slots__ = ("_columns",)

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> Any:
        value = self._columns[name]
        # No message is so long: what comes after would only cost.
        return value[:LONGEST] if type(value) is str else value


def variables_of(event: Event, people: Mapping[str, Person], recipient: Person) -> dict[str, Any]:
    """Name -> value."""
    row = Row(event.row)
    what = event.name.partition(".")[2]
    return {
        **people,
        event.prefix: row,
        "row": row,
        "key": event.key,
        "label": event.label,
        "event": event.name,
        "event_name": what.replace("_", " "),
        "subject_name": event.prefix.replace("_", " ").capitalize(),
        "recipient": recipient if recipient.user_id else NOBODY,
    }
