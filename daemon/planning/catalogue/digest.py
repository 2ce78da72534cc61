"""Many notifications as one: what a digest is given, and what it says where nobody has written words for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from daemon.planning.values import Words

MOST_ENTRIES = 50
"""A digest names so many at most; fewer where they would be longer than a body."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One notification in a digest: its words, as they were rendered, and what it is about."""

    title: str
    body: str
    text: str
    url: str | None
    label: str
    event: str
    subject: str


def digest_variables(entries: Sequence[Entry], event: str | None, shown: int) -> dict[str, Any]:
    """Name -> value, for a digest that names the first ``shown`` entries."""
    what = (event or "").partition(".")[2]
    return {
        "count": len(entries),
        "entries": entries[:shown],
        "more": max(0, len(entries) - shown),
        "labels": list(dict.fromkeys(entry.label for entry in entries)),
        "event": event or "",
        "event_name": what.replace("_", " "),
    }


def common_url(entries: Sequence[Entry]) -> str | None:
    """Where all entries lead, if that is one place."""
    urls = {entry.url for entry in entries}
    return urls.pop() if len(urls) == 1 else None


def wordless(entries: Sequence[Entry], error: str | None) -> Words:
    """A digest in no language of its own: the titles of its entries."""
    first = entries[0].title if entries else ""
    title = f"{first} (+{len(entries) - 1})" if len(entries) > 1 else first
    body = "\n".join(f"- {entry.title}" for entry in entries[:MOST_ENTRIES])
    return Words(title, body, title, common_url(entries), None, error)
