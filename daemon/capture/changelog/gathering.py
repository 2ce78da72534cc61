"""Messages of the log, gathered into whole transactions: pure, no I/O.

Transactions come one after another, each whole, in the order of their commits; nothing of one is kept before its commit
has come, but for one too large to be held in memory (:mod:`daemon.capture.changelog.reader`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from daemon.capture.changelog.messages import Begin, Commit, Delete, Insert, LogicalMessage, Message, Update
from daemon.capture.changelog.rows import Capturing, Row

_MARK = re.compile(rb"([0-9a-f]{32}) ([0-9]{1,19}) ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{15}Z)")

SWITCH = b"switch"
"""What `orderbell install` writes in the transaction in which a watch goes from one way of capture to the other."""


class Gathered(NamedTuple):
    """A row for ``orderbell.change``, when its transaction committed, and what made it."""

    row: Row
    committed_at: datetime
    capturing: Capturing
    early: bool = False
    """Triggers have taken over by now, and what they captured comes after it."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one watch reads of one table, in transactions that commit from ``since`` on and before ``until`` (LSNs)."""

    capturing: Capturing
    since: int = 0
    until: int | None = None
    partitioned: bool = False
    """A row may be deleted from one partition and inserted into another: an update that moves it."""

    def takes(self, commit: int) -> bool:
        """Whether a transaction whose commit stands there is this watch's to read here, and not its triggers'."""
        return self.since <= commit and (self.until is None or commit < self.until)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A mark that was read back."""

    token: str
    """Of who wrote it: anybody may write into the log."""
    horizon: int
    """Whatever commits after it is of this transaction id or a later one."""
    at: datetime


@dataclass(slots=True)
class Gatherer:
    """Takes messages in the order of the log."""

    position: int
    """The end (LSN) of the last transaction that was gathered whole."""
    shares: dict[int, Sequence[Share]] = field(default_factory=dict)
    """Relation (its oid) -> the watches that read it; kept up by the reader at each Relation message."""
    closed: list[Gathered] = field(default_factory=list)
    """Rows of whole transactions."""
    open: list[Gathered] = field(default_factory=list)
    """Rows of the transaction whose commit has not come yet."""
    committed_at: datetime | None = None
    """Of the last whole transaction."""
    size: int = 0
    """Characters of JSON in ``open``."""
    transactions: int = 0
    """Whole ones, since this was last set to 0."""
    pieces: int = 0
    """How often rows of the open transaction were taken."""
    switched: bool = False
    """A watch has gone from one way of capture to the other: who reads what must be asked before the next message."""
    heartbeat: Heartbeat | None = None
    """The last one that was read."""
    _switches: bool = False
    _begun: Begin | None = None
    _deleted: Delete | None = None
    """By the message before, but for descriptions of tables."""

    @property
    def within(self) -> bool:
        """Whether a transaction has begun whose commit has not come."""
        return self._begun is not None

    def take(self, message: Message) -> None:
        """Take one. Raises ValueError where messages come in an order in which they cannot."""
        match message:
            case Insert() | Update():
                self._add(message)
                self._deleted = None
            case Delete():
                self._deleted = message
            case Begin():
                if self._begun is not None:
                    raise ValueError("a transaction begins within another")
                self._begun = message
            case Commit():
                self._commit(message)
            case LogicalMessage(prefix="orderbell"):
                self._mark(message)
            case _:
                pass  # what was deleted or truncated, where it is from: no change

    def _mark(self, message: LogicalMessage) -> None:
        if message.content == SWITCH and self._begun is not None:
            self._switches = True
            return
        heartbeat = _heartbeat(message)
        if heartbeat is not None:
            self.heartbeat = heartbeat
            if self._begun is None:
                # Whatever commits later stands behind it.
                self.position = max(self.position, message.lsn)

    def _add(self, message: Insert | Update) -> None:
        begun = self._begun
        if begun is None:
            raise ValueError("a row comes outside of a transaction")
        if begun.final_lsn < self.position:
            return  # read before: the server has forgotten how far we were
        shares = self.shares.get(message.relation)
        if shares is None:
            raise ValueError(f"a row of relation {message.relation} comes before its description")
        for share in shares:
            if share.takes(begun.final_lsn):
                taken = share.capturing
                if isinstance(message, Update):
                    row = taken.updated(message)
                elif share.partitioned and self._deleted is not None and self._deleted.relation == message.relation:
                    row = taken.reinserted(self._deleted, message)
                else:
                    row = taken.inserted(message.new)
                if row is not None:
                    self.open.append(Gathered(row, begun.committed_at, taken, share.until is not None))
                    self.size += len(row.new) + len(row.old or "")

    def _commit(self, message: Commit) -> None:
        if self._begun is None:
            raise ValueError("a commit comes outside of a transaction")
        self._begun = self._deleted = None
        if message.end_lsn <= self.position:
            return
        if self.open or self.pieces:
            # One that gave no row is read again, should we have to: the marks move the place on, and to note each would
            # be to write for ever where what we write is published too.
            self.position = message.end_lsn
        self.closed += self.open
        self.open.clear()
        self.size = self.pieces = 0
        self.committed_at = message.committed_at
        self.transactions += 1
        self.switched = self.switched or self._switches
        self._switches = False

    def taken(self) -> list[Gathered]:
        """The rows of whole transactions; they are no longer here."""
        taken, self.closed = self.closed, []
        return taken

    def taken_open(self) -> list[Gathered]:
        """The rows so far of a transaction that goes on; they are no longer here."""
        taken, self.open = self.open, []
        self.size = 0
        self.pieces += 1
        return taken


def _heartbeat(message: LogicalMessage) -> Heartbeat | None:
    found = _MARK.fullmatch(message.content)
    if found is None:
        return None  # somebody else's, under our name
    token, horizon, at = (part.decode("ascii") for part in found.groups())
    return Heartbeat(token, int(horizon), datetime.fromisoformat(at))
