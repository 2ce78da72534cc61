"""PostgreSQL's change log as a source of changes: the publication, the replication slot, and the way there and back."""

from typing import Any

import psycopg

from config import Settings
from schema.changelog.demands import advice_of_failover, problems_of_changelog, warnings_of_changelog
from schema.changelog.publication import published_tables
from schema.changelog.record import slot_name
from schema.changelog.slot import SlotState, create_slot, create_slot_command, drop_slot, slot_state
from schema.changelog.switch import (
    capture_from_log,
    is_captured,
    publication_problems,
    reasons_not_captured,
    remove_log,
    retire,
    retire_unless_read,
    unread_up_to,
    why_kept,
)
from schema.inspection import find_table

__all__ = [
    "SlotState",
    "advice_of_failover",
    "capture_from_log",
    "create_slot",
    "create_slot_command",
    "drop_slot",
    "is_captured",
    "problems_of_changelog",
    "publication_problems",
    "publication_problems_of",
    "published_tables",
    "reasons_not_captured",
    "remove_log",
    "retire",
    "retire_unless_read",
    "slot_name",
    "slot_state",
    "unread_up_to",
    "warnings_of_changelog",
    "why_kept",
]


def publication_problems_of(settings: Settings, **parameters: Any) -> list[str]:
    """As :func:`publication_problems`, on a connection of its own, with psycopg's ``parameters`` in place of the plain
    URL. Raises psycopg.Error.
    """
    given = parameters or {
        "conninfo": settings.database.url.get_secret_value(),
        "connect_timeout": settings.database.connect_timeout_seconds,
        "application_name": "orderbell publication",
    }
    with psycopg.connect(autocommit=True, **given) as connection:
        found = [(watch, find_table(connection, watch.table)) for watch in settings.watch]
        return publication_problems(connection, settings, [(w, table) for w, table in found if table is not None])
