-- The rows that the daemon moves, moved by SQL alone: nothing is read, decided, rendered or sent outside the database.

-- name: plan
-- A batch of changes becomes events, messages, notifications and deliveries, as the planner writes them.
WITH taken AS (
    DELETE FROM orderbell.change WHERE id IN (SELECT id FROM orderbell.change ORDER BY id LIMIT %(changes)s)
    RETURNING key, new, captured_at
), events AS MATERIALIZED (
    SELECT nextval('orderbell.event_id_seq') AS id, key, new, captured_at FROM taken
), told AS MATERIALIZED (
    SELECT e.id AS event_id, e.key, a.audience, u.id AS user_id, u.name, u.email, u.locale, u.time_zone, e.captured_at,
           nextval('orderbell.message_id_seq') AS message_id,
           nextval('orderbell.notification_id_seq') AS notification_id
    FROM events e
    CROSS JOIN LATERAL (
        SELECT 'customer' AS audience, (e.new ->> 'customer_id')::bigint AS user_id
        UNION ALL SELECT 'vendor', v.owner_id FROM vendors v WHERE v.id = (e.new ->> 'vendor_id')::bigint
        UNION ALL SELECT 'driver', d.user_id FROM drivers d WHERE d.id = (e.new ->> 'driver_id')::bigint
    ) a JOIN users u ON u.id = a.user_id
), written_events AS (
    INSERT INTO orderbell.event (id, name, subject, watch, key, label, data, captured_at, planned_at)
    SELECT id, 'order.picked_up', 'order:' || key, 'order', key, new ->> 'number', new, captured_at, now() FROM events
), written_messages AS (
    INSERT INTO orderbell.message (id, event_id, audience, locale, title, body, text, url, action)
    SELECT message_id, event_id, audience, locale, 'Order A-' || key || ' has been picked up',
           name || ' has picked up your order A-' || key || '.', 'Order A-' || key || ' picked up by ' || name || '.',
           'https://shop.example.com/orders/' || key, 'Track your driver'
    FROM told
), written_notifications AS (
    INSERT INTO orderbell.notification
        (id, event_id, message_id, user_id, event, subject, audience, category, priority, created_at, expires_at)
    SELECT notification_id, event_id, message_id, user_id, 'order.picked_up', 'order:' || key, audience, 'order', 'normal',
           captured_at, captured_at + interval '1 day'
    FROM told
)
INSERT INTO orderbell.delivery
    (id, notification_id, channel, address, recipient_name, locale, state, due_at, leased_by, attempt, expires_at,
     user_id, subject, audience, step, time_zone, wanted_at)
SELECT nextval('orderbell.delivery_id_seq'), notification_id, c.channel, c.address, name, locale, 'sending',
       now() + interval '2 minutes', 'limit', 1, captured_at + interval '1 day', user_id, 'order:' || key, audience, 0,
       time_zone, captured_at
FROM told CROSS JOIN LATERAL (
    SELECT 'email' AS channel, told.email AS address
    UNION ALL
    SELECT 'webpush', json_build_object('endpoint', s.endpoint, 'keys', json_build_object('p256dh', s.p256dh, 'auth', s.auth))::text
    FROM orderbell.push_subscription s WHERE s.user_id = told.user_id::text
) c;

-- name: finish
-- A batch of deliveries is sent: its attempts and its history are kept, as the ledger does.
WITH gone AS (
    DELETE FROM orderbell.delivery WHERE id IN (SELECT id FROM orderbell.delivery ORDER BY id LIMIT %(deliveries)s)
    RETURNING *
), attempts AS (
    INSERT INTO orderbell.attempt (delivery_id, attempt, provider, started_at, ended_at, outcome, code, detail)
    SELECT id, attempt, 'noop', now(), now(), 'sent', '', '' FROM gone
)
INSERT INTO orderbell.delivery_history
    (id, notification_id, channel, address, state, attempt, provider, provider_id, finished_at, step, time_zone, kind,
     message_id)
SELECT id, notification_id, channel, address, 'sent', attempt, 'noop', 'id', now(), step, time_zone, kind, message_id
FROM gone;
