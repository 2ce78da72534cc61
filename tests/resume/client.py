"""A person's page as a client keeps it: it comes back with what it had, and does what the hub's answers ask for.

As ``docs/reference/websocket.md`` says, and ``web/orderbell.js`` does it; only quicker.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.resume.page import Item, Page
from tests.resume.wire import Wire

SILENCE_SECONDS = 4.0
ANSWER_SECONDS = 2.0
"""Before a connection that says nothing, not even to a ping, is given up."""
OPEN_SECONDS = 5.0
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 2.0
STAY_SECONDS = 20.0
"""Until it leaves by itself, on average."""
AWAY = 0.1
AWAY_SECONDS = (2.0, 30.0)
"""How often it then stays away for so long."""
PAGE_LENGTH = 100
GAVE_UP = (OSError, TimeoutError, EOFError, WebSocketException)
NOT_NOW = (aiohttp.ClientError, OSError, TimeoutError)
HARMLESS = {"not_found", "busy", "unavailable"}
"""Errors that a client meets which does nothing wrong: another one was quicker, or the daemon is about to stop."""


@dataclass(slots=True)
class Tally:
    """What happened to all clients."""

    frames: Counter[str] = field(default_factory=Counter)
    disconnects: int = 0
    closes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    out_of_order: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    live: list[float] = field(default_factory=list)
    """The share of them that was connected and welcome, each second."""
    looked_up: int = 0
    """Notifications of which an update came, and that were not in the list."""


class Client:
    """Its list is in ``page``."""

    def __init__(
        self,
        name: str,
        user_id: str,
        token: str,
        wires: Sequence[Wire],
        http: aiohttp.ClientSession,
        dice: random.Random,
        tally: Tally,
    ) -> None:
        self.name = name
        self.user_id = user_id
        self.page = Page()
        self.unread = 0
        self.live = asyncio.Event()
        """Welcome, and not gone since."""
        self.calm = True
        """It does not leave by itself, and comes back soon."""
        self._token = token
        self._wires = wires
        self._http = http
        self._dice = dice
        self._tally = tally
        self._socket: ClientConnection | None = None
        self._since: str | None = None
        """Empty while the list that it was told to reload is not there."""
        self._caught_up: str | None = None
        self._counted_to = 0
        self._asking = False
        self._in_order = 0
        """The last notification of this connection."""
        self._attempt = 0
        self._stale = False
        self._unknown: set[int] = set()
        self._to_fetch = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def settled(self) -> bool:
        """Whether its list is as it wants it, as far as it knows."""
        return self.live.is_set() and not self._stale and not self._unknown and self.page.settled and not self._asking

    async def run(self) -> None:
        """Come back for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_fetched())
            while True:
                away = await self._visit()
                await asyncio.sleep(away)

    def leave(self) -> None:
        """Go, by a close frame or without a word."""
        if self._socket is not None:
            if self._dice.random() < 0.5:
                self._socket.transport.abort()
            else:
                task = asyncio.ensure_future(self._socket.close())
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)

    def _stroll(self) -> None:
        if not self.calm:
            self.leave()

    async def send(self, kind: str, **fields: Any) -> bool:
        """Whether there was a connection to send it on."""
        if self._socket is None or not self.live.is_set():
            return False
        try:
            await self._socket.send(json.dumps({"type": kind, **fields}))
        except ConnectionClosed:
            return False
        return True

    async def request(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of the REST API's answer; None where there is no such thing. Raises one of :data:`NOT_NOW`."""
        url = f"http://127.0.0.1:{self._dice.choice(self._wires).port}/api/notifications{path}"
        headers = {"Authorization": f"Bearer {self._token}"}
        async with asyncio.timeout(10), self._http.request(method, url, headers=headers, **options) as answer:
            if answer.status == 404:
                return None
            if answer.status not in {200, 204, 429, 503}:
                self._tally.complaints.append(f"{method} {path}: {answer.status} {await answer.text()}")
            answer.raise_for_status()
            return await answer.json() if answer.status == 200 else None

    # Coming and going.

    async def _visit(self) -> float:
        """One connection, from its beginning to its end; how long to stay away then."""
        loop = asyncio.get_running_loop()
        url = f"ws://127.0.0.1:{self._dice.choice(self._wires).port}/ws"
        leaves: asyncio.TimerHandle | None = None
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                socket = await connect(url, ping_interval=None, compression=None, open_timeout=None, close_timeout=1)
            self._socket = socket
            if not self.calm:
                leaves = loop.call_later(self._dice.expovariate(1 / STAY_SECONDS), self._stroll)
            hello = {"type": "hello", "token": self._token, "after": self.page.last_id, "since": self._since}
            await socket.send(json.dumps(hello))
            self._in_order = 0
            await self._listen(socket)
        except ConnectionClosed as closed:
            code = "none" if closed.rcvd is None else f"{closed.rcvd.code}"
            self._tally.closes[code] += 1
        except GAVE_UP:
            self._tally.closes["not open"] += 1
        finally:
            if leaves is not None:
                leaves.cancel()
            if self._socket is not None:
                self._socket.transport.abort()
                self._tally.disconnects += 1
            self._socket = None
            self._asking = False
            self.live.clear()
        if not self.calm and self._dice.random() < AWAY:
            return self._dice.uniform(*AWAY_SECONDS)
        self._attempt += 1
        return self._dice.random() * min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(self._attempt, 10))

    async def _listen(self, socket: ClientConnection) -> None:
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    text = await socket.recv()
            except TimeoutError:
                await socket.send('{"type": "ping"}')
                async with asyncio.timeout(ANSWER_SECONDS):
                    text = await socket.recv()
            frame = json.loads(text)
            await self._take(frame)

    # What the hub says.

    async def _take(self, frame: dict[str, Any]) -> None:
        kind, page = frame["type"], self.page
        self._tally.frames[kind] += 1
        match kind:
            case "welcome":
                self._welcome(frame)
            case "caught_up" | "reload":
                self._moment(frame)
            case "new_notification":
                await self._new(frame["id"], frame["notification"])
            case "notification_update":
                page.changed(frame, self._look_up)
            case "notification_withdrawn":
                page.gone(frame["id"])
                if frame["unread"]:
                    await self._ask()
            case "unread_count":
                await self._counted(frame)
            case "error":
                self._tally.errors[frame["code"]] += 1
                if frame["code"] not in HARMLESS:
                    self._tally.complaints.append(f"{self.name}: {frame}")

    def _welcome(self, frame: dict[str, Any]) -> None:
        first = self.page.last_id is None
        self._attempt = 0
        self.unread, self._counted_to = frame["unread_count"], frame["last_id"]
        if first:
            self.page.last_id = frame["last_id"]
        if first or not self.page.settled:  # what was lost with the connection may be older than the list on its way
            self._fetch()
        self.live.set()

    def _moment(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "reload":
            self.page.last_id = self._counted_to
            self._since = ""
            self._fetch()
            return
        self._caught_up = frame["since"]
        if self._since != "":
            self._since = self._caught_up

    async def _new(self, id_: int, item: Item) -> None:
        if id_ <= self._in_order:
            self._tally.out_of_order.append(f"{self.name}: {id_} after {self._in_order}")
        self._in_order = id_
        repeats = self.page.repeats
        self.page.came(item)
        if self.page.repeats == repeats and id_ > self._counted_to and item["read_at"] is None:
            self.unread, self._counted_to = self.unread + 1, id_

    async def _counted(self, frame: dict[str, Any]) -> None:
        self._asking = False
        if frame["last_id"] < (self.page.last_id or 0):
            await self._ask()
        else:
            self.unread, self._counted_to = frame["unread_count"], frame["last_id"]

    async def _ask(self) -> None:
        self._asking = self._asking or await self.send("get_unread_count")

    # The list, by REST.

    def _fetch(self) -> None:
        self._stale = True
        self._to_fetch.set()

    def _look_up(self, id_: int) -> None:
        self._tally.looked_up += 1
        self._unknown.add(id_)
        self._to_fetch.set()

    async def _keep_fetched(self) -> None:
        while True:
            await self._to_fetch.wait()
            self._to_fetch.clear()
            while self._stale or self._unknown:
                self.page.begin()
                whole, self._stale = self._stale, False
                unknown, self._unknown = self._unknown, set()
                try:
                    if whole:
                        items = [*await self._pages("false"), *await self._pages("true")]
                        self.page.replace(items)
                        self.page.last_id = max(self.page.last_id or 0, *self.page.items, 0)
                        if self._since == "" and not self._stale:
                            self._since = self._caught_up
                    else:
                        found = [await self.request("GET", f"/{id_}") for id_ in unknown]
                        self.page.add([item for item in found if item is not None])
                except NOT_NOW:
                    self._stale, self._unknown = self._stale or whole, self._unknown | unknown
                    await asyncio.sleep(self._dice.uniform(0.1, 0.5))

    async def _pages(self, archived: str) -> list[Item]:
        """The inbox or the archive, all of it."""
        items: list[Item] = []
        before: dict[str, int] = {}
        while True:
            query = {"limit": PAGE_LENGTH, "archived": archived, **before}
            page = await self.request("GET", "", params=query)
            items += page["items"]
            if page["next"] is None:
                break
            before = {"before": page["next"]}
        ids = [item["id"] for item in items]
        if ids != sorted(set(ids), reverse=True):
            self._tally.out_of_order.append(f"{self.name}: the list by REST is {ids}")
        return items
