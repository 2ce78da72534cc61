"""Who is connected: a person's connections, and when the first comes and the last goes."""

import logging
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dispatchers.websocket.connection import Connection

log = logging.getLogger(__name__)


class People:
    """Connections that are welcome, by user id."""

    def __init__(self) -> None:
        self._connections: dict[str, tuple[Connection, ...]] = {}
        self.on_presence: Callable[[str, bool], None] | None = None
        """Is told (user id, True) at somebody's first connection, (user id, False) after the last one's end."""

    def of(self, user_id: str) -> "tuple[Connection, ...]":
        return self._connections.get(user_id, ())

    def names(self) -> list[str]:
        return list(self._connections)

    def everybody(self) -> "list[Connection]":
        """Those who are there now."""
        return list(chain.from_iterable(self._connections.values()))

    def __len__(self) -> int:
        return len(self._connections)

    def join(self, connection: "Connection") -> "tuple[Connection, ...]":
        """Add one; the person's others, oldest first."""
        user_id = connection.user_id
        others = self._connections.get(user_id, ())
        self._connections[user_id] = (*others, connection)
        if not others:
            self._tell(user_id, present=True)
        return others

    def leave(self, connection: "Connection") -> None:
        before = self._connections.get(connection.user_id)
        if before is None or connection not in before:
            return
        rest = tuple(other for other in before if other is not connection)
        if rest:
            self._connections[connection.user_id] = rest
        else:
            del self._connections[connection.user_id]
            self._tell(connection.user_id, present=False)

    def _tell(self, user_id: str, *, present: bool) -> None:
        if self.on_presence is None:
            return
        try:
            self.on_presence(user_id, present)
        except Exception:
            log.exception("hub.presence_failed")
