"""What came of each delivery, written in batches, with every attempt."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import psycopg
import structlog
from psycopg import AsyncCursor
from psycopg.rows import TupleRow
from psycopg_pool import PoolTimeout

from daemon.connections import Pool
from daemon.delivery.policy import Finish, TryAgain, Verdict
from daemon.kept import kept
from dispatchers.base import Delivery, Try
from dispatchers.canonical import canonical
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("delivery")

FLUSH_AT_MOST = 1_000
"""Outcomes written in one transaction."""

REST_MAX_SECONDS = 0.02
"""After a write; the longest that an outcome waits for company."""

AWAY = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction, PoolTimeout)
"""The database is not there, or not to be written to: what is to be written waits."""

DOWN_SECONDS = (0.2, 5.0)
"""First and longest wait before outcomes are written again when the database is away."""


class Ended(NamedTuple):
    """A delivery and what was decided about it."""

    delivery: Delivery
    verdict: Verdict
    tries: tuple[Try, ...] = ()


class Ledger:
    """Notes outcomes in memory and writes them, through times when the database is away."""

    def __init__(self, pool: Pool, default_region: str = "") -> None:
        self._pool = pool
        self._default_region = default_region
        self._ended: list[Ended] = []
        self._work = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()
        self.behind = False
        """The database was away, and outcomes of then are not written yet: what is due again may have been sent."""

    def record(self, delivery: Delivery, verdict: Verdict) -> None:
        """Note what was decided about ``delivery``, which was not tried; it is written soon, together with others."""
        self.record_all([Ended(delivery, verdict)])

    def record_all(self, ended: Sequence[Ended]) -> None:
        """The same of several, with their tries."""
        self._ended += ended
        self._written.clear()
        self._work.set()

    @property
    def waiting(self) -> int:
        """Outcomes that are not in the database yet: they are in memory, and their deliveries leased."""
        return len(self._ended)

    async def settled(self) -> None:
        """Wait until every outcome noted so far is in the database."""
        await self._written.wait()

    async def run(self) -> None:
        """Write outcomes as they come, for ever; through times when the database is away."""
        wait, longest = DOWN_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            batch, self._ended = self._ended[:FLUSH_AT_MOST], self._ended[FLUSH_AT_MOST:]
            began = loop.time()
            try:
                await self._write_all(batch)
            except AWAY as error:
                self._ended = batch + self._ended
                self.behind = True
                log.warning("outcomes.not_written", waiting=len(self._ended), error=str(error).strip())
                await asyncio.sleep(wait)
                wait = min(wait * 2, longest)
                continue
            except asyncio.CancelledError:
                self._ended = batch + self._ended
                raise
            wait = DOWN_SECONDS[0]
            if not self._ended:
                self._work.clear()
                self._written.set()
                self.behind = False
            # Outcomes gather meanwhile: under load one write serves many, and a lone one never waits.
            rest = 0.0 if len(self._ended) >= FLUSH_AT_MOST else min(loop.time() - began, REST_MAX_SECONDS)
            await asyncio.sleep(rest)

    async def _write_all(self, batch: Sequence[Ended]) -> None:
        """Write the batch; should it be refused, its outcomes one by one, and a bad one without what was said of it."""
        try:
            await self._write(batch)
        except AWAY:
            raise
        except Exception:
            log.exception("outcomes.refused", outcomes=len(batch))
            for ended in batch:
                await self._write_one(ended)

    async def _write_one(self, ended: Ended) -> None:
        try:
            await self._write([ended])
        except AWAY:
            raise
        except Exception:
            log.exception("outcome.refused", delivery=ended.delivery.id)
            bare: Verdict
            match ended.verdict:
                case Finish() as finish:
                    bare = Finish(finish.state, finish.reason)
                case TryAgain() as again:
                    bare = replace(again, error="")
            await self._write([Ended(ended.delivery, bare)])

    async def _write(self, batch: Sequence[Ended]) -> None:
        finished = [(e.delivery, e.verdict) for e in batch if isinstance(e.verdict, Finish)]
        again = [(e.delivery, e.verdict) for e in batch if isinstance(e.verdict, TryAgain)]
        tries = [(e.delivery, each) for e in batch for each in e.tries]
        closed = [(d, v) for d, v in finished if v.closed]
        ended = {**_attempts(tries), **_finishes(finished)}
        async with self._pool.connection() as connection, connection.cursor() as cursor:
            if not again and not closed:
                await cursor.execute(SQL["finish"], ended)
                return
            async with connection.transaction():
                await cursor.execute(SQL["finish"], ended)
                await self._forget(cursor, closed)
                if again:
                    await cursor.execute(SQL["retry_later"], _retries(again))

    async def _forget(self, cursor: AsyncCursor[TupleRow], gone: Sequence[tuple[Delivery, Finish]]) -> None:
        """An address that is no good is not tried again: a device's subscription is removed, others are suppressed."""
        devices = [d.address for d, _ in gone if d.channel == "webpush"]
        if devices:
            endpoints = [endpoint for address in devices if (endpoint := _endpoint(address))]
            await cursor.execute(SQL["remove_push_subscription"], {"endpoints": endpoints})
            log.info("push_subscription.removed", count=len(endpoints))
        others = [(d, v) for d, v in gone if d.channel != "webpush"]
        if others:
            parameters = {
                "channels": [d.channel for d, _ in others],
                "addresses": [canonical(d.channel, d.address, self._default_region) for d, _ in others],
                "reasons": [v.closed for _, v in others],
                "details": [kept(v.error) for _, v in others],
            }
            await cursor.execute(SQL["suppress"], parameters)
            log.info("address.suppressed", count=len(others))


def _finishes(finished: Sequence[tuple[Delivery, Finish]]) -> dict[str, list[Any]]:
    return {
        "ids": [d.id for d, _ in finished],
        "attempts": [d.attempt for d, _ in finished],
        "states": [v.state for _, v in finished],
        "reasons": [v.reason for _, v in finished],
        "providers": [each or None for each in _kept(v.provider for _, v in finished)],
        "provider_ids": _kept(v.provider_id for _, v in finished),
        "errors": _kept(v.error for _, v in finished),
    }


def _retries(again: Sequence[tuple[Delivery, TryAgain]]) -> dict[str, list[Any]]:
    return {
        "ids": [d.id for d, _ in again],
        "attempts": [d.attempt for d, _ in again],
        "after_seconds": [v.after_seconds for _, v in again],
        "errors": _kept(v.error for _, v in again),
        "uncertain": [v.uncertain for _, v in again],
        "free": [v.free for _, v in again],
        "chosen": [v.chosen for _, v in again],
    }


def _attempts(tries: Sequence[tuple[Delivery, Try]]) -> dict[str, list[Any]]:
    return {
        "tried": [d.id for d, _ in tries],
        "numbers": [d.attempt for d, _ in tries],
        "tried_at": [each or "" for each in _kept(t.provider for _, t in tries)],
        "started": [t.started_at for _, t in tries],
        "ended": [t.ended_at for _, t in tries],
        "outcomes": [t.outcome for _, t in tries],
        "codes": [each or "" for each in _kept(t.code for _, t in tries)],
        "details": _kept(t.detail for _, t in tries),
    }


def _kept(texts: Iterable[str | None]) -> list[str | None]:
    """Each as it is kept; most of a batch say the same."""
    known: dict[str | None, str | None] = {}
    return [known[text] if text in known else known.setdefault(text, kept(text)) for text in texts]


def _endpoint(subscription: str) -> str | None:
    try:
        return str(json.loads(subscription)["endpoint"])
    except (ValueError, KeyError, TypeError):
        return None
