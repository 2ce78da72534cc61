"""A mail that came back, from its bytes to what is written of it."""

import asyncio
from collections.abc import Sequence
from enum import Enum, auto
from typing import assert_never

import structlog

from config.names import Closed
from daemon import metrics
from daemon.connections import Pool
from daemon.feedback.mail.matching import Written, match
from daemon.feedback.mail.reading import read
from daemon.feedback.mail.references import Ours
from daemon.feedback.mail.values import Kind, News
from daemon.feedback.record import Feedback
from daemon.feedback.values import Report
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("mail")

CHANNEL = "email"
NOT_UNDERSTOOD = "not_understood"
NOT_MATCHED = "not_matched"


class Taken(Enum):
    """What became of a mail that came back."""

    UNDERSTOOD = auto()
    """And written, where there was anything to write."""
    NOT_UNDERSTOOD = auto()
    """For a person to read: an answer, a bounce in no standard's words."""
    LATER = auto()
    """It is about a mail whose sending is not written yet."""


class Taking:
    """Takes mails, one at a time or many. Raises psycopg's errors where the database is away."""

    def __init__(self, pool: Pool, feedback: Feedback, ours: Ours) -> None:
        self._pool = pool
        self._feedback = feedback
        self._ours = ours
        for kind in (*Kind, NOT_UNDERSTOOD, NOT_MATCHED):
            metrics.RETURNED_MAILS.labels(kind)  # in the metrics from the start, so that a first one is seen as a rise

    async def take(self, content: bytes, envelope_recipients: Sequence[str] = ()) -> Taken:
        """Write what the mail says. The same mail twice is harmless."""
        news = await asyncio.to_thread(read, content, self._ours, envelope_recipients)
        if not news:
            metrics.RETURNED_MAILS.labels(NOT_UNDERSTOOD).inc()
            return Taken.NOT_UNDERSTOOD
        if all(one.kind is Kind.DELAY for one in news):
            metrics.RETURNED_MAILS.labels(Kind.DELAY).inc()
            return Taken.UNDERSTOOD
        found = match(news, await self._written(news[0]), self._ours.return_paths)
        if found is None:
            metrics.RETURNED_MAILS.labels(NOT_MATCHED).inc()
            log.info("returned_mail.not_matched", kind=news[0].kind.value)
            return Taken.UNDERSTOOD
        said, delivery = found
        if not delivery.finished:
            return Taken.LATER
        await self._write(said, delivery)
        metrics.RETURNED_MAILS.labels(said.kind).inc()
        return Taken.UNDERSTOOD

    async def _written(self, news: News) -> list[Written]:
        """The deliveries that it may be about."""
        reference = news.reference
        ids = [*(one.delivery_id for one in reference.returned), *(one.delivery_id for one in reference.sent)]
        if not ids:
            return []
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SQL["written_to"], {"ids": ids})
            return [Written(*row) for row in await cursor.fetchall()]

    async def _write(self, said: News, delivery: Written) -> None:
        match said.kind:
            case Kind.BOUNCE:
                closed = Closed.BOUNCE if said.closes else None
                report = Report(CHANNEL, "failed", delivery_id=delivery.id, error=said.error, closed=closed)
                await self._feedback.report([report])
            case Kind.DELIVERED:
                await self._feedback.report([Report(CHANNEL, "delivered", delivery_id=delivery.id)])
            case Kind.COMPLAINT:
                await self._feedback.close(CHANNEL, delivery.address, Closed.COMPLAINT, said.error or "")
            case Kind.DELAY:
                pass
            case _:
                assert_never(said.kind)
