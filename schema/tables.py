"""The tables that the REST API reads, as SQLAlchemy sees them. ``sql/0001_initial.sql`` is what makes them.

A test holds the two together. Hot paths do not come through here: they are in ``schema/sql``.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, OID
from sqlalchemy.types import UserDefinedType

metadata = MetaData(schema="orderbell")

_moment = DateTime(timezone=True)


class TransactionId(UserDefinedType[str]):
    """``xid8``: which transaction wrote something. Decimal text to us."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


class LogPosition(UserDefinedType[str]):
    """``pg_lsn``: a place in the change log. Two hexadecimal numbers with a slash to us."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "pg_lsn"


change = Table(
    "change",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("watch", Text),
    Column("op", Text),
    Column("key", Text),
    Column("old", JSON),
    Column("new", JSON),
    Column("error", Text),
    Column("captured_at", _moment, server_default=func.clock_timestamp()),
)

change_failed = Table(
    "change_failed",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("watch", Text),
    Column("op", Text),
    Column("key", Text),
    Column("old", JSON),
    Column("new", JSON),
    Column("captured_at", _moment),
    Column("failed_at", _moment, nullable=False, server_default=func.now()),
    Column("error", Text, nullable=False),
)

watch = Table(
    "watch",
    metadata,
    Column("name", Text, primary_key=True),
    Column("table_name", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("installed_at", _moment, nullable=False, server_default=func.now()),
    Column("relation", OID),
    Column("since", LogPosition),
    Column("until", LogPosition),
)

change_log = Table(
    "change_log",
    metadata,
    Column("slot", Text, primary_key=True),
    Column("publication", Text, nullable=False),
    Column("system_identifier", Text, nullable=False),
    Column("lsn", LogPosition, nullable=False),
    Column("horizon", TransactionId, nullable=False),
    Column("gap", Boolean, nullable=False, server_default=text("false")),
    Column("committed_at", _moment),
    Column("made_at", _moment, nullable=False, server_default=func.now()),
)

published = Table(
    "published",
    metadata,
    Column("slot", ForeignKey(change_log.c.slot, ondelete="CASCADE"), primary_key=True),
    Column("relation", OID, primary_key=True, autoincrement=False),
    Column("member", OID, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("watch", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("data", JSON, nullable=False),
    Column("remarks", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("captured_at", _moment, nullable=False),
    Column("planned_at", _moment, nullable=False),
    Column("idempotency_key", Text),
    Column("label", Text),
    Index("event_subject_idx", "subject", "id"),
    Index(
        "event_idempotency_key_idx",
        "idempotency_key",
        unique=True,
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
)

message = Table(
    "message",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", BigInteger, nullable=False),
    Column("audience", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("url", Text),
    Column("action", Text),
    Column("error", Text),
)

notification = Table(
    "notification",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("created_at", _moment, nullable=False),
    Column("read_at", _moment),
    Column("withdrawn_at", _moment),
    Column("expires_at", _moment),
    Column("critical", Boolean, nullable=False, server_default=text("false")),
    Column("seen_at", _moment),
    Column("archived_at", _moment),
    Column("deleted_at", _moment),
    Column("changed", TransactionId),
    Index("notification_inbox_idx", "user_id", "id"),
    Index("notification_event_idx", "event_id"),
    Index("notification_changed_idx", "user_id", "changed", postgresql_where=text("changed IS NOT NULL")),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("notification_id", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("recipient_name", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("state", Text, CheckConstraint("state IN ('pending', 'sending')"), nullable=False),
    Column("due_at", _moment, nullable=False),
    Column("leased_by", Text),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("expires_at", _moment, nullable=False),
    Column("error", Text),
    Column("user_id", Text),
    Column("subject", Text),
    Column("audience", Text),
    Column("uncertain", Boolean, nullable=False, server_default=text("false")),
    Column("step", SmallInteger, nullable=False, server_default=text("0")),
    Column("time_zone", Text),
    Column("hold", Text),
    Column("kind", Text),
    Column("message_id", BigInteger),
    Column("wanted_at", _moment, nullable=False, server_default=func.now()),
    Index("delivery_due_idx", "channel", "due_at", postgresql_where=text("hold IS NULL")),
    Index("delivery_subject_idx", "subject", "user_id"),
    Index("delivery_hold_idx", "due_at", postgresql_where=text("hold IS NOT NULL")),
    Index("delivery_hold_user_idx", "user_id", postgresql_where=text("hold IS NOT NULL")),
)

delivery_history = Table(
    "delivery_history",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("notification_id", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", Text),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("attempt", Integer, nullable=False),
    Column("provider", Text),
    Column("provider_id", Text),
    Column("error", Text),
    Column("finished_at", _moment, primary_key=True),
    Column("reported_at", _moment),
    Column("step", SmallInteger),
    Column("time_zone", Text),
    Column("kind", Text),
    Column("message_id", BigInteger),
    Index("delivery_history_notification_idx", "notification_id"),
    Index("delivery_history_provider_id_idx", "provider_id", postgresql_where=text("provider_id IS NOT NULL")),
    Index("delivery_history_failed_idx", "finished_at", postgresql_where=text("state = 'failed'")),
    postgresql_partition_by="RANGE (finished_at)",
)

attempt = Table(
    "attempt",
    metadata,
    Column("delivery_id", BigInteger, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("provider", Text, primary_key=True),
    Column("started_at", _moment, primary_key=True),
    Column("ended_at", _moment, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("code", Text, nullable=False, server_default=text("''")),
    Column("detail", Text),
    postgresql_partition_by="RANGE (ended_at)",
)

suppression = Table(
    "suppression",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("detail", Text),
    Column("since", _moment, nullable=False, server_default=func.now()),
)

feedback = Table(
    "feedback",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("provider_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("error", Text),
    Column("suppress", Text),
    Column("again", Boolean, nullable=False, server_default=text("false")),
    Column("received_at", _moment, nullable=False, server_default=func.now()),
)

preference = Table(
    "preference",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("changed_at", _moment, nullable=False, server_default=func.now()),
)

person = Table(
    "person",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("locale", Text),
    Column("time_zone", Text),
    Column("quiet", JSON),
    Column("snoozed_until", _moment),
    Column("do_not_disturb", Boolean, nullable=False, server_default=text("false")),
    Column("changed_at", _moment, nullable=False, server_default=func.now()),
)

spent = Table(
    "spent",
    metadata,
    Column("user_id", Text, nullable=False),
    Column("throttle", Text, nullable=False),
    Column("at", _moment, nullable=False),
    Index("spent_idx", "user_id", "throttle", "at"),
)

scheduled = Table(
    "scheduled",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event", Text, nullable=False),
    Column("key", Text),
    Column("data", JSON),
    Column("idempotency_key", Text, unique=True),
    Column("scheduled_for", _moment, nullable=False),
    Column("expires_at", _moment),
    Column("created_at", _moment, nullable=False, server_default=func.now()),
    Column("message", JSON),
    Index("scheduled_due_idx", "scheduled_for"),
)

template = Table(
    "template",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("channel", Text, nullable=False, server_default=text("''")),
    Column("locale", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'draft'")),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("text", Text),
    Column("action", Text),
    Column("author", Text),
    Column("created_at", _moment, nullable=False, server_default=func.now()),
    Column("published_at", _moment),
    UniqueConstraint("event", "audience", "channel", "locale", "version"),
    Index(
        "template_published_idx",
        "event",
        "audience",
        "channel",
        "locale",
        unique=True,
        postgresql_include=["id"],
        postgresql_where=text("state = 'published'"),
    ),
)

announcement = Table(
    "announcement",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("audience", Text),
    Column("level", Text, nullable=False, server_default=text("'info'")),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False, server_default=text("''")),
    Column("url", Text),
    Column("action", Text),
    Column("starts_at", _moment, nullable=False, server_default=func.now()),
    Column("ends_at", _moment),
    Column("withdrawn_at", _moment),
    Column("created_by", Text),
    Column("created_at", _moment, nullable=False, server_default=func.now()),
    Index("announcement_current_idx", "starts_at", postgresql_where=text("withdrawn_at IS NULL")),
)

installation = Table(
    "installation",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.gen_random_uuid()),
)

node = Table(
    "node",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seen_at", _moment, nullable=False, server_default=func.now()),
    prefixes=["UNLOGGED"],
)

online = Table(
    "online",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("since", _moment, nullable=False, server_default=func.now()),
    Index("online_node_idx", "node"),
    prefixes=["UNLOGGED"],
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", _moment, nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text),
    Column("detail", JSON),
    Index("audit_at_idx", "at"),
)

push_subscription = Table(
    "push_subscription",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("endpoint", Text, nullable=False, unique=True),
    Column("p256dh", Text, nullable=False),
    Column("auth", Text, nullable=False),
    Column("user_agent", Text),
    Column("created_at", _moment, nullable=False, server_default=func.now()),
    Index("push_subscription_user_idx", "user_id"),
)
