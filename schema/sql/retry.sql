-- What a person looks at and brings back by hand: changes that could not be planned, deliveries that failed.

-- name: failed_changes
SELECT id, failed_at, coalesce(watch, ''), coalesce(key, ''), error FROM orderbell.change_failed
WHERE %(error)s::text IS NULL OR position(lower(%(error)s) IN lower(error)) > 0
ORDER BY failed_at DESC, id DESC LIMIT %(limit)s;

-- name: failed_deliveries
SELECT h.id, h.finished_at, h.channel, coalesce(n.subject, ''), coalesce(n.event, ''), h.attempt, coalesce(h.error, '')
FROM orderbell.delivery_history h LEFT JOIN orderbell.notification n ON n.id = h.notification_id
WHERE h.state = 'failed'
  AND (%(channel)s::text IS NULL OR h.channel = %(channel)s)
  AND (%(error)s::text IS NULL OR position(lower(%(error)s) IN lower(coalesce(h.error, ''))) > 0)
ORDER BY h.finished_at DESC, h.id DESC LIMIT %(limit)s;

-- name: count_failed_deliveries
SELECT count(*) FROM orderbell.delivery_history h
WHERE h.state = 'failed'
  AND (%(ids)s::bigint[] IS NULL OR h.id = ANY(%(ids)s))
  AND (%(channel)s::text IS NULL OR h.channel = %(channel)s)
  AND (%(error)s::text IS NULL OR position(lower(%(error)s) IN lower(coalesce(h.error, ''))) > 0);

-- name: bring_back_deliveries
-- Under their old ids, so that an e-mail keeps its Message-ID; uncertain, so that nothing that may have been sent after
-- all is sent again where people would see it twice. The last look before sending still applies to them.
WITH chosen AS (
    SELECT h.id, h.finished_at FROM orderbell.delivery_history h
    JOIN orderbell.notification n ON n.id = h.notification_id
    JOIN orderbell.message m ON m.id = coalesce(h.message_id, n.message_id)
    WHERE h.state = 'failed'
      AND (%(ids)s::bigint[] IS NULL OR h.id = ANY(%(ids)s))
      AND (%(channel)s::text IS NULL OR h.channel = %(channel)s)
      AND (%(error)s::text IS NULL OR position(lower(%(error)s) IN lower(coalesce(h.error, ''))) > 0)
    ORDER BY finished_at, id LIMIT %(limit)s
), gone AS (
    DELETE FROM orderbell.delivery_history h USING chosen c
    WHERE h.id = c.id AND h.finished_at = c.finished_at
    RETURNING h.*
)
INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state, due_at, attempt,
                                expires_at, error, user_id, subject, audience, uncertain, step, time_zone, kind, message_id)
SELECT g.id, g.notification_id, g.channel, g.address, '', m.locale, 'pending', now(), 0,
       now() + coalesce(n.expires_at - n.created_at, make_interval(secs => %(lifetime_seconds)s)), g.error, n.user_id,
       CASE WHEN g.kind = 'digest' THEN 'digest:' || g.id ELSE n.subject END, n.audience, true, coalesce(g.step, 0),
       g.time_zone, g.kind, g.message_id
FROM gone g JOIN orderbell.notification n ON n.id = g.notification_id
JOIN orderbell.message m ON m.id = coalesce(g.message_id, n.message_id);

-- name: bring_back_changes
-- As new changes, in their old order; the ring wakes a sleeping daemon.
WITH back AS (
    DELETE FROM orderbell.change_failed
    WHERE (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
      AND (%(error)s::text IS NULL OR position(lower(%(error)s) IN lower(error)) > 0)
    RETURNING id, watch, op, key, old, new, captured_at
), put AS (
    INSERT INTO orderbell.change (watch, op, key, old, new, captured_at)
    -- An update that was set aside because nobody could say whether it is news: now somebody has.
    SELECT watch, CASE WHEN op = 'unsure' THEN 'update' ELSE op END, key, old, new, captured_at FROM back ORDER BY id
    RETURNING 1
)
SELECT pg_notify('orderbell', '') FROM put;
