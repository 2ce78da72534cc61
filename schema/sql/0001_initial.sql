-- The schema `orderbell`, version 1. Applied by the Alembic migration 0001.
--
-- No foreign keys between these tables: one writer (the planner) writes a notification and all that belongs to it in
-- one transaction, and a check per row would cost more than the row.

-- What the triggers write and the planner consumes: empty most of the time, so it is vacuumed by count, not by share.
-- No NOT NULL, no CHECK: nothing here may refuse the application's write.
CREATE TABLE orderbell.change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    watch text,
    op text,            -- insert | update | rows (several, kept whole: see capture.sql)
    key text,
    old json,
    new json,
    error text,         -- why the change was captured as whole rows
    captured_at timestamptz DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_analyze_scale_factor = 0,
        autovacuum_analyze_threshold = 100000, autovacuum_vacuum_cost_delay = 0);

-- Changes that could not be planned, with the reason; `orderbell retry` brings them back.
CREATE TABLE orderbell.change_failed (
    id bigint PRIMARY KEY,
    watch text,
    op text,
    key text,
    old json,
    new json,
    captured_at timestamptz,
    failed_at timestamptz NOT NULL DEFAULT now(),
    error text NOT NULL
);

-- The watches that `orderbell install` has put triggers on.
CREATE TABLE orderbell.watch (
    name text PRIMARY KEY,
    table_name text NOT NULL,
    definition text NOT NULL,   -- the capture function as installed: a difference means that it must be installed anew
    installed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE orderbell.event (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    subject text NOT NULL,
    watch text NOT NULL,
    key text NOT NULL,
    data json NOT NULL,
    remarks text[] NOT NULL DEFAULT '{}',   -- who could not be told, and why
    captured_at timestamptz NOT NULL,
    planned_at timestamptz NOT NULL
);
CREATE INDEX event_subject_idx ON orderbell.event (subject, id);

-- Rendered once per event, audience and locale; shared by everyone in that audience.
CREATE TABLE orderbell.message (
    id bigint PRIMARY KEY,
    event_id bigint NOT NULL,
    audience text NOT NULL,
    locale text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    text text NOT NULL,
    url text,
    action text,
    error text              -- why the fallback words were used
);

-- The inbox. Ids are given by the one planner and committed in order: `id > after` is the recovery log.
CREATE TABLE orderbell.notification (
    id bigint PRIMARY KEY,
    event_id bigint NOT NULL,
    message_id bigint NOT NULL,
    user_id text NOT NULL,
    event text NOT NULL,
    subject text NOT NULL,
    audience text NOT NULL,
    category text NOT NULL,
    priority text NOT NULL,
    created_at timestamptz NOT NULL,
    read_at timestamptz,
    withdrawn_at timestamptz
);
CREATE INDEX notification_inbox_idx ON orderbell.notification (user_id, id);
CREATE INDEX notification_event_idx ON orderbell.notification (event_id);

-- Work to do, and nothing else: a finished delivery is deleted here and kept in delivery_history.
-- due_at: when pending, the earliest time to send; when sending, the end of the lease. Either way the row may be
-- claimed from then on, so one index serves both.
CREATE TABLE orderbell.delivery (
    id bigint PRIMARY KEY,
    notification_id bigint NOT NULL,
    channel text NOT NULL,
    address text NOT NULL,
    recipient_name text NOT NULL,
    locale text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'sending')),
    due_at timestamptz NOT NULL,
    leased_by text,
    attempt integer NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    error text
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX delivery_due_idx ON orderbell.delivery (channel, due_at);

-- Finished deliveries, a partition a day (UTC); retention drops whole days.
CREATE TABLE orderbell.delivery_history (
    id bigint NOT NULL,
    notification_id bigint NOT NULL,
    channel text NOT NULL,
    address text,
    state text NOT NULL CHECK (state IN ('sent', 'delivered', 'failed', 'skipped')),
    reason text CHECK (reason IN
        ('preference', 'suppressed', 'superseded', 'withdrawn', 'expired', 'read', 'no_address', 'digested')),
    attempt integer NOT NULL,
    provider text,
    provider_id text,
    error text,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (id, finished_at),
    CHECK ((state = 'skipped') = (reason IS NOT NULL))
) PARTITION BY RANGE (finished_at);
CREATE INDEX delivery_history_notification_idx ON orderbell.delivery_history (notification_id);
-- Only for a clock far off or a daemon that was down for long: nothing is refused for want of a partition.
CREATE TABLE orderbell.delivery_history_default PARTITION OF orderbell.delivery_history DEFAULT;

CREATE TABLE orderbell.push_subscription (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL,
    endpoint text NOT NULL UNIQUE,
    p256dh text NOT NULL,
    auth text NOT NULL,
    user_agent text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX push_subscription_user_idx ON orderbell.push_subscription (user_id);

CREATE SEQUENCE orderbell.event_id_seq;
CREATE SEQUENCE orderbell.message_id_seq;
CREATE SEQUENCE orderbell.notification_id_seq;
CREATE SEQUENCE orderbell.delivery_id_seq;
