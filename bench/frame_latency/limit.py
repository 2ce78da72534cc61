"""The limit: LISTEN, and each notification is written to its customer's WebSocket: ``PORT URL``. Nothing is kept.

The trigger sends the frame's text along. Person N connects to the path ``/N``.
"""

import asyncio
import sys

import psycopg
from websockets.asyncio.server import ServerConnection, broadcast, serve

TRIGGER = """
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('orders', NEW.customer_id || ' ' || json_build_object(
        'type', 'new_notification', 'id', NEW.id, 'subject', 'order:' || NEW.id, 'title', 'Order picked up'));
    RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION tell();
"""


async def main(port: int, url: str) -> None:
    """Until it is killed."""
    of_person: dict[str, ServerConnection] = {}

    async def welcome(connection: ServerConnection) -> None:
        if connection.request is not None:
            of_person[connection.request.path.removeprefix("/")] = connection
        await connection.send('{"type":"welcome"}')
        await connection.wait_closed()

    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as listening:
        await listening.execute(TRIGGER)
        await listening.execute("LISTEN orders")
        async with serve(welcome, "127.0.0.1", port, compression=None):
            async for notice in listening.notifies():
                person, _, text = notice.payload.partition(" ")
                if person in of_person:
                    broadcast((of_person[person],), text)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
