-- What waits to be put together: a digest that closes, a night that is over. Written for an empty queue and a full one,
-- as in delivery.sql.

-- name: due
-- Groups whose time has come, about the longest waiting first: of a whole city's morning, only the head is read.
SELECT user_id, channel, address, hold
FROM (SELECT user_id, channel, address, hold, due_at FROM orderbell.delivery
      WHERE hold IS NOT NULL AND due_at <= now() ORDER BY due_at LIMIT 20 * %(limit)s) head
GROUP BY user_id, channel, address, hold ORDER BY min(due_at) LIMIT %(limit)s;

-- name: own
-- Of these groups, those that no other daemon is letting go at this moment: a group is let go as a whole, by one.
SELECT user_id, channel, address, hold
FROM unnest(%(users)s::text[], %(channels)s::text[], %(addresses)s::text[], %(holds)s::text[])
        AS g (user_id, channel, address, hold)
WHERE pg_try_advisory_xact_lock(hashtextextended(concat_ws(chr(1), 'orderbell', user_id, channel, address, hold), 0));

-- name: put_off
-- What cannot be let go does not hold up the others: somebody has to look, and it is tried again.
UPDATE orderbell.delivery SET due_at = now() + interval '10 minutes', error = %(error)s
WHERE user_id = %(user)s AND channel = %(channel)s AND address = %(address)s AND hold = %(hold)s AND due_at <= now();

-- name: members
-- Everything that is due of these groups, with what a digest says of it and why it may have to be left out.
WITH d AS MATERIALIZED (
    SELECT d.*
    FROM unnest(%(users)s::text[], %(channels)s::text[], %(addresses)s::text[], %(holds)s::text[])
            AS g (user_id, channel, address, hold),
        LATERAL (SELECT * FROM orderbell.delivery d
                 WHERE d.user_id = g.user_id AND d.channel = g.channel AND d.address = g.address AND d.hold = g.hold
                   AND d.due_at <= now()
                 FOR UPDATE SKIP LOCKED) d
)
SELECT d.id, d.user_id, d.channel, d.address, d.hold, d.expires_at, d.time_zone, d.locale, n.event_id, n.event,
       n.subject, n.audience, n.priority, coalesce(e.label, n.subject), m.title, m.body, m.text, m.url, d.step,
       coalesce(n.critical, false), n.seen_at IS NOT NULL,
       n.id,
       p.time_zone, p.quiet::text, p.snoozed_until, coalesce(p.do_not_disturb, false),
       CASE WHEN n.id IS NULL OR n.withdrawn_at IS NOT NULL THEN 'withdrawn'
            WHEN d.expires_at <= now() THEN 'expired'
            WHEN n.read_at IS NOT NULL THEN 'read'
            WHEN NOT n.critical AND EXISTS (SELECT FROM orderbell.preference f
                                            WHERE f.user_id = n.user_id AND f.category IN ('', n.category)
                                              AND f.channel IN ('', d.channel) AND NOT f.enabled)
                THEN 'preference'
            END
FROM d
LEFT JOIN LATERAL (SELECT * FROM orderbell.notification WHERE id = d.notification_id LIMIT 1) n ON true
LEFT JOIN LATERAL (SELECT * FROM orderbell.event WHERE id = n.event_id LIMIT 1) e ON true
LEFT JOIN LATERAL (SELECT * FROM orderbell.message WHERE id = coalesce(d.message_id, n.message_id) LIMIT 1) m ON true
LEFT JOIN LATERAL (SELECT * FROM orderbell.person WHERE user_id = d.user_id LIMIT 1) p ON true
ORDER BY d.id;

-- name: newest
-- What each of these people was told last of each subject: once over their inboxes, since thousands may wait for one.
SELECT s.user_id, o.subject, o.audience, o.id
FROM unnest(%(users)s::text[], %(since)s::bigint[]) AS s (user_id, since),
    LATERAL (SELECT subject, audience, max(id) AS id FROM orderbell.notification o
             WHERE o.user_id = s.user_id AND o.id >= s.since AND o.withdrawn_at IS NULL
             GROUP BY subject, audience) o;

-- name: let_go
-- One alone needs no other words.
UPDATE orderbell.delivery SET hold = NULL WHERE id = ANY(%(ids)s);

-- name: wait_longer
UPDATE orderbell.delivery d SET due_at = o.due_at, wanted_at = o.due_at
FROM unnest(%(ids)s::bigint[], %(due)s::timestamptz[]) AS o (id, due_at)
WHERE d.id = ANY(%(ids)s::bigint[]) AND d.id = o.id;

-- name: message_ids
SELECT nextval('orderbell.digest_id_seq') FROM generate_series(1, %(count)s);

-- name: copy_message
COPY orderbell.message (id, event_id, audience, locale, title, body, text, url, action, error) FROM STDIN;

-- name: lead
-- The newest of each group carries the digest; what it is about is more than its own subject.
UPDATE orderbell.delivery d
SET hold = NULL, kind = 'digest', message_id = o.message_id, expires_at = o.expires_at, subject = 'digest:' || d.id
FROM unnest(%(ids)s::bigint[], %(messages)s::bigint[], %(expires)s::timestamptz[]) AS o (id, message_id, expires_at)
WHERE d.id = ANY(%(ids)s::bigint[]) AND d.id = o.id;

-- name: leave_out
-- Into the history: what is told in the digest, and what need not be told any more.
WITH gone AS (
    DELETE FROM orderbell.delivery d USING unnest(%(ids)s::bigint[], %(reasons)s::text[], %(errors)s::text[])
        AS o (id, reason, error)
    WHERE d.id = ANY(%(ids)s::bigint[]) AND d.id = o.id
    RETURNING d.id, d.notification_id, d.channel, d.address, o.reason, d.attempt, o.error, d.kind, d.step
)
INSERT INTO orderbell.delivery_history
    (id, notification_id, channel, address, state, reason, attempt, error, kind, step, finished_at)
SELECT id, notification_id, channel, address, 'skipped', reason, attempt, error, kind, step, now() FROM gone
RETURNING channel, reason;

-- name: scheduled
-- Events whose time has come become changes; those that are over by now are not told.
WITH due AS (
    DELETE FROM orderbell.scheduled WHERE id = ANY(ARRAY(
        SELECT id FROM orderbell.scheduled WHERE scheduled_for <= now()
        ORDER BY scheduled_for LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING event, key, data, message, idempotency_key, expires_at, scheduled_for
), put AS (
    INSERT INTO orderbell.change (watch, op, key, old, new)
    SELECT NULL, CASE WHEN message IS NULL THEN 'event' ELSE 'message' END, key,
           json_build_object('event', event, 'idempotency_key', idempotency_key, 'expires_at', expires_at),
           coalesce(message, data)
    FROM due WHERE expires_at IS NULL OR expires_at > now() ORDER BY scheduled_for
    RETURNING 1
), rung AS (
    SELECT pg_notify('orderbell', '') WHERE EXISTS (SELECT FROM put)
)
SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM put), (SELECT count(*) FROM rung);
