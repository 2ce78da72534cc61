"""Deliveries: what waits, what has ended and how, and bringing back what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from daemon.api.admin.cursors import LARGEST_ID, cursor_of, id_in
from daemon.api.admin.desk import SQL, Change, Desk
from daemon.api.admin.pages import Page
from daemon.explain.addresses import masked, masked_in
from daemon.explain.values import Reason
from schema.queries import statements

RETRY = statements("retry")

BATCH = 1_000
MOST_AT_ONCE = 10_000
"""Deliveries that one request brings back; the answer says how many are left."""


class State(StrEnum):
    """What has become of a delivery."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"


WAITING = frozenset({State.PENDING, State.SENDING})


class Delivery(BaseModel):
    """One notification on one channel to one address."""

    id: int
    notification_id: int
    user_id: str | None
    event: str | None = Field(examples=["order.ready"])
    subject: str | None = Field(examples=["order:4711"])
    channel: str = Field(examples=["email"])
    address: str | None = Field(description="masked", examples=["a…@example.com"])
    state: State
    reason: Reason | None = Field(description="why it was skipped")
    attempt: int = Field(description="attempts so far")
    provider: str | None
    provider_id: str | None = Field(description="what the provider calls it")
    error: str | None = Field(description="with the addresses in it masked")
    due_at: datetime | None = Field(
        description="of what waits: when it is sent; while it is sent: the end of its lease"
    )
    finished_at: datetime | None
    reported_at: datetime | None = Field(description="when the provider last said what became of it")


class Attempt(BaseModel):
    """One provider asked once."""

    number: int
    provider: str
    started_at: datetime
    ended_at: datetime
    outcome: str = Field(examples=["sent"], description="sent, retry, rejected or unknown")
    code: str
    detail: str


class DeliveryWithAttempts(Delivery):
    """A delivery, and every time that a provider was asked."""

    attempts: list[Attempt]


class BroughtBack(BaseModel):
    """What will be tried again."""

    deliveries: int
    changes: int = Field(description="that could not be planned; only where `error` alone says what to bring back")
    left: int = Field(description="deliveries like these that have failed and are still to be brought back")


@dataclass(frozen=True, slots=True)
class Which:
    """Deliveries to list: None for no matter."""

    state: State | None = None
    channel: str | None = None
    reason: Reason | None = None
    user_id: str | None = None
    subject: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Failed deliveries to bring back: those that are all of this."""

    ids: Sequence[int] | None = None
    channel: str | None = None
    error: str | None = None
    """The error contains it, in any case."""

    @property
    def given(self) -> Mapping[str, Any]:
        """As the statements take it."""
        return {"ids": None if self.ids is None else list(self.ids), "channel": self.channel, "error": self.error}


class Deliveries:
    """Reads them with their addresses masked."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def page(self, cursor: str | None, limit: int, which: Which) -> Page[Delivery]:
        """The newest first. Raises TooSlow where the filters find little in much."""
        state, reason = which.state, which.reason
        of_somebody = which.user_id is not None or which.subject is not None
        rows = await self._desk.rows(
            SQL["deliveries_told" if of_somebody else "deliveries"],
            before=LARGEST_ID if cursor is None else id_in(cursor),
            limit=limit + 1,
            waiting=reason is None and (state is None or state in WAITING),
            finished=state is None or state not in WAITING,
            state=state,
            reason=reason,
            channel=which.channel,
            since=which.since,
            user_id=which.user_id,
            subject=which.subject,
        )
        items = [Delivery.model_validate(_shown(row)) for row in rows[:limit]]
        return Page(items=items, next=cursor_of(items[-1].id) if len(rows) > limit else None)

    async def one(self, id_: int) -> DeliveryWithAttempts | None:
        """None where there is none, or none any more."""
        async with self._desk.reading() as reading:
            rows = await reading.rows(SQL["delivery"], id=id_)
            attempts = await reading.rows(SQL["attempts"], id=id_) if rows else []
        if not rows:
            return None
        tried = [{**attempt, "detail": masked_in(attempt["detail"])} for attempt in attempts]
        return DeliveryWithAttempts.model_validate({**_shown(rows[0]), "attempts": tried})

    async def bring_back(self, actor: str, failed: Failed, lifetime_seconds: float) -> BroughtBack:
        """As ``orderbell retry`` does it, up to :data:`MOST_AT_ONCE`; ``lifetime_seconds``: of what has no end."""
        async with self._desk.change(actor) as change:
            count = await _deliveries(change, failed, lifetime_seconds)
            changes = 0
            if failed.error is not None and failed.ids is None and failed.channel is None:
                changes = await change.count(RETRY["bring_back_changes"], ids=None, error=failed.error)
            (left,) = await change.rows(SQL["count_failed"], **failed.given)
            if count or changes:
                one = failed.ids is not None and len(failed.ids) == 1
                await change.audit(
                    "delivery.retry",
                    f"delivery:{failed.ids[0]}" if failed.ids and one else None,
                    ids=list(failed.ids) if failed.ids and not one else None,
                    channel=failed.channel,
                    error=masked_in(failed.error) if failed.error else None,
                    deliveries=count,
                    changes=changes,
                )
        return BroughtBack(deliveries=count, changes=changes, left=left["count"])


async def _deliveries(change: Change, failed: Failed, lifetime_seconds: float) -> int:
    done = 0
    while done < MOST_AT_ONCE:
        brought = await change.count(
            RETRY["bring_back_deliveries"], **failed.given, limit=BATCH, lifetime_seconds=lifetime_seconds
        )
        done += brought
        if brought < BATCH:
            break
    return done


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    error = row["error"]
    return {**row, "address": masked(row["channel"], row["address"]), "error": masked_in(error) if error else None}
