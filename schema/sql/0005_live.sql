-- Version 5: the inbox as people keep it, announcements, presence, what staff sends and does. Applied by the Alembic
-- migration 0005.

-- What a person did with a notification. "changed" is the transaction that last did something: whoever comes back says
-- up to which moment (pg_snapshot_xmin) it has seen everything, and is given what was changed since. Only what was changed
-- is in the index: to plan a notification costs nothing more.
ALTER TABLE orderbell.notification
    ADD COLUMN archived_at timestamptz,
    ADD COLUMN deleted_at timestamptz,      -- by its person; the row stays until retention takes it
    ADD COLUMN changed xid8;
CREATE INDEX notification_changed_idx ON orderbell.notification (user_id, changed) WHERE changed IS NOT NULL;

-- Shown to everybody who is there, or to an audience, from a moment on and until another.
CREATE TABLE orderbell.announcement (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    audience text,                          -- null: everybody
    level text NOT NULL DEFAULT 'info' CHECK (level IN ('info', 'warning', 'critical')),
    title text NOT NULL CHECK (length(title) <= 200),
    body text NOT NULL DEFAULT '' CHECK (length(body) <= 2000),
    url text CHECK (length(url) <= 2000),
    action text CHECK (length(action) <= 100),
    starts_at timestamptz NOT NULL DEFAULT now() CHECK (starts_at BETWEEN '2000-01-01Z' AND '9999-01-01Z'),
    ends_at timestamptz CHECK (ends_at BETWEEN '2000-01-01Z' AND '9999-01-01Z'),
    withdrawn_at timestamptz,
    created_by text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (ends_at > starts_at)
);
CREATE INDEX announcement_current_idx ON orderbell.announcement (starts_at) WHERE withdrawn_at IS NULL;

-- Which installation this is: several may share one Redis, and must not hear each other.
CREATE TABLE orderbell.installation (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid()
);
INSERT INTO orderbell.installation DEFAULT VALUES;

-- Who is connected now, and to which daemon. Lost in a crash of the database, and written again by each daemon.
CREATE UNLOGGED TABLE orderbell.node (
    name text PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNLOGGED TABLE orderbell.online (
    user_id text NOT NULL,
    node text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, node)
);
CREATE INDEX online_node_idx ON orderbell.online (node);

-- Everything that staff did through the API, in the transaction that did it.
CREATE TABLE orderbell.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,                    -- the user id
    action text NOT NULL,                   -- as "announcement.create"
    target text,
    detail json
);
CREATE INDEX audit_at_idx ON orderbell.audit (at);

-- A message in somebody's own words goes the same way as an event: it becomes a change. Null for an event of the rules.
ALTER TABLE orderbell.scheduled ADD COLUMN message json;

CREATE FUNCTION orderbell.ring() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Where transactions can be prepared nobody rings, and the daemon looks by itself (capture.sql).
    IF current_setting('max_prepared_transactions') = '0' THEN
        PERFORM pg_notify('orderbell', '');
    END IF;
END
$$;

-- "message": {"audience": NAME} or {"people": [USER_ID, ...]}, and title, body, url, action, category, priority, critical,
-- channels. What it may hold is checked by the planner; what cannot be read is set aside with its reason.
CREATE FUNCTION orderbell.tell(message json, idempotency_key text, scheduled_for timestamptz DEFAULT NULL,
                               expires_at timestamptz DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    until timestamptz := CASE WHEN tell.expires_at IS NOT NULL
                              THEN greatest(least(tell.expires_at, '9999-01-01Z'), '2000-01-01Z') END;
BEGIN
    IF tell.scheduled_for > now() THEN
        INSERT INTO orderbell.scheduled (event, key, data, message, idempotency_key, scheduled_for, expires_at)
        VALUES ('message.sent', tell.idempotency_key, '{}', tell.message, tell.idempotency_key, tell.scheduled_for, until)
        ON CONFLICT DO NOTHING;
        RETURN;
    END IF;
    INSERT INTO orderbell.change (watch, op, key, old, new)
    VALUES (NULL, 'message', tell.idempotency_key,
            json_build_object('idempotency_key', tell.idempotency_key, 'expires_at', until), tell.message);
    PERFORM orderbell.ring();
END
$$;

-- Whether something was sent with this idempotency key and is planned, or about to be: the outbox is empty most of the time.
CREATE FUNCTION orderbell.is_known(key text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM orderbell.event e WHERE e.idempotency_key = is_known.key)
        OR EXISTS (SELECT FROM orderbell.change c
                   WHERE c.op IN ('event', 'message') AND c.old->>'idempotency_key' = is_known.key)
$$;

CREATE OR REPLACE FUNCTION orderbell.cancel(idempotency_key text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    waited boolean;
BEGIN
    DELETE FROM orderbell.scheduled s WHERE s.idempotency_key = cancel.idempotency_key;
    waited := FOUND;
    IF NOT orderbell.is_known(cancel.idempotency_key) THEN
        RETURN waited;
    END IF;
    INSERT INTO orderbell.change (watch, op, key, old, new)
    VALUES (NULL, 'cancel', NULL, json_build_object('idempotency_key', cancel.idempotency_key), '{}');
    PERFORM orderbell.ring();
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION orderbell.extend(idempotency_key text, expires_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    until timestamptz := greatest(least(extend.expires_at, '9999-01-01Z'), '2000-01-01Z');
BEGIN
    UPDATE orderbell.scheduled s SET expires_at = until WHERE s.idempotency_key = extend.idempotency_key;
    IF FOUND THEN
        RETURN true;
    END IF;
    IF NOT orderbell.is_known(extend.idempotency_key) THEN
        RETURN false;
    END IF;
    INSERT INTO orderbell.change (watch, op, key, old, new)
    VALUES (NULL, 'extend', NULL,
            json_build_object('idempotency_key', extend.idempotency_key, 'expires_at', until), '{}');
    PERFORM orderbell.ring();
    RETURN true;
END
$$;
