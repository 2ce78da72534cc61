-- The planner's statements: everything between a captured change and a planned delivery.

-- name: look
-- The oldest changes. %(hint)s is a lower bound that spares walking over dead rows (daemon.capture.outbox); of big rows
-- fewer are taken, so that a batch has a bounded size.
SELECT id, watch, op, key, old, new, error, captured_at
FROM (SELECT *, sum(coalesce(octet_length(old), 0) + coalesce(octet_length(new), 0)) OVER (ORDER BY id)
                - coalesce(octet_length(old), 0) - coalesce(octet_length(new), 0) AS before
      FROM (SELECT id, watch, op, key, old::text, new::text, error, captured_at
            FROM orderbell.change WHERE id >= %(hint)s ORDER BY id LIMIT %(limit)s) oldest) sized
WHERE before < %(bytes)s
ORDER BY id;

-- name: look_at
SELECT id, watch, op, key, old::text, new::text, error, captured_at FROM orderbell.change WHERE id = %(id)s;

-- name: consume
-- In the transaction that writes what these changes mean.
WITH gone AS (DELETE FROM orderbell.change WHERE id = ANY(%(ids)s) RETURNING 1)
SELECT count(*), now() FROM gone;

-- name: known_keys
SELECT idempotency_key FROM orderbell.event WHERE idempotency_key = ANY(%(keys)s);

-- name: set_aside_taken
-- A change that was taken and makes no sense, in the transaction that took it.
INSERT INTO orderbell.change_failed (id, watch, op, key, old, new, captured_at, error)
VALUES (%(id)s, %(watch)s, %(op)s, %(key)s, %(old)s, %(new)s, %(captured_at)s, %(error)s);

-- name: set_aside
WITH taken AS (
    DELETE FROM orderbell.change WHERE id = %(id)s
    RETURNING id, watch, op, key, old, new, captured_at
)
INSERT INTO orderbell.change_failed (id, watch, op, key, old, new, captured_at, error)
SELECT id, watch, op, key, old, new, captured_at, %(error)s FROM taken;

-- name: reserve_ids
-- Blocks of ids for one plan; the planner is the only caller, so the two steps cannot race. Each count is >= 1.
SELECT setval('orderbell.event_id_seq', nextval('orderbell.event_id_seq') + %(events)s - 1) - %(events)s + 1,
       setval('orderbell.message_id_seq', nextval('orderbell.message_id_seq') + %(messages)s - 1) - %(messages)s + 1,
       setval('orderbell.notification_id_seq', nextval('orderbell.notification_id_seq') + %(notifications)s - 1)
           - %(notifications)s + 1,
       setval('orderbell.delivery_id_seq', nextval('orderbell.delivery_id_seq') + %(deliveries)s - 1)
           - %(deliveries)s + 1;

-- name: push_subscriptions
SELECT user_id, endpoint, p256dh, auth FROM orderbell.push_subscription WHERE user_id = ANY(%(ids)s) ORDER BY id;

-- name: copy_event
COPY orderbell.event (id, name, subject, watch, key, data, remarks, captured_at, planned_at, idempotency_key)
FROM STDIN;

-- name: copy_message
COPY orderbell.message (id, event_id, audience, locale, title, body, text, url, action, error) FROM STDIN;

-- name: copy_notification
COPY orderbell.notification
    (id, event_id, message_id, user_id, event, subject, audience, category, priority, created_at) FROM STDIN;

-- name: copy_delivery
COPY orderbell.delivery
    (id, notification_id, channel, address, recipient_name, locale, state, due_at, leased_by, attempt, expires_at,
     user_id, subject, audience)
FROM STDIN;

-- name: supersede
-- What still waits about these subjects and is older than this plan's own deliveries to the same person, audience and
-- channel will not be sent. What is being sent already is looked at again just before (delivery.sql: recheck).
WITH newer AS (
    SELECT subject, audience, user_id, channel, max(notification_id) AS notification_id
    FROM orderbell.delivery
    WHERE subject = ANY(%(subjects)s) AND id >= %(first)s
    GROUP BY subject, audience, user_id, channel
), old AS (
    DELETE FROM orderbell.delivery d USING newer n
    WHERE d.subject = n.subject AND d.audience = n.audience AND d.user_id = n.user_id AND d.channel = n.channel
      AND d.notification_id < n.notification_id AND d.state = 'pending' AND NOT d.uncertain
    RETURNING d.id, d.notification_id, d.channel, d.address, d.attempt, d.error
), kept AS (
    INSERT INTO orderbell.delivery_history
        (id, notification_id, channel, address, state, reason, attempt, error, finished_at)
    SELECT id, notification_id, channel, address, 'skipped', 'superseded', attempt, error, now() FROM old
)
SELECT channel FROM old;

-- name: suppressed
SELECT s.channel, s.address FROM orderbell.suppression s
JOIN unnest(%(channels)s::text[], %(addresses)s::text[]) AS a (channel, address)
  ON a.channel = s.channel AND a.address = s.address;

-- name: copy_history
COPY orderbell.delivery_history
    (id, notification_id, channel, address, state, reason, attempt, error, finished_at) FROM STDIN;

-- name: lock_planner
SELECT pg_advisory_lock(%(class)s, %(key)s);

-- name: planner_timeouts
-- From now on this session reads the application's tables: it waits for none of their locks for long (well under
-- deadlock_timeout, so that we are never why the application's migration is a deadlock's victim), nor for a query that
-- does not come to an end.
SET lock_timeout = '500ms'; SET statement_timeout = '10s';

-- name: try_lock_planner
SELECT pg_try_advisory_lock(%(class)s, %(key)s);
