"""The last look before a delivery goes out: its rule's step, the night and the live rows must still allow it.

What the database can say by itself is in ``delivery.sql: recheck``. Here is what needs the configuration.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from config.mapping import Watch
from config.names import Priority
from config.rules import Rule
from config.telling import Step
from daemon.connections import OF_THE_APPLICATION
from daemon.kept import one_line
from daemon.planning.policy import Policy
from daemon.planning.quiet import zone_of
from daemon.planning.timing import open_from
from daemon.presence import DEAD_SECONDS
from daemon.store.conditions import holding
from daemon.store.person import windows_of
from dispatchers.base import Delivery, Kind
from schema.queries import statements

log = structlog.get_logger(__name__)

LIVE = statements("live")

ASK_AGAIN = timedelta(seconds=10)
"""After a condition that could not be looked at: the application holds a lock, or the row makes it fail."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not now, but from this instant on."""

    due_at: datetime
    why: str
    chosen: bool = False
    """By the recipient: until then it is not late."""


Finding = str | Later | None
"""None: send it. ``wait``: an older status is on its way. Another text: the reason to skip it."""


class Planned(Protocol):
    """What a rule planned: a delivery, or a member of a digest. Without event where its notification is gone."""

    @property
    def id(self) -> int: ...
    @property
    def user_id(self) -> str: ...
    @property
    def event(self) -> str | None: ...
    @property
    def subject(self) -> str | None: ...
    @property
    def audience(self) -> str | None: ...
    @property
    def step(self) -> int: ...


class Row(NamedTuple):
    """What the live rows say of one delivery."""

    reason: str | None
    seen: bool = False
    newer: bool = False
    """There is a newer notification of the same subject to this person, on whatever channel."""
    own_zone: str | None = None
    """The person's choice."""
    zone: str | None = None
    """As it was planned."""
    quiet: str | None = None
    snoozed_until: datetime | None = None
    do_not_disturb: bool = False


@dataclass(frozen=True, slots=True)
class LastLook:
    """Judges deliveries by the rules as they are configured now."""

    rules: Mapping[tuple[str, str], Rule] = field(default_factory=dict)
    """(event, audience) -> rule."""
    watches: Mapping[str, Watch] = field(default_factory=dict)
    """Event prefix -> watch."""
    policy: Policy | None = None
    online: Callable[[str], bool] = lambda _: False
    """Whether a person is connected to this daemon at this moment."""
    node: str = ""
    """This daemon: who is connected to another one, the database knows."""
    _asks: bool = field(init=False, repr=False, compare=False, default=False)
    """Whether some step has a condition that the database must be asked about."""

    def __post_init__(self) -> None:
        steps = (step for rule in self.rules.values() for step in rule.all_steps)
        asks = any(step.where is not None or step.unless == "online" for step in steps)
        object.__setattr__(self, "_asks", asks)

    def judge(self, delivery: Delivery, row: Row, now: datetime) -> Finding:
        """What speaks against sending ``delivery`` at ``now``, but for its step's ``where``."""
        if row.reason is not None:
            return row.reason
        if delivery.kind is Kind.WITHDRAWAL:
            return None
        step = self.step_of(delivery)
        if step is None and delivery.step > 0 and delivery.kind is None and self.rules:
            return "condition"  # the rule has no such step any more, so nobody can say whether it still applies
        if step is not None and delivery.kind is None and (reason := self.unwanted(step, delivery.user_id, row)):
            return reason
        if self.leaves_alone(row, delivery.channel, critical=delivery.critical):
            return "preference"
        return self.disturbs(delivery.channel, delivery.priority, row, now)

    def leaves_alone(self, row: Row, channel: str, *, critical: bool) -> bool:
        """Whether this person does not want to be disturbed on ``channel`` at all."""
        return row.do_not_disturb and not critical and self.policy is not None and channel in self.policy.waiting

    def unwanted(self, step: Step, user_id: str, row: Row) -> str | None:
        """The reason not to take this step any more, but for its ``where``."""
        if step.after is not None and row.newer:
            return "superseded"
        if step.unless == "seen" and row.seen:
            return "condition"
        return "condition" if step.unless == "online" and self.online(user_id) else None

    def step_of(self, delivery: Planned) -> Step | None:
        """The step that planned it, where the rule still has it."""
        rule = self.rules.get((delivery.event or "", delivery.audience or ""))
        steps = rule.all_steps if rule is not None else ()
        return steps[delivery.step] if delivery.step < len(steps) else None

    async def unmet(
        self, connection: AsyncConnection[TupleRow], deliveries: Sequence[Planned], now: datetime
    ) -> Mapping[int, Finding]:
        """Those whose step's ``where`` does not hold for the row as it is now, and those who are online elsewhere."""
        if not self._asks:
            return {}
        found: dict[int, Finding] = {**await self._online_elsewhere(connection, deliveries)}
        asked: dict[tuple[str, str], dict[int, str]] = {}
        for delivery in deliveries:
            step = self.step_of(delivery)
            prefix, _, key = (delivery.subject or "").partition(":")
            if step is not None and step.where is not None and prefix in self.watches:
                asked.setdefault((prefix, step.where), {})[delivery.id] = key
        for (prefix, where), keys in asked.items():
            holds, unsaid = await self._holding(connection, prefix, where, set(keys.values()))
            later = Later(now + ASK_AGAIN, "nobody can say whether its condition holds")
            found |= {id_: later if key in unsaid else "condition" for id_, key in keys.items() if key not in holds}
        return found

    async def _online_elsewhere(
        self, connection: AsyncConnection[TupleRow], deliveries: Sequence[Planned]
    ) -> Mapping[int, Finding]:
        asked = [each for each in deliveries if (step := self.step_of(each)) is not None and step.unless == "online"]
        if not asked or not self.node:
            return {}
        parameters = {"people": [each.user_id for each in asked], "node": self.node, "dead": DEAD_SECONDS}
        cursor = await connection.execute(LIVE["online_elsewhere"], parameters)
        people = {row[0] for row in await cursor.fetchall()}
        return {each.id: "condition" for each in asked if each.user_id in people}

    async def _holding(
        self, connection: AsyncConnection[TupleRow], prefix: str, where: str, keys: set[str]
    ) -> tuple[set[str], set[str]]:
        """Those of ``keys`` for which it holds, and those for which nobody can say now."""
        try:
            # Rolled back, so that nothing of these settings is left for the transaction around it.
            async with connection.transaction(force_rollback=True), connection.cursor() as cursor:
                # The application comes first: none of its locks is waited for, none of ours lasts.
                await cursor.execute("SET LOCAL lock_timeout = '100ms'; SET LOCAL statement_timeout = '2s'")
                await cursor.execute(OF_THE_APPLICATION)
                return await holding(cursor, self.watches[prefix], where, keys)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
            log.warning("condition.failed", where=where, error=one_line(error))
            return set(), keys

    def disturbs(self, channel: str, priority: Priority, row: Row, now: datetime) -> Later | None:
        """When a message like this may go out to the person of ``row``, if not now."""
        policy = self.policy
        if policy is None or not policy.waits(channel, priority):
            return None
        own = windows_of(row.quiet)
        windows = policy.quiet if own is None else own
        if not windows and row.snoozed_until is None:
            return None
        zone = zone_of(row.own_zone or "", row.zone or "", default=policy.zone)
        opens = open_from(now, windows, zone, row.snoozed_until)
        return Later(opens, "quiet hours", chosen=True) if opens > now else None

    @property
    def zone(self) -> ZoneInfo:
        """Of people whose own is not known."""
        return self.policy.zone if self.policy else ZoneInfo("UTC")
