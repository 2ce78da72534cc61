"""Audiences and people, from the application's own tables: one query per audience and batch, one for the people."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from config.mapping import Audience, People, as_psycopg, parameters_of
from daemon.planning.plan import Audiences, Policy
from daemon.planning.values import Event, Person
from dispatchers.canonical import canonical
from schema.queries import statements

SQL = statements("plan")

_KNOWN = {"user_id", "name", "email", "phone", "locale", "time_zone"}


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
            for name in policy.audiences_for(event.name, self._audiences):
                wanted.setdefault(name, []).append(index)
        for name, indexes in wanted.items():
            audience = self._audiences.get(name)
            if audience is None:
                continue
            concerned = [i for i in indexes if audience.watch in (None, events[i].watch)]
            members = await self._members(cursor, name, audience, [events[i] for i in concerned])
            for index, users in zip(concerned, members, strict=True):
                found[index][name] = users
        return found

    async def people(
        self, cursor: AsyncCursor[TupleRow], audiences: Audiences, channels: Collection[str]
    ) -> dict[str, Person]:
        """Everyone whom ``audiences`` name and the application knows, by user id."""
        ids = sorted({user for of_event in audiences for users in of_event.values() for user in users})
        if not ids or self._people_query is None:
            return {}
        await cursor.execute(self._people_query, {"ids": ids})
        columns = [column.name for column in cursor.description or ()]
        if "user_id" not in columns:
            raise LookupFailed("people.query must yield a column user_id: SELECT id AS user_id, ...")
        rows = [dict(zip(columns, row, strict=True)) for row in await cursor.fetchall()]
        devices = await self._push_subscriptions(cursor, ids) if "webpush" in channels else {}
        return {str(row["user_id"]): _person(row, devices) for row in rows}

    async def suppressed(
        self, cursor: AsyncCursor[TupleRow], people: Mapping[str, Person], channels: Collection[str]
    ) -> set[tuple[str, str]]:
        """The (channel, address) of these people that nothing is sent to any more, as the application spells them."""
        spelled: dict[tuple[str, str], list[str]] = {}
        for person in people.values():
            for channel, addresses in person.addresses.items():
                if channel in channels and channel != "webpush":  # a device that is gone is removed instead
                    for address in addresses:
                        key = (channel, canonical(channel, address, self._default_region))
                        spelled.setdefault(key, []).append(address)
        if not spelled:
            return set()
        keys = list(spelled)
        parameters = {"channels": [channel for channel, _ in keys], "addresses": [address for _, address in keys]}
        await cursor.execute(SQL["suppressed"], parameters)
        return {(channel, address) for channel, known in await cursor.fetchall() for address in spelled[channel, known]}

    async def _members(
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

    async def _push_subscriptions(
        self, cursor: AsyncCursor[TupleRow], ids: Sequence[str]
    ) -> dict[str, tuple[str, ...]]:
        await cursor.execute(SQL["push_subscriptions"], {"ids": ids})
        found: dict[str, list[str]] = {}
        for user, endpoint, p256dh, auth in await cursor.fetchall():
            subscription = {"endpoint": endpoint, "keys": {"p256dh": p256dh, "auth": auth}}
            found.setdefault(user, []).append(json.dumps(subscription))
        return {user: tuple(subscriptions) for user, subscriptions in found.items()}


def _person(row: Mapping[str, Any], devices: Mapping[str, tuple[str, ...]]) -> Person:
    user = str(row["user_id"])
    addresses = {
        "email": _addresses(row.get("email")),
        "sms": _addresses(row.get("phone")),
        "webpush": devices.get(user, ()),
    }
    # Any further column is the address on the channel of that name.
    addresses |= {channel: _addresses(value) for channel, value in row.items() if channel not in _KNOWN}
    return Person(
        user_id=user,
        name=str(row.get("name") or "").strip(),
        locale=str(row.get("locale") or "").strip(),
        time_zone=str(row.get("time_zone") or "").strip(),
        addresses=addresses,
    )


def _addresses(value: Any) -> tuple[str, ...]:
    text = str(value).strip() if value is not None else ""
    return (text,) if text else ()


def _value(value: Any) -> str | None:
    return None if value is None else str(value)
