"""How things stand, on one page."""

from datetime import datetime

from pydantic import BaseModel, Field

from daemon.api.admin.desk import SQL, Desk
from daemon.presence import DEAD_SECONDS


class Queue(BaseModel):
    """What waits."""

    deliveries: int = Field(description="all that are not finished")
    due: int = Field(description="of these: could be sent now")
    sending: int
    held: int = Field(description="wait for a morning, or for others to be told with")
    oldest_due_at: datetime | None = Field(description="since when the oldest of what is due has been due")
    changes: int = Field(description="captured, and not planned yet")
    changes_failed: int = Field(description="could not be planned: `orderbell failed` lists them")
    scheduled: int


class Overview(BaseModel):
    """For staff."""

    deliveries: dict[str, dict[str, int]] = Field(
        description="channel -> state -> how many: what waits, and what has ended in the last 24 hours",
        examples=[{"email": {"delivered": 930, "failed": 2, "pending": 12}}],
    )
    queue: Queue
    connected_people: int = Field(description="with a page open, at any daemon")
    connected_daemons: int = Field(description="that have somebody")


class Overviews:
    """Counts in one snapshot."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def now(self) -> Overview:
        """As it is at this moment. Raises TooSlow."""
        deliveries: dict[str, dict[str, int]] = {}
        async with self._desk.reading() as reading:
            for row in await reading.rows(SQL["outcomes"]):
                deliveries.setdefault(row["channel"], {})[row["state"]] = row["count"]
            (queue,) = await reading.rows(SQL["queue"])
            (connected,) = await reading.rows(SQL["connected"], dead=DEAD_SECONDS)
        return Overview(
            deliveries=deliveries,
            queue=Queue.model_validate(queue),
            connected_people=connected["people"],
            connected_daemons=connected["daemons"],
        )
