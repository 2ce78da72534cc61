-- What `orderbell explain` reads, in one snapshot. A subject has few events, an event may have 100,000 notifications:
-- only those that are shown are loaded, the others are counted. finished_at and ended_at are compared with when the
-- oldest event was planned, so that partitions of earlier days are not touched.

-- name: events
-- The newest, oldest first. Of remarks about people only those about the one who is asked about, if any.
SELECT e.id, e.name, e.watch, e.label, e.captured_at, e.planned_at,
       (SELECT count(*) FROM unnest(e.remarks) r
        WHERE %(user)s::text IS NULL OR position(': user ' IN r) = 0
           OR position(': user ' || %(user)s || ' is ' IN r) > 0) AS remarks_total,
       ARRAY(SELECT r FROM unnest(e.remarks) WITH ORDINALITY AS u (r, n)
             WHERE %(user)s::text IS NULL OR position(': user ' IN r) = 0
                OR position(': user ' || %(user)s || ' is ' IN r) > 0
             ORDER BY n LIMIT %(limit)s) AS remarks
FROM (SELECT * FROM orderbell.event WHERE subject = %(subject)s ORDER BY id DESC LIMIT %(events)s) e
ORDER BY e.id;

-- name: notifications
-- The first of each event, with how many there are. The window is over ids alone, and the few rows are looked up one by
-- one: OFFSET 0 keeps the planner, which takes a third of a broadcast to be among the first, from reading the whole table.
WITH told AS (
    SELECT id, row_number() OVER (PARTITION BY event_id ORDER BY id) AS nth,
           count(*) OVER (PARTITION BY event_id) AS total, max(id) OVER (PARTITION BY event_id) AS last
    FROM orderbell.notification
    WHERE event_id = ANY(%(events)s::bigint[]) AND (%(user)s::text IS NULL OR user_id = %(user)s)
)
SELECT n.id, n.event_id, n.event, n.user_id, n.audience, n.category, n.priority, n.critical, n.created_at,
       n.expires_at, n.read_at, n.seen_at, n.withdrawn_at, told.total, told.last
FROM told CROSS JOIN LATERAL (SELECT * FROM orderbell.notification WHERE id = told.id OFFSET 0) n
WHERE told.nth <= %(limit)s
ORDER BY n.id;

-- name: finished
SELECT h.id, h.notification_id, h.channel, h.address, h.state, h.reason, h.attempt, h.provider, h.provider_id, h.error,
       h.finished_at, h.reported_at
FROM orderbell.delivery_history h
WHERE h.notification_id = ANY(%(ids)s::bigint[]) AND h.finished_at >= %(since)s::timestamptz
  AND (%(channel)s::text IS NULL OR h.channel = %(channel)s)
ORDER BY h.id;

-- name: waiting
SELECT d.id, d.notification_id, d.channel, d.address, d.state, d.due_at, d.leased_by, d.attempt, d.expires_at, d.error,
       d.uncertain, d.step, d.time_zone, d.hold, d.kind
FROM orderbell.delivery d
WHERE d.subject = %(subject)s AND d.notification_id = ANY(%(ids)s::bigint[])
  AND (%(channel)s::text IS NULL OR d.channel = %(channel)s)
ORDER BY d.id;

-- name: waiting_digests
-- A delivery that carries a digest is about more than its own subject, so it is not found by it. Asked only where
-- something is missing: it walks over what waits.
SELECT d.id, d.notification_id, d.channel, d.address, d.state, d.due_at, d.leased_by, d.attempt, d.expires_at, d.error,
       d.uncertain, d.step, d.time_zone, d.hold, d.kind
FROM orderbell.delivery d
WHERE d.notification_id = ANY(%(ids)s::bigint[]) AND d.kind = 'digest'
  AND (%(channel)s::text IS NULL OR d.channel = %(channel)s)
ORDER BY d.id;

-- name: attempts
SELECT a.delivery_id, a.attempt, a.provider, a.started_at, a.ended_at, a.outcome, a.code, coalesce(a.detail, '') AS detail
FROM orderbell.attempt a
WHERE a.delivery_id = ANY(%(ids)s::bigint[]) AND a.ended_at >= %(since)s::timestamptz
ORDER BY a.started_at, a.ended_at;

-- name: rest_finished
-- Of one event, those that are not shown, by outcome. Their ids lie together, so the bounds make it one walk over the
-- index instead of a lookup for each.
SELECT h.channel, coalesce(h.reason, h.state) AS outcome, count(*) AS count
FROM orderbell.delivery_history h JOIN orderbell.notification n ON n.id = h.notification_id
WHERE n.event_id = %(event)s::bigint AND n.id > %(after)s::bigint AND n.id <= %(last)s::bigint
  AND (%(user)s::text IS NULL OR n.user_id = %(user)s)
  AND h.notification_id > %(after)s::bigint AND h.notification_id <= %(last)s::bigint
  AND h.finished_at >= %(since)s::timestamptz AND (%(channel)s::text IS NULL OR h.channel = %(channel)s)
GROUP BY 1, 2;

-- name: rest_waiting
SELECT d.channel, d.state AS outcome, count(*) AS count
FROM orderbell.delivery d JOIN orderbell.notification n ON n.id = d.notification_id
WHERE d.subject = %(subject)s AND d.notification_id > %(after)s::bigint AND d.notification_id <= %(last)s::bigint
  AND n.event_id = %(event)s::bigint AND (%(user)s::text IS NULL OR n.user_id = %(user)s)
  AND (%(channel)s::text IS NULL OR d.channel = %(channel)s)
GROUP BY 1, 2;

-- name: newer
-- What each superseded delivery gave way to: the newest of its line (subject, audience, person, channel) by then.
SELECT o.id, m.event, m.created_at
FROM unnest(%(ids)s::bigint[], %(notifications)s::bigint[], %(channels)s::text[], %(finished)s::timestamptz[])
        AS o (id, notification_id, channel, finished_at)
JOIN orderbell.notification n ON n.id = o.notification_id
CROSS JOIN LATERAL (
    SELECT m.event, m.created_at FROM orderbell.notification m
    WHERE m.user_id = n.user_id AND m.id > n.id AND m.subject = n.subject AND m.audience = n.audience
      AND m.created_at <= o.finished_at
      AND (EXISTS (SELECT FROM orderbell.delivery_history h
                   WHERE h.notification_id = m.id AND h.channel = o.channel AND h.finished_at >= n.created_at)
        OR EXISTS (SELECT FROM orderbell.delivery d
                   WHERE d.subject = m.subject AND d.notification_id = m.id AND d.channel = o.channel))
    ORDER BY m.id DESC LIMIT 1
) m;

-- name: carriers
-- The deliveries that others were put together with.
SELECT h.id, h.state, h.reason, h.finished_at AS at, coalesce(n.event, '') AS event, coalesce(n.subject, '') AS subject
FROM orderbell.delivery_history h LEFT JOIN orderbell.notification n ON n.id = h.notification_id
WHERE h.id = ANY(%(ids)s::bigint[]) AND h.finished_at >= %(since)s::timestamptz
UNION ALL
SELECT d.id, d.state, NULL, d.due_at, coalesce(n.event, ''), coalesce(n.subject, '')
FROM orderbell.delivery d LEFT JOIN orderbell.notification n ON n.id = d.notification_id
WHERE d.id = ANY(%(ids)s::bigint[]);

-- name: choices
SELECT user_id, category, channel, enabled, changed_at FROM orderbell.preference
WHERE user_id = ANY(%(users)s::text[]);

-- name: persons
SELECT user_id, time_zone, snoozed_until, do_not_disturb, changed_at FROM orderbell.person
WHERE user_id = ANY(%(users)s::text[]);

-- name: closed
SELECT s.channel, s.address, s.reason, coalesce(s.detail, '') AS detail, s.since
FROM unnest(%(channels)s::text[], %(addresses)s::text[]) AS a (channel, address)
JOIN orderbell.suppression s ON s.channel = a.channel AND s.address = a.address;

-- name: changes
-- Not planned yet. The table is empty most of the time and has no other index than its ids.
SELECT id, watch, op, key, old::text, new::text, error, captured_at FROM orderbell.change
WHERE (op IS DISTINCT FROM 'rows' AND key = %(key)s AND (watch = ANY(%(watches)s) OR op = 'event'))
   OR (op = 'rows' AND watch = ANY(%(watches)s))
ORDER BY id LIMIT %(limit)s;

-- name: changes_failed
SELECT id, watch, op, key, old::text, new::text, captured_at, error, failed_at FROM orderbell.change_failed
WHERE (op IS DISTINCT FROM 'rows' AND key = %(key)s AND (watch = ANY(%(watches)s) OR op = 'event'))
   OR (op = 'rows' AND watch = ANY(%(watches)s))
ORDER BY id LIMIT %(limit)s;

-- name: scheduled
SELECT event, scheduled_for, expires_at, created_at FROM orderbell.scheduled
WHERE key = %(key)s AND split_part(event, '.', 1) = %(prefix)s
ORDER BY scheduled_for, id LIMIT %(limit)s;
