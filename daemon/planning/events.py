"""What a change means."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from config.mapping import Watch
from daemon.planning.values import Change, Event

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def event_of(change: Change, watch: Watch) -> Event | None:
    """The event that ``change`` means, or None when it means nothing: another column changed, or an ignored value."""
    value = _text(change.new.get(watch.event_column))
    if change.old is not None and value == _text(change.old.get(watch.event_column)):
        return None
    if value is None or value in watch.ignore:
        return None
    what = watch.on_insert if change.old is None and watch.on_insert else name_of(value, watch.events)
    return Event(
        name=f"{watch.event_prefix}.{what}",
        subject=f"{watch.event_prefix}:{change.key}",
        watch=watch.name,
        key=change.key,
        label=label_of(change, watch),
        row=change.new,
        captured_at=change.captured_at,
    )


def sent_event(name: str, key: str, data: Mapping[str, Any], at: datetime, idempotency_key: str | None) -> Event:
    """An event that somebody sent (``orderbell.send``) and no watched table made."""
    prefix = name.partition(".")[0]
    return Event(
        name=name,
        subject=f"{prefix}:{key}",
        watch="",
        key=key,
        label=_spoken(key),
        row=data,
        captured_at=at,
        idempotency_key=idempotency_key,
    )


def name_of(value: str, events: Mapping[str, str]) -> str:
    """The event's name for a column value: as mapped, else the value in snake case (``Picked Up`` -> ``picked_up``).

    A value that makes no name, such as an integer code without a mapping, becomes ``value_3``.
    """
    if value in events:
        return events[value]
    name = _NOT_IN_NAMES.sub("_", _HUMP.sub("_", value).lower()).strip("_")
    name = events.get(name, name)
    return name if name[:1].isalpha() else f"value_{name}".rstrip("_")


def label_of(change: Change, watch: Watch) -> str:
    """What people call the row: its label column, else the key; of a UUID its first eight digits."""
    if watch.label_column is not None and change.new.get(watch.label_column) is not None:
        return str(change.new[watch.label_column])
    return _spoken(change.key)


def _spoken(key: str) -> str:
    try:
        return UUID(key).hex[:8].upper() if len(key) >= 32 else f"#{key}"
    except ValueError:
        return key


def _text(value: Any) -> str | None:
    """A column's value as the configuration writes it."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
