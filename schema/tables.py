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
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

metadata = MetaData(schema="orderbell")

_moment = DateTime(timezone=True)

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
    Index("notification_inbox_idx", "user_id", "id"),
    Index("notification_event_idx", "event_id"),
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
    Index("delivery_due_idx", "channel", "due_at"),
    Index("delivery_subject_idx", "subject"),
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
