"""Where settings are read from and written to, so that the planner and the workers obey them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString, Protocol

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from sqlalchemy.ext.asyncio import AsyncEngine

from config.mapping import Audience, parameters_of
from config.quiet import QuietWindow
from daemon.api.settings import Effective, Own, effective
from daemon.kept import one_line
from daemon.planning.known import Known
from daemon.planning.policy import Policy
from daemon.planning.values import Person
from daemon.store.lookup import Lookup, LookupFailed
from daemon.store.person import person_of, windows_of
from schema.queries import statements

log = structlog.get_logger(__name__)

SQL = statements("settings")


class Obeyed(Protocol):
    """What the planner goes by at this moment."""

    @property
    def policy(self) -> Policy: ...
    @property
    def lookup(self) -> Lookup: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """Of a category on a channel, or with "" of all of them; ``enabled`` None takes an earlier one back."""

    category: str
    channel: str
    enabled: bool | None


class SettingsStore:
    """Answers for one person at a time, and writes nobody else's rows."""

    def __init__(self, engine: AsyncEngine, obeyed: Callable[[], Obeyed], audiences: Mapping[str, Audience]) -> None:
        """``obeyed`` is asked each time: the configuration may be read again."""
        self._engine = engine
        self._of_rows = frozenset(name for name, audience in audiences.items() if _is_of_rows(audience))
        self._obeyed = obeyed

    @property
    def channels(self) -> frozenset[str]:
        """Those that can be chosen."""
        return self._obeyed().policy.channels

    async def effective(self, user_id: str) -> Effective:
        """What the daemon goes by for this person."""
        own, row = await self._own(user_id)
        person, closed = await self._looked_up(user_id, row)
        return effective(own, person, closed, self._obeyed().policy, self._of_rows, datetime.now(UTC))

    async def write(self, user_id: str, values: Mapping[str, str | bool | None]) -> None:
        """Of locale, time_zone and do_not_disturb those that are in ``values``; None takes the person's own back."""
        if values:
            await self._write_own(user_id, values)

    async def be_quiet(self, user_id: str, windows: Sequence[QuietWindow] | None) -> None:
        """Hours of their own: none at all where ``windows`` is empty, the configuration's again where it is None."""
        quiet = None if windows is None else json.dumps([window.model_dump(mode="json") for window in windows])
        await self._write_own(user_id, {"quiet": quiet})

    async def snooze(self, user_id: str, *, minutes: int | None = None, until: datetime | None = None) -> None:
        """For so many minutes from now, or until then."""
        await self._execute(SQL["snooze"], {"user_id": user_id, "minutes": minutes, "until": until})

    async def wake(self, user_id: str) -> None:
        """End a snooze."""
        await self._execute(SQL["wake"], {"user_id": user_id})

    async def choose(self, user_id: str, choices: Sequence[Choice]) -> None:
        """All of these or, where the database is away, none. No category and channel twice."""
        parameters = {
            "user_id": user_id,
            "categories": [choice.category for choice in choices],
            "channels": [choice.channel for choice in choices],
            "enabled": [choice.enabled for choice in choices],
        }
        async with self._engine.begin() as connection:
            # One statement takes back and puts down: no order of its rows is the same for two devices of a person.
            await connection.exec_driver_sql(SQL["one_at_a_time"], {"user_id": user_id})
            await connection.exec_driver_sql(SQL["choose"], parameters)

    async def _write_own(self, user_id: str, values: Mapping[str, str | bool | None]) -> None:
        names = ("locale", "time_zone", "quiet", "do_not_disturb")
        parameters: dict[str, Any] = {"user_id": user_id} | {name: values.get(name) for name in names}
        await self._execute(SQL["write_own"], parameters | {f"with_{name}": name in values for name in names})

    async def _own(self, user_id: str) -> tuple[Own, Sequence[Any] | None]:
        """What this person chose, and the row of it that the planner reads as well."""
        async with self._engine.connect() as connection:
            row: Sequence[Any] | None = (
                await connection.exec_driver_sql(SQL["own"], {"user_id": user_id})
            ).one_or_none()
            choices: Sequence[Sequence[Any]] = (
                await connection.exec_driver_sql(SQL["choices"], {"user_id": user_id})
            ).all()
        chosen = {(category, channel): enabled for category, channel, enabled in choices}
        if row is None:
            return Own(choices=chosen), None
        locale, time_zone, quiet, snoozed_until, do_not_disturb = row
        return Own(locale, time_zone, windows_of(quiet), snoozed_until, do_not_disturb, chosen), row

    async def _looked_up(self, user_id: str, row: Sequence[Any] | None) -> tuple[Person, frozenset[tuple[str, str]]]:
        """This person as the planner sees them, and the addresses of theirs that are closed."""
        obeyed = self._obeyed()
        unknown = person_of({"user_id": user_id}, {}, row), frozenset[tuple[str, str]]()
        async with self._engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert isinstance(driver, AsyncConnection)  # noqa: S101 - create_engine makes nothing else
            try:
                known = await _known(driver, obeyed, user_id)
            except (psycopg.Error, LookupFailed) as error:
                if driver.broken:
                    raise
                # The application's query failed, or waits for a lock of the application: the rest can be said.
                log.warning("settings.person_unknown", error=one_line(error))
                return unknown
        person = known.people.get(user_id)
        return (person, frozenset(known.suppressed)) if person is not None else unknown

    async def _execute(self, statement: LiteralString, parameters: Mapping[str, Any]) -> None:
        async with self._engine.begin() as connection:
            await connection.exec_driver_sql(statement, dict(parameters))


def _is_of_rows(audience: Audience) -> bool:
    """Who is in it depends on what has happened: it may be anybody."""
    return audience.column is not None or bool(parameters_of(audience.query or ""))


async def _known(connection: AsyncConnection[TupleRow], obeyed: Obeyed, user_id: str) -> Known:
    async with connection.transaction(), connection.cursor() as cursor:
        # The application comes first: its locks are not waited for.
        await cursor.execute("SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '2s'")
        return await obeyed.lookup.known(cursor, [{"": [user_id]}], obeyed.policy)
