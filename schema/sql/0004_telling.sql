-- Version 4: when and how people are told. Applied by the Alembic migration 0004.

-- What people chose for themselves; null where the configuration decides.
CREATE TABLE orderbell.person (
    user_id text PRIMARY KEY,
    locale text,
    time_zone text,
    quiet json,             -- windows as in [[quiet_hours.window]]; an empty list: none
    snoozed_until timestamptz CHECK (snoozed_until BETWEEN '2000-01-01Z' AND '9999-01-01Z'),  -- what a program reads
    do_not_disturb boolean NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE orderbell.event ADD COLUMN label text;

ALTER TABLE orderbell.notification ADD COLUMN seen_at timestamptz;

ALTER TABLE orderbell.delivery
    ADD COLUMN step smallint NOT NULL DEFAULT 0,    -- of its rule: its conditions are looked at when it is due
    ADD COLUMN time_zone text,                      -- the recipient's
    ADD COLUMN hold text,                           -- waits until due_at to become one message with all of this name
    ADD COLUMN kind text CHECK (kind IN ('digest', 'withdrawal')),
    ADD COLUMN message_id bigint;                   -- words of its own, for its kind or its channel; null: those of its notification
-- Kept when it is over, so that what is brought back is what it was.
ALTER TABLE orderbell.delivery_history
    ADD COLUMN step smallint,
    ADD COLUMN time_zone text,
    ADD COLUMN kind text,
    ADD COLUMN message_id bigint;
DROP INDEX orderbell.delivery_due_idx;
CREATE INDEX delivery_due_idx ON orderbell.delivery (channel, due_at) WHERE hold IS NULL;
CREATE INDEX delivery_hold_idx ON orderbell.delivery (due_at) WHERE hold IS NOT NULL;
CREATE INDEX delivery_hold_user_idx ON orderbell.delivery (user_id) WHERE hold IS NOT NULL;
-- Of a broadcast, 100,000 deliveries have the same subject.
DROP INDEX orderbell.delivery_subject_idx;
CREATE INDEX delivery_subject_idx ON orderbell.delivery (subject, user_id);
-- Digests are written by any daemon, not only by the planner, which gives ids in blocks: theirs are below zero.
CREATE SEQUENCE orderbell.digest_id_seq INCREMENT BY -1;

-- Reasons that the first version did not know: a step's condition did not hold; the person has had enough of these.
ALTER TABLE orderbell.delivery_history DROP CONSTRAINT delivery_history_reason_check;
ALTER TABLE orderbell.delivery_history ADD CONSTRAINT delivery_history_reason_check CHECK (reason IN
    ('preference', 'suppressed', 'superseded', 'withdrawn', 'expired', 'read', 'no_address', 'digested', 'condition',
     'throttled'));

-- What counts towards a throttle; forgotten when its time is over.
CREATE TABLE orderbell.spent (
    user_id text NOT NULL,
    throttle text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX spent_idx ON orderbell.spent (user_id, throttle, at);

-- Events that were sent and are not to be told yet: they become changes when their time has come, so that who is told,
-- and how, is decided then.
CREATE TABLE orderbell.scheduled (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event text NOT NULL,
    key text,
    data json,
    idempotency_key text UNIQUE,
    scheduled_for timestamptz NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX scheduled_due_idx ON orderbell.scheduled (scheduled_for);

-- Words that staff have written, over those of the catalogues. The planner looks every two seconds which are published:
-- the index alone answers that.
CREATE TABLE orderbell.template (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event text NOT NULL,
    audience text NOT NULL,
    channel text NOT NULL DEFAULT '',       -- '': all, and the inbox
    locale text NOT NULL CHECK (locale ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),   -- as de-AT
    version integer NOT NULL,
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'published', 'retired')),
    title text NOT NULL CHECK (length(title) <= 10000),
    body text NOT NULL CHECK (length(body) <= 10000),
    text text CHECK (length(text) <= 10000),
    action text CHECK (length(action) <= 10000),
    author text,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,               -- for the last time
    UNIQUE (event, audience, channel, locale, version)
);
CREATE UNIQUE INDEX template_published_idx ON orderbell.template (event, audience, channel, locale) INCLUDE (id)
WHERE state = 'published';

-- Whoever publishes, and how: the one before is retired with it, and the words of a version that people may have read are
-- the same for ever. So a set of published ids says everything.
CREATE FUNCTION orderbell.publish_template() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state <> 'draft' THEN
        IF NEW.state = 'draft' THEN
            RAISE EXCEPTION 'template % was published: it cannot become a draft again', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
        IF (NEW.id, NEW.event, NEW.audience, NEW.channel, NEW.locale, NEW.version, NEW.title, NEW.body, NEW.text, NEW.action)
            IS DISTINCT FROM
           (OLD.id, OLD.event, OLD.audience, OLD.channel, OLD.locale, OLD.version, OLD.title, OLD.body, OLD.text, OLD.action)
        THEN
            RAISE EXCEPTION 'template % was published: it does not change any more; write another version', OLD.id
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    IF NEW.state = 'published' AND (TG_OP = 'INSERT' OR OLD.state <> 'published') THEN
        NEW.published_at := now();
        UPDATE orderbell.template t SET state = 'retired'
        WHERE t.event = NEW.event AND t.audience = NEW.audience AND t.channel = NEW.channel AND t.locale = NEW.locale
          AND t.state = 'published' AND t.id <> NEW.id;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER publish_template BEFORE INSERT OR UPDATE ON orderbell.template
FOR EACH ROW EXECUTE FUNCTION orderbell.publish_template();

-- The one way in, now with a time to come and an end. The old form goes: a call would be ambiguous.
DROP FUNCTION orderbell.send(text, text, json, text);
CREATE FUNCTION orderbell.send(event text, key text, data json DEFAULT '{}', idempotency_key text DEFAULT NULL,
                               scheduled_for timestamptz DEFAULT NULL, expires_at timestamptz DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- 'infinity' is more than a program can read; null stays null: as the rules say.
    until timestamptz := CASE WHEN send.expires_at IS NOT NULL
                              THEN greatest(least(send.expires_at, '9999-01-01Z'), '2000-01-01Z') END;
BEGIN
    IF send.scheduled_for > now() THEN
        INSERT INTO orderbell.scheduled (event, key, data, idempotency_key, scheduled_for, expires_at)
        VALUES (send.event, send.key, send.data, send.idempotency_key, send.scheduled_for, until)
        ON CONFLICT DO NOTHING;
        RETURN;
    END IF;
    INSERT INTO orderbell.change (watch, op, key, old, new)
    VALUES (NULL, 'event', send.key,
            json_build_object('event', send.event, 'idempotency_key', send.idempotency_key,
                              'expires_at', until), send.data);
    -- Where transactions can be prepared nobody rings, and the daemon looks by itself (capture.sql).
    IF current_setting('max_prepared_transactions') = '0' THEN
        PERFORM pg_notify('orderbell', '');
    END IF;
END
$$;

-- By the idempotency key that it was sent with. What was told already is taken back everywhere it can be.
CREATE FUNCTION orderbell.cancel(idempotency_key text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    waited boolean;
BEGIN
    DELETE FROM orderbell.scheduled s WHERE s.idempotency_key = cancel.idempotency_key;
    waited := FOUND;
    -- Told already, or sent and not planned yet: that table is empty most of the time.
    IF NOT EXISTS (SELECT FROM orderbell.event e WHERE e.idempotency_key = cancel.idempotency_key)
       AND NOT EXISTS (SELECT FROM orderbell.change c
                       WHERE c.op = 'event' AND c.old->>'idempotency_key' = cancel.idempotency_key) THEN
        RETURN waited;
    END IF;
    INSERT INTO orderbell.change (watch, op, key, old, new)
    VALUES (NULL, 'cancel', NULL, json_build_object('idempotency_key', cancel.idempotency_key), '{}');
    IF current_setting('max_prepared_transactions') = '0' THEN
        PERFORM pg_notify('orderbell', '');
    END IF;
    RETURN true;
END
$$;

-- Another time for what is not told yet; false where it was told already or never sent.
CREATE FUNCTION orderbell.reschedule(idempotency_key text, scheduled_for timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE orderbell.scheduled s SET scheduled_for = reschedule.scheduled_for
    WHERE s.idempotency_key = reschedule.idempotency_key;
    RETURN FOUND;
END
$$;

-- Another end, also of what waits in a queue already; false where nothing was sent with this key. The planner writes it:
-- the sender's transaction may last, and must not hold what is being delivered.
CREATE FUNCTION orderbell.extend(idempotency_key text, expires_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    until timestamptz := greatest(least(extend.expires_at, '9999-01-01Z'), '2000-01-01Z');
BEGIN
    UPDATE orderbell.scheduled s SET expires_at = until WHERE s.idempotency_key = extend.idempotency_key;
    IF FOUND THEN
        RETURN true;
    END IF;
    IF NOT EXISTS (SELECT FROM orderbell.event e WHERE e.idempotency_key = extend.idempotency_key)
       AND NOT EXISTS (SELECT FROM orderbell.change c
                       WHERE c.op = 'event' AND c.old->>'idempotency_key' = extend.idempotency_key) THEN
        RETURN false;
    END IF;
    INSERT INTO orderbell.change (watch, op, key, old, new)
    VALUES (NULL, 'extend', NULL,
            json_build_object('idempotency_key', extend.idempotency_key, 'expires_at', until), '{}');
    IF current_setting('max_prepared_transactions') = '0' THEN
        PERFORM pg_notify('orderbell', '');
    END IF;
    RETURN true;
END
$$;
