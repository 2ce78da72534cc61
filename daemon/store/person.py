"""A person, from what the application says of them and what they chose for themselves."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from config.quiet import QuietWindow
from daemon import metrics
from daemon.planning.values import Person

_KNOWN = {"user_id", "name", "email", "phone", "locale", "time_zone"}

_WINDOWS = TypeAdapter(tuple[QuietWindow, ...])

AT_MOST_WINDOWS = 50
"""Of one person: each costs time whenever they are told something."""


def addresses_in(row: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Channel -> addresses, in a row of people.query: besides e-mail and phone, any further column is the address on
    the channel of that name.
    """
    addresses = {
        "email": _addresses(row.get("email")),
        "sms": _addresses(row.get("phone")),
        "webpush": (),
    }
    return addresses | {channel: _addresses(value) for channel, value in row.items() if channel not in _KNOWN}


def person_of(row: Mapping[str, Any], addresses: Mapping[str, tuple[str, ...]], own: Sequence[Any] | None) -> Person:
    """``row`` is what people.query says, ``own`` the person's settings: locale, time zone, quiet hours, snoozed until,
    do not disturb.
    """
    locale, time_zone, quiet, snoozed_until, do_not_disturb = own or (None, None, None, None, False)
    return Person(
        user_id=str(row["user_id"]),
        name=str(row.get("name") or "").strip(),
        locale=locale or str(row.get("locale") or "").strip(),
        time_zone=time_zone or str(row.get("time_zone") or "").strip(),
        addresses=addresses,
        quiet=windows_of(quiet),
        snoozed_until=snoozed_until,
        do_not_disturb=bool(do_not_disturb),
    )


@lru_cache(maxsize=8192)
def windows_of(quiet: str | None) -> tuple[QuietWindow, ...] | None:
    """A person's own quiet hours from the JSON of the database; None where they have none that can be read."""
    if quiet is None:
        return None
    try:
        return _WINDOWS.validate_json(quiet)[:AT_MOST_WINDOWS]
    except ValidationError:
        metrics.UNREADABLE_SETTINGS.inc()
        return None


def _addresses(value: Any) -> tuple[str, ...]:
    text = str(value).strip() if value is not None else ""
    return (text,) if text else ()
