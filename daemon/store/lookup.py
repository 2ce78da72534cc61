"""Audiences and people, from the application's own tables: one query per audience and batch, one for the people."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from config.mapping import Audience, People, Watch, as_psycopg, parameters_of
from daemon.connections import one_row
from daemon.planning.known import Audiences, Failing, Hold, Known
from daemon.planning.policy import Policy
from daemon.planning.values import Event
from daemon.store.conditions import holding
from daemon.store.person import addresses_in, person_of
from dispatchers.canonical import canonical
from schema.queries import statements

SQL = statements("plan")


class LookupFailed(RuntimeError):
    """A query of the configuration answered with something that cannot be used; the message says which and what."""


class Lookup:
    """Finds who is in an audience, and what is known about each person."""

    def __init__(self, audiences: Mapping[str, Audience], people: People | None, default_region: str = "") -> None:
        """``default_region``: of phone numbers without a country code, as in the settings of the SMS channel."""
        self._audiences = audiences
        self._default_region = default_region
        self._queries = {
            name: as_psycopg(audience.query) for name, audience in audiences.items() if audience.query is not None
        }
        self._people_query = as_psycopg(people.query) if people else None

    async def audiences(self, cursor: AsyncCursor[TupleRow], events: Sequence[Event], policy: Policy) -> Audiences:
        """For each event, the user ids of every audience it needs."""
        found: list[dict[str, Sequence[str]]] = [{} for _ in events]
        wanted: dict[str, list[int]] = {}
        for index, event in enumerate(events):
            if event.direct is not None and event.direct.people:
                found[index][event.direct.rule.audience] = event.direct.people
            for name in policy.audiences_for(event, self._audiences):
                wanted.setdefault(name, []).append(index)
        for name, indexes in wanted.items():
            audience = self._audiences.get(name)
            if audience is None:
                continue
            concerned = [i for i in indexes if audience.watch in (None, events[i].watch)]
            members = await self.members(cursor, name, audience, [events[i] for i in concerned])
            for index, users in zip(concerned, members, strict=True):
                found[index][name] = users
        return found

    async def known(
        self, cursor: AsyncCursor[TupleRow], audiences: Audiences, policy: Policy, failing: Failing = ()
    ) -> Known:
        """What there is to know of everyone whom ``audiences`` name."""
        known, _ = await self.known_at(cursor, audiences, policy, failing)
        return known

    async def known_at(
        self, cursor: AsyncCursor[TupleRow], audiences: Audiences, policy: Policy, failing: Failing
    ) -> tuple[Known, datetime]:
        """The same, and when that was, by the database's clock."""
        ids = sorted({user for of_event in audiences for users in of_event.values() for user in users})
        rows = await self._rows(cursor, ids)
        addresses = {user: addresses_in(row) for user, row in rows.items()}
        spelled = self._spelled(addresses.values(), policy.channels)
        parameters = {
            "ids": ids,
            "devices": "webpush" in policy.channels,
            "channels": [channel for channel, _ in spelled],
            "addresses": [address for _, address in spelled],
        }
        await cursor.execute(SQL["known"], parameters)
        now, *answers = one_row(await cursor.fetchone())
        if not rows:
            return Known(failing=failing), now
        own, devices, choices, suppressed = (found or () for found in answers)
        for user, subscriptions in _by_user(devices).items():
            if user in addresses and not addresses[user]["webpush"]:  # the application's own column comes first
                addresses[user]["webpush"] = subscriptions
        settings = {
            user: (locale, zone, quiet, datetime.fromisoformat(snoozed) if snoozed else None, do_not_disturb)
            for user, locale, zone, quiet, snoozed, do_not_disturb in own
        }
        known = Known(
            people={user: person_of(row, addresses[user], settings.get(user)) for user, row in rows.items()},
            suppressed={
                (channel, address): reason for channel, kept, reason in suppressed for address in spelled[channel, kept]
            },
            choices={(user, category, channel): wanted for user, category, channel, wanted in choices},
            windows=await self._windows(cursor, ids, policy),
            spent=await self._spent(cursor, ids, policy),
            failing=failing,
        )
        return known, now

    async def failing(
        self, cursor: AsyncCursor[TupleRow], events: Sequence[Event], policy: Policy, watches: Mapping[str, Watch]
    ) -> Failing:
        """The steps that are taken at once and whose ``where`` does not hold for the row of their event. What cannot be
        said now (the row makes it fail) is asked again just before sending.
        """
        by_prefix = {watch.event_prefix: watch for watch in watches.values()}
        asked: dict[tuple[str, str], list[tuple[int, str, int]]] = {}
        for index, event in enumerate(events):
            for rule in policy.rules_for(event):
                for number, step in enumerate(rule.all_steps):
                    watch = watches.get(event.watch) or by_prefix.get(event.prefix)
                    if step.where is not None and step.after is None and watch is not None:
                        asked.setdefault((watch.name, step.where), []).append((index, rule.audience, number))
        failing: set[tuple[int, str, int]] = set()
        for (name, where), steps in asked.items():
            keys = {events[index].key for index, _, _ in steps}
            try:
                holds, unsaid = await holding(cursor, watches[name], where, keys)
            except psycopg.errors.QueryCanceled:
                holds, unsaid = set(), keys
            failing |= {each for each in steps if events[each[0]].key not in holds | unsaid}
        return failing

    async def _rows(self, cursor: AsyncCursor[TupleRow], ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What the application says of those of ``ids`` whom it knows, by user id."""
        if not ids or self._people_query is None:
            return {}
        await cursor.execute(self._people_query, {"ids": ids})
        columns = [column.name for column in cursor.description or ()]
        if "user_id" not in columns:
            raise LookupFailed("people.query must yield a column user_id: SELECT id AS user_id, ...")
        rows = (dict(zip(columns, row, strict=True)) for row in await cursor.fetchall())
        return {str(row["user_id"]): row for row in rows}

    async def _windows(self, cursor: AsyncCursor[TupleRow], ids: Sequence[str], policy: Policy) -> dict[Hold, datetime]:
        if not policy.digests and not policy.throttles:
            return {}
        await cursor.execute(SQL["open_windows"], {"ids": ids})
        return {(user, channel, address, name): due for user, channel, address, name, due in await cursor.fetchall()}

    async def _spent(
        self, cursor: AsyncCursor[TupleRow], ids: Sequence[str], policy: Policy
    ) -> dict[tuple[str, str], int]:
        if not policy.throttles:
            return {}
        parameters = {
            "ids": ids,
            "throttles": [name for name, _ in policy.throttles],
            "seconds": [throttle.per.total_seconds() for _, throttle in policy.throttles],
        }
        await cursor.execute(SQL["spent"], parameters)
        return {(user, throttle): count for user, throttle, count in await cursor.fetchall()}

    def _spelled(
        self, people: Iterable[Mapping[str, Sequence[str]]], channels: Collection[str]
    ) -> dict[tuple[str, str], list[str]]:
        """Each (channel, address) as it is kept -> as the application spells it: some spell one in several ways."""
        spelled: dict[tuple[str, str], list[str]] = {}
        for of_person in people:
            for channel, addresses in of_person.items():
                if channel in channels and channel != "webpush":  # a device that is gone is removed instead
                    for address in addresses:
                        key = (channel, canonical(channel, address, self._default_region))
                        spelled.setdefault(key, []).append(address)
        return spelled

    async def members(
        self, cursor: AsyncCursor[TupleRow], name: str, audience: Audience, events: Sequence[Event]
    ) -> list[Sequence[str]]:
        """The user ids in this audience, for each of ``events``."""
        values = [_value(event.row.get(audience.column)) if audience.column else event.key for event in events]
        if audience.query is None:
            return [[value] if value is not None else [] for value in values]
        parameters = parameters_of(audience.query)
        asked = sorted({value for value in values if value is not None})
        if not asked:
            return [[] for _ in events]
        await cursor.execute(self._queries[name], dict.fromkeys(parameters, asked))
        rows = await cursor.fetchall()
        width = len(cursor.description or ())
        if width != (2 if parameters else 1):
            shape = "(user_id)" if not parameters else "(value, user_id)" if audience.column else "(key, user_id)"
            raise LookupFailed(f"audience.{name}.query must yield {shape}, not {width} columns")
        if not parameters:
            everyone = [str(row[0]) for row in rows if row[0] is not None]
            return [everyone for _ in events]
        members: dict[str, list[str]] = {}
        for asked_for, user in rows:
            if user is not None:
                members.setdefault(str(asked_for), []).append(str(user))
        return [members.get(value, []) if value is not None else [] for value in values]

    async def of_everybody(
        self, cursor: AsyncCursor[TupleRow], name: str, audience: Audience, people: Sequence[str]
    ) -> Sequence[str]:
        """Those of ``people`` who are in an audience that is the same for every event; nobody in one that is not."""
        if audience.query is None or parameters_of(audience.query):
            return ()
        # The database looks through it: there may be 500,000, of whom some hundred are asked for.
        query = f"SELECT found::text FROM ({self._queries[name].rstrip().rstrip(';')}\n) AS everybody (found)"
        try:
            await cursor.execute(f"{query} WHERE found::text = ANY(%(people)s)", {"people": list(people)})
        except psycopg.errors.InvalidColumnReference as error:
            raise LookupFailed(f"audience.{name}.query must yield (user_id): {error}") from None
        return [row[0] for row in await cursor.fetchall()]


def _by_user(devices: Iterable[Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """User id -> push subscriptions, from rows of the database."""
    found: dict[str, tuple[str, ...]] = {}
    for user, endpoint, p256dh, auth in devices:
        subscription = json.dumps({"endpoint": endpoint, "keys": {"p256dh": p256dh, "auth": auth}})
        found[user] = (*found.get(user, ()), subscription)
    return found


def _value(value: Any) -> str | None:
    return None if value is None else str(value)
