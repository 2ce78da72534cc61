-- The planner's statements: everything between a captured change and a planned delivery. Those that work on the queue are
-- written for an empty one and a full one, as in delivery.sql.

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
-- With what these changes mean: in its transaction, or alone where they mean nothing. Divides by zero where any of them is
-- gone already, so that nothing is consumed.
WITH gone AS (DELETE FROM orderbell.change WHERE id = ANY(%(ids)s::bigint[]) RETURNING 1)
SELECT now(), 1 / ((SELECT count(*) FROM gone) = cardinality(%(ids)s::bigint[]))::integer;

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

-- name: write
-- A small plan at once: the changes that it is of are consumed, what still waits of older statuses gives way, ids are given
-- and all rows written. They have positions in place of ids. Of a large plan, whose rows go in by COPY, all but the rows.
-- The planner is the only caller, so to take a block of ids in two steps is safe; each count is >= 1.
-- gone: of what was consumed by somebody else, nothing is written: it divides by zero.
-- old: a newer status is about to be written for the same person, audience and channel; of what is critical, only one that
-- is critical as well. What is being sent already is looked at again just before (delivery.sql: recheck). By subject and
-- person whatever the statistics say of the channel: of a broadcast, they know nothing yet.
WITH gone AS (
    DELETE FROM orderbell.change WHERE id = ANY(%(consumed)s::bigint[]) RETURNING 1
), newer AS (
    SELECT * FROM unnest(%(subjects)s::text[], %(audiences)s::text[], %(users)s::text[], %(channels)s::text[],
                         %(critical)s::boolean[])
        AS n (subject, audience, user_id, channel, critical)
), old AS (
    DELETE FROM orderbell.delivery d
    WHERE d.id = ANY(ARRAY(
            SELECT w.id
            FROM newer n, LATERAL (
                SELECT id FROM orderbell.delivery w
                WHERE w.subject = n.subject AND w.user_id = n.user_id AND w.audience = n.audience
                  AND w.channel || '' = n.channel AND w.state = 'pending'
                  AND (n.critical OR (SELECT c.critical FROM orderbell.notification c
                                      WHERE c.id = w.notification_id) IS NOT TRUE)
                OFFSET 0) w))
      AND d.state = 'pending' AND NOT d.uncertain AND d.kind IS NULL
    RETURNING d.id, d.notification_id, d.channel, d.address, d.attempt, d.error, d.kind, d.step
), superseded AS (
    INSERT INTO orderbell.delivery_history
        (id, notification_id, channel, address, state, reason, attempt, error, kind, step, finished_at)
    SELECT id, notification_id, channel, address, 'skipped', 'superseded', attempt, error, kind, step, now() FROM old
), ids AS MATERIALIZED (
    SELECT setval('orderbell.event_id_seq', nextval('orderbell.event_id_seq') + %(events)s - 1) - %(events)s + 1 AS event,
           setval('orderbell.message_id_seq', nextval('orderbell.message_id_seq') + %(messages)s - 1)
               - %(messages)s + 1 AS message,
           setval('orderbell.notification_id_seq', nextval('orderbell.notification_id_seq') + %(notifications)s - 1)
               - %(notifications)s + 1 AS notification,
           setval('orderbell.delivery_id_seq', nextval('orderbell.delivery_id_seq') + %(deliveries)s - 1)
               - %(deliveries)s + 1 AS delivery
), events AS (
    INSERT INTO orderbell.event
        (id, name, subject, watch, key, label, data, remarks, captured_at, planned_at, idempotency_key)
    SELECT i.event + e.id, name, subject, watch, key, label, data::json, remarks, captured_at, planned_at, idempotency_key
    FROM ids i, json_to_recordset(%(event)s::json) AS e
        (id bigint, name text, subject text, watch text, key text, label text, data text, remarks text[],
         captured_at timestamptz, planned_at timestamptz, idempotency_key text)
), messages AS (
    INSERT INTO orderbell.message (id, event_id, audience, locale, title, body, text, url, action, error)
    SELECT i.message + m.id, i.event + event_id, audience, locale, title, body, text, url, action, error
    FROM ids i, json_to_recordset(%(message)s::json) AS m
        (id bigint, event_id bigint, audience text, locale text, title text, body text, text text, url text, action text,
         error text)
), notifications AS (
    INSERT INTO orderbell.notification
        (id, event_id, message_id, user_id, event, subject, audience, category, priority, created_at, expires_at,
         critical, withdrawn_at)
    SELECT i.notification + n.id, i.event + event_id, i.message + message_id, user_id, n.event, subject, audience,
           category, priority, created_at, expires_at, critical, withdrawn_at
    FROM ids i, json_to_recordset(%(notification)s::json) AS n
        (id bigint, event_id bigint, message_id bigint, user_id text, event text, subject text, audience text,
         category text, priority text, created_at timestamptz, expires_at timestamptz, critical boolean,
         withdrawn_at timestamptz)
), deliveries AS (
    INSERT INTO orderbell.delivery
        (id, notification_id, channel, address, recipient_name, locale, state, due_at, leased_by, attempt, expires_at,
         user_id, subject, audience, step, time_zone, hold, message_id, wanted_at)
    SELECT i.delivery + d.id, i.notification + notification_id, channel, address, recipient_name, locale, state, due_at,
           leased_by, attempt, expires_at, user_id, subject, audience, step, time_zone, hold, i.message + message_id,
           wanted_at
    FROM ids i, json_to_recordset(%(delivery)s::json) AS d
        (id bigint, notification_id bigint, channel text, address text, recipient_name text, locale text, state text,
         due_at timestamptz, leased_by text, attempt integer, expires_at timestamptz, user_id text, subject text,
         audience text, step smallint, time_zone text, hold text, message_id bigint, wanted_at timestamptz)
), skipped AS (
    INSERT INTO orderbell.delivery_history
        (id, notification_id, channel, address, state, reason, attempt, error, finished_at)
    SELECT i.delivery + s.id, i.notification + notification_id, channel, address, state, reason, attempt, error,
           finished_at
    FROM ids i, json_to_recordset(%(history)s::json) AS s
        (id bigint, notification_id bigint, channel text, address text, state text, reason text, attempt integer,
         error text, finished_at timestamptz)
), counted AS (
    INSERT INTO orderbell.spent (user_id, throttle, at)
    SELECT user_id, throttle, at FROM json_to_recordset(%(spent)s::json) AS c (user_id text, throttle text, at timestamptz)
)
SELECT event, message, notification, delivery, ARRAY(SELECT channel FROM old),
       1 / ((SELECT count(*) FROM gone) = cardinality(%(consumed)s::bigint[]))::integer
FROM ids;

-- name: copy_event
COPY orderbell.event (id, name, subject, watch, key, label, data, remarks, captured_at, planned_at, idempotency_key)
FROM STDIN;

-- name: copy_message
COPY orderbell.message (id, event_id, audience, locale, title, body, text, url, action, error) FROM STDIN;

-- name: copy_notification
COPY orderbell.notification
    (id, event_id, message_id, user_id, event, subject, audience, category, priority, created_at, expires_at, critical,
     withdrawn_at)
FROM STDIN;

-- name: copy_delivery
COPY orderbell.delivery
    (id, notification_id, channel, address, recipient_name, locale, state, due_at, leased_by, attempt, expires_at,
     user_id, subject, audience, step, time_zone, hold, message_id, wanted_at)
FROM STDIN;

-- name: copy_spent
COPY orderbell.spent (user_id, throttle, at) FROM STDIN;

-- name: known
-- Of these people: what they chose for themselves, their devices, what they want; and which of these addresses nothing is
-- sent to any more; and the time. One journey to the server in place of five.
SELECT now(),
       (SELECT json_agg(json_build_array(user_id, locale, time_zone, quiet::text, snoozed_until, do_not_disturb))
        FROM orderbell.person WHERE user_id = ANY(%(ids)s)),
       (SELECT json_agg(json_build_array(user_id, endpoint, p256dh, auth) ORDER BY id)
        FROM orderbell.push_subscription WHERE user_id = ANY(%(ids)s) AND %(devices)s),
       (SELECT json_agg(json_build_array(user_id, category, channel, enabled))
        FROM orderbell.preference WHERE user_id = ANY(%(ids)s)),
       (SELECT json_agg(json_build_array(s.channel, s.address, s.reason))
        FROM orderbell.suppression s
        JOIN unnest(%(channels)s::text[], %(addresses)s::text[]) AS a (channel, address)
          ON a.channel = s.channel AND a.address = s.address);

-- name: open_windows
-- What these people will be told together, and when. Of two under one name the later one: the other is about to close.
SELECT user_id, channel, address, hold, max(due_at) FROM orderbell.delivery
WHERE hold IS NOT NULL AND due_at > now() AND state = 'pending' AND user_id = ANY(%(ids)s)
GROUP BY user_id, channel, address, hold;

-- name: spent
SELECT s.user_id, s.throttle, count(*) FROM orderbell.spent s
JOIN unnest(%(throttles)s::text[], %(seconds)s::double precision[]) AS t (name, seconds) ON t.name = s.throttle
WHERE s.user_id = ANY(%(ids)s) AND s.at > now() - make_interval(secs => t.seconds)
GROUP BY s.user_id, s.throttle;

-- name: to_withdraw
-- The events whose notifications are to be taken back, as (event, audience); '' for every audience.
SELECT e.id, w.audience
FROM unnest(%(subjects)s::text[], %(events)s::text[], %(audiences)s::text[]) AS w (subject, event, audience),
    LATERAL (SELECT id FROM orderbell.event e WHERE e.subject = w.subject AND e.name = w.event OFFSET 0) e
UNION
SELECT e.id, ''
FROM unnest(%(keys)s::text[]) AS k (key),
    LATERAL (SELECT id FROM orderbell.event e WHERE e.idempotency_key = k.key OFFSET 0) e;

-- name: withdraw
-- Notifications up to this plan's own are marked, and what waits of them is skipped; what is being sent at this moment is
-- looked at again just before. Returns each, with the devices that show it already; some thousands at a time.
WITH chosen AS (
    SELECT n.id
    FROM unnest(%(ids)s::bigint[], %(audiences)s::text[]) AS c (event_id, audience),
        LATERAL (SELECT id FROM orderbell.notification n
                 WHERE n.event_id = c.event_id AND c.audience IN ('', n.audience) AND n.withdrawn_at IS NULL
                   AND n.id < %(first)s
                 OFFSET 0) n
    LIMIT %(limit)s
), gone AS (
    UPDATE orderbell.notification n SET withdrawn_at = now(), changed = pg_current_xact_id()
    WHERE n.id = ANY(ARRAY(SELECT id FROM chosen))
    RETURNING n.id, n.event_id, n.message_id, n.user_id, n.subject, n.audience, n.expires_at, n.read_at
), dropped AS (
    DELETE FROM orderbell.delivery d
    WHERE d.id = ANY(ARRAY(
            SELECT w.id
            FROM gone g, LATERAL (SELECT id FROM orderbell.delivery w
                                  WHERE w.subject = g.subject AND w.user_id = g.user_id AND w.notification_id = g.id
                                  OFFSET 0) w))
      AND d.state = 'pending' AND NOT d.uncertain AND d.kind IS DISTINCT FROM 'digest'
    RETURNING d.id, d.notification_id, d.channel, d.address, d.attempt, d.error, d.kind, d.step
), kept AS (
    INSERT INTO orderbell.delivery_history
        (id, notification_id, channel, address, state, reason, attempt, error, kind, step, finished_at)
    SELECT id, notification_id, channel, address, 'skipped', 'withdrawn', attempt, error, kind, step, now() FROM dropped
)
SELECT g.id, g.event_id, g.user_id, g.subject, g.audience, m.locale, g.expires_at, g.read_at IS NULL,
       ARRAY(SELECT h.address FROM orderbell.delivery_history h
             WHERE h.notification_id = g.id AND h.channel = 'webpush' AND h.state IN ('sent', 'delivered')
             UNION
             SELECT d.address FROM orderbell.delivery d
             WHERE d.subject = g.subject AND d.user_id = g.user_id AND d.notification_id = g.id AND d.channel = 'webpush'
               AND (d.state = 'sending' OR d.uncertain)) AS devices,
       coalesce(d.channels, '{}') AS dropped
FROM gone g
LEFT JOIN LATERAL (SELECT locale FROM orderbell.message WHERE id = g.message_id LIMIT 1) m ON true
LEFT JOIN (SELECT notification_id, array_agg(channel) AS channels FROM dropped GROUP BY notification_id) d
    ON d.notification_id = g.id;

-- name: message_ids
SELECT nextval('orderbell.message_id_seq') FROM generate_series(1, %(count)s);

-- name: events
SELECT id, name, subject, key, label, data FROM orderbell.event WHERE id = ANY(%(ids)s);

-- name: replace_pushes
-- Where a device shows what is taken back, the same Topic says so.
INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state, due_at, expires_at,
                                user_id, subject, audience, kind, message_id)
SELECT nextval('orderbell.delivery_id_seq'), p.notification_id, 'webpush', p.address, '', p.locale, 'pending', now(),
       p.expires_at, p.user_id, p.subject, p.audience, 'withdrawal', p.message_id
FROM unnest(%(notifications)s::bigint[], %(addresses)s::text[], %(locales)s::text[], %(expires)s::timestamptz[],
            %(users)s::text[], %(subjects)s::text[], %(audiences)s::text[], %(messages)s::bigint[])
    AS p (notification_id, address, locale, expires_at, user_id, subject, audience, message_id);

-- name: extend
-- What was sent under this key may be told for longer, or not for so long.
WITH told AS (
    UPDATE orderbell.notification n SET expires_at = %(expires_at)s
    WHERE n.event_id = ANY(ARRAY(SELECT id FROM orderbell.event WHERE idempotency_key = %(key)s))
    RETURNING n.id, n.subject, n.user_id
)
UPDATE orderbell.delivery d SET expires_at = %(expires_at)s
WHERE d.id = ANY(ARRAY(
        SELECT w.id
        FROM told t, LATERAL (SELECT id FROM orderbell.delivery w
                              WHERE w.subject = t.subject AND w.user_id = t.user_id AND w.notification_id = t.id
                              OFFSET 0) w))
  AND d.kind IS DISTINCT FROM 'digest';

-- name: copy_history
COPY orderbell.delivery_history
    (id, notification_id, channel, address, state, reason, attempt, error, finished_at) FROM STDIN;

-- name: planner_timeouts
-- No lock is waited for for long (well under deadlock_timeout, so that we are never why the application's migration is a
-- deadlock's victim), nor a query that does not come to an end.
SET lock_timeout = '500ms'; SET statement_timeout = '10s';
