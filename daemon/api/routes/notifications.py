"""A person's inbox."""

from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from daemon.api.auth import Identity
from daemon.api.caller import Caller, Parts, WithParts
from daemon.api.inbox.asked import Asked, AskedStats
from daemon.api.inbox.shapes import (
    MARKS,
    AllRead,
    AllSeen,
    Archived,
    Bulk,
    BulkOut,
    BulkStandingOut,
    Change,
    ChannelOut,
    Counts,
    DayToldOut,
    Deleted,
    EventToldOut,
    NotificationOut,
    Page,
    StandingOut,
    StatsOut,
    ToldOut,
)
from daemon.api.problems import NotFound, documented
from daemon.api.routing import Id, person_router
from dispatchers.websocket.contract import Mark, Standing

NONE_SUCH = "There is no such notification."

router = person_router("/api/notifications", "inbox")


@router.get("")
async def list_notifications(caller: Caller, parts: WithParts, asked: Annotated[Asked, Query()]) -> Page:
    """Newest first. What was withdrawn or deleted is never in it."""
    async with parts.costly.turn(caller.user_id) if asked.costly else nullcontext():
        found = await parts.listing.newest(caller.user_id, asked.which, before=asked.before, limit=asked.limit + 1)
    items = [NotificationOut.model_validate(one) for one in found[: asked.limit]]
    return Page(items=items, next=items[-1].id if len(found) > asked.limit else None)


@router.get("/count")
async def count_notifications(caller: Caller, parts: WithParts) -> Counts:
    """How many there are."""
    return Counts.model_validate(await parts.listing.count(caller.user_id))


@router.get("/stats")
async def notification_stats(caller: Caller, parts: WithParts, asked: Annotated[AskedStats, Query()]) -> StatsOut:
    """How much this person was told, on which ways, and how soon they read it. Days whose deliveries are forgotten
    already (`delivery.history_days`) are left out: `since` says from when it is.
    """
    days = min(asked.days, parts.feedback.settings.history_days)
    async with parts.costly.turn(caller.user_id):
        stats = await parts.statistics.of(caller.user_id, days, datetime.now(UTC).date())
    return StatsOut(
        since=stats.since,
        total=ToldOut.model_validate(stats.total),
        types=[EventToldOut(event=event, **asdict(told)) for event, told in stats.events],
        channels=[ChannelOut(channel=channel, **states) for channel, states in stats.channels],
        days=[DayToldOut(day=day, **asdict(told)) for day, told in stats.days],
    )


@router.post("/mark-all-read")
async def mark_all_read(caller: Caller, parts: WithParts) -> AllRead:
    """Mark everything that is there now as read, on every device."""
    marked = await parts.reading.mark_all(caller.user_id, Mark.READ)
    return AllRead(up_to=marked.up_to, read_at=marked.at)


@router.post("/mark-all-seen")
async def mark_all_seen(caller: Caller, parts: WithParts) -> AllSeen:
    """Mark everything that is there now as seen: it was on a screen."""
    marked = await parts.reading.mark_all(caller.user_id, Mark.SEEN)
    return AllSeen(up_to=marked.up_to, seen_at=marked.at)


@router.post("/archive-read")
async def archive_read(caller: Caller, parts: WithParts) -> Archived:
    """Archive everything that is read."""
    return Archived(archived=await _put_away(caller, parts, Mark.ARCHIVED))


@router.delete("/read")
async def clear_read(caller: Caller, parts: WithParts) -> Deleted:
    """Delete everything that is read and not archived, on every device."""
    return Deleted(deleted=await _put_away(caller, parts, Mark.DELETED))


@router.post("/bulk")
async def mark_several(caller: Caller, parts: WithParts, bulk: Bulk) -> BulkOut:
    """Do the same with several. Ids that are not this person's are left out of the answer."""
    standings = await parts.reading.mark(caller.user_id, sorted(set(bulk.ids)), MARKS[bulk.action])
    return BulkOut(items=[BulkStandingOut.model_validate(standing) for standing in standings])


@router.get("/{notification_id}", responses=documented(404))
async def get_notification(caller: Caller, parts: WithParts, notification_id: Id) -> NotificationOut:
    """One notification, archived or not."""
    found = await parts.listing.one(caller.user_id, notification_id)
    if found is None:
        raise NotFound(NONE_SUCH)
    return NotificationOut.model_validate(found)


@router.patch("/{notification_id}", responses=documented(404))
async def change_notification(caller: Caller, parts: WithParts, notification_id: Id, change: Change) -> NotificationOut:
    """Mark one as read, unread, seen or archived, on every device. To archive one is to have read it."""
    for mark in change.marks():
        await _mark(caller, parts, notification_id, mark)
    return await get_notification(caller, parts, notification_id)


@router.delete("/{notification_id}", status_code=204, responses=documented(404))
async def delete_notification(caller: Caller, parts: WithParts, notification_id: Id) -> None:
    """Delete one, on every device."""
    await _mark(caller, parts, notification_id, Mark.DELETED)


@router.post("/{notification_id}/read", responses=documented(404))
async def mark_read(caller: Caller, parts: WithParts, notification_id: Id) -> StandingOut:
    """Mark one as read, on every device. A second time changes nothing."""
    return _out(await _mark(caller, parts, notification_id, Mark.READ))


@router.post("/{notification_id}/unread", responses=documented(404))
async def mark_unread(caller: Caller, parts: WithParts, notification_id: Id) -> StandingOut:
    """Mark one as unread again. What is archived stays read."""
    return _out(await _mark(caller, parts, notification_id, Mark.UNREAD))


@router.post("/{notification_id}/seen", responses=documented(404))
async def mark_seen(caller: Caller, parts: WithParts, notification_id: Id) -> StandingOut:
    """Mark one as seen: it was on a screen."""
    return _out(await _mark(caller, parts, notification_id, Mark.SEEN))


@router.post("/{notification_id}/archive", responses=documented(404))
async def archive(caller: Caller, parts: WithParts, notification_id: Id) -> StandingOut:
    """Take one out of the inbox, and mark it as read."""
    return _out(await _mark(caller, parts, notification_id, Mark.ARCHIVED))


@router.post("/{notification_id}/unarchive", responses=documented(404))
async def unarchive(caller: Caller, parts: WithParts, notification_id: Id) -> StandingOut:
    """Put one back into the inbox."""
    return _out(await _mark(caller, parts, notification_id, Mark.UNARCHIVED))


async def _mark(caller: Identity, parts: Parts, notification_id: int, mark: Mark) -> Standing:
    """How it stands now. Raises NotFound."""
    standings = await parts.reading.mark(caller.user_id, [notification_id], mark)
    if not standings:
        raise NotFound(NONE_SUCH)
    return standings[0]


def _out(standing: Standing) -> StandingOut:
    return StandingOut.model_validate(standing)


async def _put_away(caller: Identity, parts: Parts, mark: Mark) -> int:
    async with parts.costly.turn(caller.user_id):
        return await parts.putting.away(caller.user_id, mark)
