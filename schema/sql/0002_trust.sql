-- Version 2: what makes delivery trustworthy. Applied by the Alembic migration 0002.

-- What a delivery is about, so that a newer status of the same subject can replace it without a join; and whether an
-- earlier attempt may have been sent without our knowing.
ALTER TABLE orderbell.delivery
    ADD COLUMN user_id text,
    ADD COLUMN subject text,
    ADD COLUMN audience text,
    ADD COLUMN uncertain boolean NOT NULL DEFAULT false;
UPDATE orderbell.delivery d SET user_id = n.user_id, subject = n.subject, audience = n.audience
FROM orderbell.notification n WHERE n.id = d.notification_id;
CREATE INDEX delivery_subject_idx ON orderbell.delivery (subject);

-- Every attempt, a partition a day (UTC), kept as long as the history.
CREATE TABLE orderbell.attempt (
    delivery_id bigint NOT NULL,
    attempt integer NOT NULL,
    provider text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('sent', 'retry', 'rejected', 'unknown')),
    code text NOT NULL DEFAULT '',
    detail text,
    PRIMARY KEY (delivery_id, attempt, started_at, provider, ended_at)  -- written twice is written once
) PARTITION BY RANGE (ended_at);
CREATE TABLE orderbell.attempt_default PARTITION OF orderbell.attempt DEFAULT;

-- What a provider calls a message: its status callbacks name nothing else.
CREATE INDEX delivery_history_provider_id_idx ON orderbell.delivery_history (provider_id) WHERE provider_id IS NOT NULL;

-- For whoever looks at failures: few among many, whatever the size of the history.
CREATE INDEX delivery_history_failed_idx ON orderbell.delivery_history (finished_at) WHERE state = 'failed';

-- Addresses that nothing is sent to any more, as the channel writes them (lower case, E.164).
CREATE TABLE orderbell.suppression (
    channel text NOT NULL,
    address text NOT NULL,
    reason text NOT NULL CHECK (reason IN ('invalid', 'bounce', 'stop', 'unsubscribe', 'complaint', 'manual')),
    detail text,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, address)
);

-- Forward only, whoever writes: sent may become delivered or failed, and nothing else may change.
CREATE FUNCTION orderbell.forward_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'delivery %: % cannot become %', OLD.id, OLD.state, NEW.state
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER forward_only BEFORE UPDATE ON orderbell.delivery_history FOR EACH ROW
WHEN (NEW.state IS DISTINCT FROM OLD.state AND NOT (OLD.state = 'sent' AND NEW.state IN ('delivered', 'failed')))
EXECUTE FUNCTION orderbell.forward_only();
-- A claim raises the attempt by one, giving back lowers it by one; whoever holds an older number writes nothing.
CREATE TRIGGER forward_only BEFORE UPDATE ON orderbell.delivery FOR EACH ROW
WHEN (NEW.attempt NOT BETWEEN OLD.attempt - 1 AND OLD.attempt + 1
      OR (NEW.attempt > OLD.attempt AND NEW.state <> 'sending')
      OR (NEW.attempt < OLD.attempt AND NEW.state <> 'pending'))
EXECUTE FUNCTION orderbell.forward_only();

-- An event that carries a key is planned once, however often it is sent.
ALTER TABLE orderbell.event ADD COLUMN idempotency_key text;
CREATE UNIQUE INDEX event_idempotency_key_idx ON orderbell.event (idempotency_key) WHERE idempotency_key IS NOT NULL;

-- The one way in for events that no watched table makes: `SELECT orderbell.send(...)` in the sender's own transaction.
-- The change table itself is left as it is: nothing may lock it while the application writes.
CREATE FUNCTION orderbell.send(event text, key text, data json DEFAULT '{}', idempotency_key text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO orderbell.change (watch, op, key, old, new)
    VALUES (NULL, 'event', send.key,
            json_build_object('event', send.event, 'idempotency_key', send.idempotency_key), send.data);
    -- Where transactions can be prepared nobody rings, and the daemon looks by itself (capture.sql).
    IF current_setting('max_prepared_transactions') = '0' THEN
        PERFORM pg_notify('orderbell', '');
    END IF;
END
$$;
