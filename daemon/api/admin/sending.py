"""Messages and events that staff sends: they become changes, and the planner does the rest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config import Settings
from config.check import known_channels
from config.mapping import parameters_of
from config.suggestions import did_you_mean
from daemon.api.admin.desk import SQL, Change, Desk
from daemon.planning.direct import Message
from daemon.planning.policy import Policy

ADMINS = "admins"
"""The audience that alerts go to."""
EVERYONE = "everyone"
"""The audience that ``everyone`` means."""


@dataclass(frozen=True, slots=True)
class When:
    """When something is told, and under which name it can be found again."""

    key: str
    """The idempotency key."""
    scheduled_for: datetime | None = None
    """None: now."""
    expires_at: datetime | None = None

    @property
    def said(self) -> Mapping[str, Any]:
        """For the audit."""
        return {"scheduled_for": self.scheduled_for, "expires_at": self.expires_at}


class Sending:
    """Writes into the outbox."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def tell(self, actor: str, action: str, message: Message, when: When) -> bool:
        """Tell ``message``; False where something was sent with this key already, whatever it was."""
        written = message.model_dump(mode="json", exclude_none=True)
        whom = {"audience": message.audience} if message.audience else {"people": len(message.people)}
        async with self._desk.change(actor) as change:
            if await _is_known(change, when.key):
                return False
            await change.rows(
                SQL["tell"],
                message=json.dumps(written),
                key=when.key,
                scheduled_for=when.scheduled_for,
                expires_at=when.expires_at,
            )
            await change.audit(
                action, f"message:{when.key}", to=whom, title=message.title, channels=message.channels, **when.said
            )
        return True

    async def send(self, actor: str, event: str, row: str, data: Mapping[str, Any], when: When) -> bool:
        """Send an event that the rules are for; ``row`` is the key of what it is about. False as above."""
        async with self._desk.change(actor) as change:
            if await _is_known(change, when.key):
                return False
            await change.rows(
                SQL["send"],
                event=event,
                row=row,
                data=json.dumps(data),
                key=when.key,
                scheduled_for=when.scheduled_for,
                expires_at=when.expires_at,
            )
            await change.audit("event.send", f"event:{when.key}", event=event, row=row, **when.said)
        return True


async def _is_known(change: Change, key: str) -> bool:
    """Whether something was sent, or is to be sent, with this key. Until the end of the transaction nobody else of the
    staff sends anything with it.
    """
    await change.rows(SQL["lock_key"], key=key)
    (known,) = await change.rows(SQL["is_known"], key=key)
    return bool(known["known"])


def audiences_of(settings: Settings, *, of_any_event: bool = True) -> list[str]:
    """Those who are the same whatever is told: all that somebody can write to. ``of_any_event``: not only of what
    one watch sees.
    """
    return sorted(
        name
        for name, audience in settings.audience.items()
        if audience.query is not None
        and not parameters_of(audience.query)
        and not (of_any_event and audience.watch is not None)
    )


def not_an_audience(name: str, settings: Settings, known: list[str]) -> str | None:
    """What is wrong with this audience; None where it is one of ``known``."""
    if name in known:
        return None
    there = (
        f"there is {', '.join(known)}" if known else "there is none: it takes an [audience] with a query of user ids"
    )
    if name in settings.audience:
        return f'who is in "{name}" depends on a row, so nobody can be told of nothing; {there}'
    return f'there is no audience "{name}"{did_you_mean(name, known)}; {there}'


def not_a_channel(name: str, policy: Policy) -> str | None:
    """What is wrong with this channel; None where something can be sent on it."""
    known = channels_of(policy)
    if name in known:
        return None
    return f'there is no channel "{name}"{did_you_mean(name, known)}; there is {", ".join(known)}'


def not_any_channel(name: str) -> str | None:
    """What is wrong with the name of a channel; None where deliveries can be on it, whether it is set up or not."""
    known = known_channels()
    if name in known:
        return None
    return f'there is no channel "{name}"{did_you_mean(name, known)}; there is {", ".join(known)}'


def channels_of(policy: Policy) -> list[str]:
    """The inbox, and every channel that has a dispatcher."""
    return ["inbox", *sorted(policy.channels - {"inbox"})]


def events_of(settings: Settings) -> list[str]:
    """Those that a rule is for."""
    named = {rule.event for rule in settings.rule}
    return sorted(named | {event for rule in settings.rule for event in rule.withdraw_on})
