-- The planner's statements: everything between a captured change and a planned delivery.

-- name: take_changes
-- Consumes a batch, oldest first. %(hint)s is a lower bound that spares walking over dead rows (daemon.capture.outbox).
DELETE FROM orderbell.change
WHERE id IN (SELECT id FROM orderbell.change WHERE id >= %(hint)s ORDER BY id LIMIT %(limit)s)
RETURNING id, watch, op, key, old::text, new::text, error, captured_at, now();

-- name: any_change
SELECT EXISTS (SELECT FROM orderbell.change WHERE id >= %(hint)s);

-- name: take_one
DELETE FROM orderbell.change WHERE id = %(id)s
RETURNING id, watch, op, key, old::text, new::text, error, captured_at, now();

-- name: peek
SELECT id FROM orderbell.change ORDER BY id LIMIT %(limit)s;

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
COPY orderbell.event (id, name, subject, watch, key, data, remarks, captured_at, planned_at) FROM STDIN;

-- name: copy_message
COPY orderbell.message (id, event_id, audience, locale, title, body, text, url, action, error) FROM STDIN;

-- name: copy_notification
COPY orderbell.notification
    (id, event_id, message_id, user_id, event, subject, audience, category, priority, created_at) FROM STDIN;

-- name: copy_delivery
COPY orderbell.delivery
    (id, notification_id, channel, address, recipient_name, locale, state, due_at, leased_by, attempt, expires_at)
FROM STDIN;

-- name: copy_history
COPY orderbell.delivery_history
    (id, notification_id, channel, address, state, reason, attempt, error, finished_at) FROM STDIN;

-- name: lock_planner
SELECT pg_advisory_lock(%(class)s, %(key)s);

-- name: try_lock_planner
SELECT pg_try_advisory_lock(%(class)s, %(key)s);
