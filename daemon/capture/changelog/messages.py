"""What pgoutput says, as values (PostgreSQL documentation, "Logical Replication Message Formats").

``xid`` is that of the (sub)transaction inside a streamed one, None elsewhere. Moments are aware, in UTC; positions in
the log (LSN) are numbers, see :func:`daemon.capture.changelog.frames.lsn_text`. What comes for every row is a
``NamedTuple``, because those are quick to make.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Literal, NamedTuple, TypeAlias


class BadMessage(ValueError):
    """What the server sent is not what the protocol says; the text says what, and at which byte."""


class Unchanged(Enum):
    """The type of :data:`UNCHANGED`."""

    UNCHANGED = "u"


UNCHANGED: Literal[Unchanged.UNCHANGED] = Unchanged.UNCHANGED
"""A value stored out of line (TOAST) that the update left as it was, and the log does not repeat."""


@dataclass(frozen=True, slots=True)
class Binary:
    """A value in its type's binary form, which comes only where it was asked for."""

    content: bytes


Value: TypeAlias = str | Unchanged | Binary | None
"""A column's value: text by its type's output function, or NULL."""

Values: TypeAlias = tuple[Value, ...]
"""Of one row: as many, and in the same order, as the columns of its :class:`Relation`."""


class Identity(StrEnum):
    """REPLICA IDENTITY of a table: what the log says of a row before an update."""

    DEFAULT = "d"
    """The primary key, where it changed."""
    NOTHING = "n"
    FULL = "f"
    """The whole row."""
    INDEX = "i"
    """The columns of an index, where one of them changed."""


class Insert(NamedTuple):
    relation: int
    """The table's oid, as in :class:`Relation`, which came before."""
    new: Values
    xid: int | None = None


class Update(NamedTuple):
    relation: int
    old: Values | None
    """The whole row before (REPLICA IDENTITY FULL)."""
    key: Values | None
    """The row before in the columns of its identity, and NULL in all others; only where one of them changed."""
    new: Values
    xid: int | None = None


class Delete(NamedTuple):
    relation: int
    old: Values | None
    key: Values | None
    """One of the two, as in :class:`Update`."""
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    final_lsn: int
    """LSN of the commit record."""
    committed_at: datetime
    xid: int


@dataclass(frozen=True, slots=True)
class Commit:
    lsn: int
    """LSN of the commit record, as in :class:`Begin`."""
    end_lsn: int
    """Where the transaction ends; the place to confirm, and to go on from."""
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """The transaction was replicated from elsewhere."""

    lsn: int
    name: str


class RelationColumn(NamedTuple):
    name: str
    type_oid: int
    type_modifier: int
    """``atttypmod``: -1 where the type has none."""
    in_key: bool
    """Part of the table's REPLICA IDENTITY; with FULL, every column is."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table; sent before its first row, and again whenever it may have changed."""

    oid: int
    schema: str
    name: str
    identity: Identity
    columns: tuple[RelationColumn, ...]
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class Type:
    """A type that is not built in; of a domain, the name is that of what it stands on."""

    oid: int
    schema: str
    name: str
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class Truncate:
    relations: tuple[int, ...]
    cascade: bool
    restart_identity: bool
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class LogicalMessage:
    """Of ``pg_logical_emit_message``. One that is not transactional comes at once, outside any transaction."""

    transactional: bool
    lsn: int
    prefix: str
    content: bytes
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class StreamStart:
    """From here to :class:`StreamStop`: a part of a transaction still in progress (protocol 2)."""

    xid: int
    first: bool


@dataclass(frozen=True, slots=True)
class StreamStop:
    pass


@dataclass(frozen=True, slots=True)
class StreamCommit:
    xid: int
    lsn: int
    end_lsn: int
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class StreamAbort:
    xid: int
    subxid: int
    """The same as ``xid`` where the whole transaction was rolled back."""
    lsn: int | None = None
    aborted_at: datetime | None = None
    """Both only where streaming is parallel (protocol 4)."""


@dataclass(frozen=True, slots=True)
class BeginPrepare:
    """A transaction that ends with PREPARE TRANSACTION (protocol 3, where two-phase commit was asked for)."""

    lsn: int
    end_lsn: int
    prepared_at: datetime
    xid: int
    gid: str


@dataclass(frozen=True, slots=True)
class Prepare:
    lsn: int
    end_lsn: int
    prepared_at: datetime
    xid: int
    gid: str


@dataclass(frozen=True, slots=True)
class StreamPrepare:
    lsn: int
    end_lsn: int
    prepared_at: datetime
    xid: int
    gid: str


@dataclass(frozen=True, slots=True)
class CommitPrepared:
    lsn: int
    end_lsn: int
    committed_at: datetime
    xid: int
    gid: str


@dataclass(frozen=True, slots=True)
class RollbackPrepared:
    prepare_end_lsn: int
    rollback_end_lsn: int
    prepared_at: datetime
    rolled_back_at: datetime
    xid: int
    gid: str


Message: TypeAlias = (
    Insert
    | Update
    | Delete
    | Begin
    | Commit
    | Origin
    | Relation
    | Type
    | Truncate
    | LogicalMessage
    | StreamStart
    | StreamStop
    | StreamCommit
    | StreamAbort
    | BeginPrepare
    | Prepare
    | StreamPrepare
    | CommitPrepared
    | RollbackPrepared
)
