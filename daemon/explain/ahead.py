"""What is no event yet, in words. Pure."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import assert_never

from daemon.explain.moments import Moments
from daemon.explain.records import AheadRow, Rows
from daemon.explain.values import Ahead, Coming

SLOW = timedelta(seconds=30)
"""A change that waits for longer tells of a daemon that is not there, or behind."""


def ahead_of(rows: Rows, clean: Callable[[str], str], moment: Moments) -> Iterator[Ahead]:
    """In the order in which they were read."""
    for row in rows.ahead:
        kind = Coming(row.kind)
        id_ = f"c{row.id}" if row.id is not None else None
        yield Ahead(kind, row.event, row.at, _why(row, kind, rows, clean, moment), id_)


def _why(row: AheadRow, kind: Coming, rows: Rows, clean: Callable[[str], str], moment: Moments) -> str:
    match kind:
        case Coming.CHANGE:
            hint = ": is a daemon running?" if rows.now - row.at > SLOW else ""
            return f"captured {moment(row.at)}, not planned yet{hint}"
        case Coming.SET_ASIDE:
            return f"could not be planned at {moment(row.at)}: {clean(row.error)}; mended? orderbell retry c{row.id}"
        case Coming.SCHEDULED:
            end = f", not after {moment(row.expires_at)}" if row.expires_at else ""
            return f"scheduled for {moment(row.at)}{end}"
        case _:
            assert_never(kind)
