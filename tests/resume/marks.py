"""What people do with their notifications, at random: over the socket or the REST API."""

import asyncio
import random
from collections import Counter

from tests.resume.client import NOT_NOW, Client

MARKS = {"read": 30, "unread": 15, "seen": 10, "archive": 15, "unarchive": 10, "delete": 8}
WHOLE = {"mark-all-read": 4, "mark-all-seen": 3, "archive-read": 1, "read": 0.5}
"""With the whole inbox; the last deletes what was read."""
COMMANDS = {"read": "mark_as_read", "unread": "mark_as_unread", "seen": "mark_as_seen"}
RECENT = 40
"""They mostly look at the newest."""


async def act(client: Client, dice: random.Random, done: Counter[str], seconds_between: float) -> None:
    """One mark after the other, for ever."""
    while True:
        await asyncio.sleep(dice.expovariate(1 / seconds_between))
        mark = dice.choices([*MARKS, *WHOLE], [*MARKS.values(), *WHOLE.values()])[0]
        by_socket = dice.random() < 0.6
        try:
            if mark in MARKS:
                met = await _some(client, mark, dice, by_socket=by_socket)
            else:
                met = await _whole(client, mark, by_socket=by_socket)
        except NOT_NOW:
            continue  # perhaps it was done, perhaps not: the hub will tell
        done[mark] += met


async def _some(client: Client, mark: str, dice: random.Random, *, by_socket: bool) -> bool:
    archived = mark == "unarchive"
    known = [id_ for id_, item in client.page.items.items() if (item["archived_at"] is not None) == archived]
    # Now and then a whole screen of them at once.
    most = 60 if dice.random() < 0.03 else 3
    recent = known[-max(RECENT, most) :]
    if not recent:
        return False
    ids = dice.sample(recent, min(len(recent), dice.randint(1, most)))
    if by_socket and await client.send(COMMANDS.get(mark, mark), ids=ids):
        return True
    await client.request("POST", "/bulk", json={"ids": ids, "action": mark})
    return True


async def _whole(client: Client, what: str, *, by_socket: bool) -> bool:
    if what.startswith("mark-all") and by_socket and await client.send(what.replace("-", "_").replace("all", "all_as")):
        return True
    await client.request("DELETE" if what == "read" else "POST", f"/{what}")
    return True
