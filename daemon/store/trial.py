"""A real event and its people, to try words with before anybody reads them. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from config.names import EventName
from daemon.connections import Connections
from daemon.planning.values import NOBODY, Event, Person
from daemon.store.planner import Planning
from schema.queries import statements

SQL = statements("template")


@dataclass(frozen=True, slots=True)
class Trial:
    """What words are rendered with."""

    event: Event
    named: Mapping[str, Person]
    """Audience -> its first person."""
    recipient: Person


async def trial(
    connections: Connections, planning: Planning, event: EventName, audience: str, key: str | None
) -> Trial | None:
    """The row with this ``key``, else that of the newest ``event``; None where there is none yet."""
    connection = await connections.open("orderbell template", statement_timeout="10s")
    async with connection, connection.transaction(), connection.cursor() as cursor:
        await cursor.execute("SET TRANSACTION READ ONLY")
        if key is None:
            await cursor.execute(SQL["newest_event"], {"event": event})
        else:
            subject = f"{event.partition('.')[0]}:{key}"
            await cursor.execute(SQL["event_of"], {"event": event, "subject": subject})
        row = await cursor.fetchone()
        if row is None:
            return None
        subject, watch, key, label, data = row
        happened = Event(event, subject, watch, key, label or key, data, datetime.now(UTC))
        (told,) = await planning.lookup.audiences(cursor, [happened], planning.policy)
        first = {name: users[:1] for name, users in told.items()}
        known = await planning.lookup.known(cursor, [first], planning.policy)
    named = {
        name: next((known.people[user] for user in users if user in known.people), NOBODY)
        for name, users in first.items()
    }
    return Trial(happened, named, named.get(audience, NOBODY))
