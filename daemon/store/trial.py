"""A real event and its people, to try words with before anybody reads them. Reads only."""

from datetime import UTC, datetime

from config.names import EventName
from daemon.connections import Connections
from daemon.planning.policy import Policy
from daemon.planning.trying import Trial
from daemon.planning.values import NOBODY, Event
from daemon.store.lookup import Lookup
from schema.queries import statements

SQL = statements("template")


async def trial(
    connections: Connections, lookup: Lookup, policy: Policy, event: EventName, audience: str, key: str | None
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
        (told,) = await lookup.audiences(cursor, [happened], policy)
        first = {name: users[:1] for name, users in told.items()}
        known = await lookup.known(cursor, [first], policy)
    named = {
        name: next((known.people[user] for user in users if user in known.people), NOBODY)
        for name, users in first.items()
    }
    return Trial(happened, named, named.get(audience, NOBODY))
