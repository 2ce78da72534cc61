"""The templates that are published, as the planner has them: read again while it is awake, never waited for.

What is published does not change (``0004_telling.sql``), so the set of its ids says whether there is news. To ask for
it takes an index that is empty where nobody uses templates: some 0.1 ms every :data:`LOOK_SECONDS`, and once when the
planner wakes up. Only what is new is compiled.
"""

import asyncio

import structlog
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from daemon.planning.catalogue import Catalogue
from daemon.planning.catalogue.templates import Overlay, Template, overlay_of
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("template")

LOOK_SECONDS = 2.0
"""What is published is in force for everything that is captured so long after; a change is planned by what was read at
most this long before it was looked for."""


class Published:
    """Knows what is published, and lays it over a catalogue."""

    def __init__(self) -> None:
        self._overlays: dict[int, Overlay] = {}
        self._look_at = 0.0

    def over(self, catalogue: Catalogue) -> Catalogue:
        """``catalogue`` with what is known to be published over its words."""
        return catalogue.overlaid(self._overlays.values()) if self._overlays else catalogue

    async def look(self, cursor: AsyncCursor[TupleRow]) -> bool:
        """Look what is published, if the last look was long ago; whether anything has changed."""
        now = asyncio.get_running_loop().time()
        if now < self._look_at:
            return False
        await cursor.execute(SQL["published_ids"])
        row = await cursor.fetchone()
        ids = set(row[0]) if row else set()
        changed = ids != self._overlays.keys()
        if changed:
            await self._read(cursor, ids)
        self._look_at = now + LOOK_SECONDS
        return changed

    async def _read(self, cursor: AsyncCursor[TupleRow], ids: set[int]) -> None:
        added = sorted(ids - self._overlays.keys())
        overlays = {id_: overlay for id_, overlay in self._overlays.items() if id_ in ids}
        await cursor.execute(SQL["templates"], {"ids": added})
        for row in await cursor.fetchall():
            template = Template(*row)
            overlays[template.id] = overlay_of(template)
            # To compile one takes a millisecond, and there may be hundreds.
            await asyncio.sleep(0)
        log.info("templates.read", published=len(overlays), new=added)
        self._overlays = overlays

    def forget(self) -> None:
        """Look at once next time, as on a new connection."""
        self._look_at = 0.0
