-- The delivery worker's statements.
--
-- The queue is empty one moment and has a million rows the next, and the plan of a prepared statement is as old as the
-- statistics. So each is written such that a plan made for an empty table is good for a full one: rows are found by
-- `= ANY` or by a lateral subquery, never by a join, and whatever is joined is hashed (daemon.connections: QUEUE). EXISTS
-- with nothing but equalities could be hashed too, which reads the whole table; a scalar subquery cannot.
--
-- Whatever another session may change in a row while this one waits for it (subject, kind, hold, due_at, state, attempt) is
-- asked of the row itself too: only that is looked at again when the wait is over, and not what chose the ids.

-- name: claim
-- Takes what is due: pending deliveries, and those whose lease ran out because their daemon died; of these nobody knows
-- whether they were sent, so they come back uncertain. What waits to be put together with others is not taken (holds.sql).
-- The attempt number fences: an outcome is written only by who holds the newest attempt. A delivery whose notification
-- was deleted meanwhile comes back with nulls.
WITH due AS (
    SELECT id, state = 'sending' AS lost FROM orderbell.delivery
    WHERE channel = %(channel)s AND due_at <= now() AND hold IS NULL
    ORDER BY due_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE orderbell.delivery d
    SET state = 'sending', leased_by = %(node)s, attempt = d.attempt + 1, uncertain = d.uncertain OR due.lost,
        due_at = now() + make_interval(secs => %(lease_seconds)s)
    FROM due WHERE d.id = ANY(ARRAY(SELECT id FROM due)) AND d.id = due.id
    RETURNING d.*
)
-- A digest has a subject of its own: a push about one of its orders must not take the digest's place on a device.
SELECT c.id, c.attempt, c.channel, c.address, c.notification_id, n.user_id, c.recipient_name, c.locale, n.event,
       CASE WHEN c.kind = 'digest' THEN c.subject ELSE n.subject END, n.audience, n.category, n.priority, m.title, m.body, m.text, m.url, m.action, n.created_at,
       c.expires_at, c.uncertain, c.step, c.kind, coalesce(n.critical, false), c.wanted_at,
       coalesce(n.event_id, 0), now()
FROM claimed c
LEFT JOIN LATERAL (SELECT * FROM orderbell.notification WHERE id = c.notification_id LIMIT 1) n ON true
LEFT JOIN LATERAL (SELECT * FROM orderbell.message WHERE id = coalesce(c.message_id, n.message_id) LIMIT 1) m ON true
ORDER BY c.id;

-- name: renew
-- Leases of what is held or in flight here go on; whatever is missing from the answer is no longer ours.
UPDATE orderbell.delivery d SET due_at = now() + make_interval(secs => %(lease_seconds)s)
FROM unnest(%(ids)s::bigint[], %(attempts)s::integer[]) AS o (id, attempt)
WHERE d.id = ANY(%(ids)s::bigint[]) AND d.id = o.id AND d.attempt = o.attempt AND d.state = 'sending'
RETURNING d.id;

-- name: recheck
-- Just before sending, against the live rows: why a delivery must not be sent after all. 'wait' where an older status
-- of its line (subject, audience, person, channel) is in another daemon's hands at this moment. A delivery that is
-- missing from the answer is no longer ours.
-- A digest or a withdrawal is about more than its own notification, or about its end: only address and person count.
-- A withdrawal waits for what it takes back, and is not sent to a device that was never sent that.
-- Conditions that few rows need stand in a CASE of their own: an AND looks at both sides where the first is NULL, as
-- kind is for nearly all.
SELECT d.id, now(), CASE
    WHEN d.kind IS NULL AND (n.id IS NULL OR n.withdrawn_at IS NOT NULL) THEN 'withdrawn'
    WHEN d.expires_at <= now() THEN 'expired'
    WHEN d.kind IS NULL AND n.read_at IS NOT NULL THEN 'read'
    WHEN EXISTS (SELECT FROM orderbell.suppression s WHERE s.channel = d.channel AND s.address = o.address
                 AND NOT (s.reason = 'unsubscribe' AND (n.critical OR n.category IN ('security', 'verification'))))
        THEN 'suppressed'
    WHEN d.kind IS NOT DISTINCT FROM 'withdrawal' THEN CASE
        WHEN EXISTS (SELECT FROM orderbell.delivery e
                     WHERE e.subject = d.subject AND e.user_id = d.user_id AND e.channel = d.channel
                       AND e.notification_id > d.notification_id AND e.kind IS NULL)
          OR EXISTS (SELECT FROM orderbell.notification m
                     WHERE m.user_id = d.user_id AND m.id > d.notification_id AND m.subject = d.subject
                       AND (SELECT true FROM orderbell.delivery_history h
                            WHERE h.notification_id = m.id AND h.channel = d.channel
                              AND h.state IN ('sent', 'delivered') LIMIT 1))
            THEN 'superseded'
        WHEN (SELECT true FROM orderbell.delivery e
              WHERE e.subject = d.subject AND e.notification_id = d.notification_id AND e.channel = d.channel
                AND e.address = d.address AND e.kind IS NULL AND e.state = 'sending' AND e.due_at > now() LIMIT 1)
            THEN 'wait'
        WHEN (SELECT bool_and(h.state = 'skipped' AND h.attempt <= 1) FROM orderbell.delivery_history h
              WHERE h.notification_id = d.notification_id AND h.channel = d.channel AND h.address = d.address)
            THEN 'withdrawn'
        END
    WHEN NOT n.critical AND EXISTS (SELECT FROM orderbell.preference f
                                    WHERE f.user_id = n.user_id AND f.category IN ('', n.category)
                                      AND f.channel IN ('', d.channel) AND NOT f.enabled)
        THEN 'preference'
    WHEN d.kind IS NULL THEN CASE
        WHEN EXISTS (SELECT FROM orderbell.delivery e
                     WHERE e.subject = d.subject AND e.audience = d.audience AND e.user_id = d.user_id
                       AND e.channel = d.channel AND e.notification_id > d.notification_id
                       AND (SELECT m.critical OR NOT n.critical FROM orderbell.notification m
                            WHERE m.id = e.notification_id))
          OR CASE WHEN later.ids IS NOT NULL
                  THEN EXISTS (SELECT FROM orderbell.delivery_history h
                               WHERE h.notification_id = ANY(later.ids) AND h.channel = d.channel) END
            THEN 'superseded'
        WHEN EXISTS (SELECT FROM orderbell.delivery e
                     WHERE e.subject = d.subject AND e.audience = d.audience AND e.user_id = d.user_id
                       AND e.channel = d.channel AND e.notification_id < d.notification_id
                       AND e.state = 'sending' AND e.due_at > now() AND e.leased_by IS DISTINCT FROM d.leased_by)
            THEN 'wait'
        END
    END,
    n.seen_at IS NOT NULL, coalesce(later.shown, false),
    p.time_zone, d.time_zone, p.quiet::text, p.snoozed_until, coalesce(p.do_not_disturb, false)
FROM unnest(%(ids)s::bigint[], %(attempts)s::integer[], %(addresses)s::text[]) AS o (id, attempt, address)
JOIN orderbell.delivery d ON d.id = ANY(%(ids)s::bigint[]) AND d.id = o.id AND d.attempt = o.attempt
                         AND d.state = 'sending'
LEFT JOIN LATERAL (SELECT * FROM orderbell.notification WHERE id = d.notification_id LIMIT 1) n ON true
LEFT JOIN LATERAL (SELECT * FROM orderbell.person WHERE user_id = d.user_id LIMIT 1) p ON true
-- Newer ones of the same subject: whether one of them is to be seen, and those that may take this one's place.
LEFT JOIN LATERAL (
    SELECT bool_or(m.withdrawn_at IS NULL) AS shown,
           array_agg(m.id) FILTER (WHERE m.critical OR NOT n.critical) AS ids
    FROM orderbell.notification m
    WHERE m.user_id = d.user_id AND m.id > d.notification_id AND m.subject = d.subject AND m.audience = d.audience
) later ON true;

-- name: suppress
INSERT INTO orderbell.suppression AS suppression (channel, address, reason, detail)
SELECT DISTINCT ON (channel, address) *
FROM unnest(%(channels)s::text[], %(addresses)s::text[], %(reasons)s::text[], %(details)s::text[])
    AS c (channel, address, reason, detail)
ON CONFLICT (channel, address) DO UPDATE SET reason = excluded.reason, detail = excluded.detail, since = now()
WHERE array_position(ARRAY['unsubscribe', 'invalid', 'bounce', 'stop', 'complaint', 'manual'], excluded.reason)
    > array_position(ARRAY['unsubscribe', 'invalid', 'bounce', 'stop', 'complaint', 'manual'], suppression.reason);

-- name: finish
-- What came of a batch: every attempt, also of those that are tried again, and the ends into the history. One statement,
-- which needs no transaction around it where there is nothing else to write.
WITH tried AS (
    INSERT INTO orderbell.attempt (delivery_id, attempt, provider, started_at, ended_at, outcome, code, detail)
    SELECT * FROM unnest(%(tried)s::bigint[], %(numbers)s::integer[], %(tried_at)s::text[], %(started)s::timestamptz[],
                         %(ended)s::timestamptz[], %(outcomes)s::text[], %(codes)s::text[], %(details)s::text[])
    ON CONFLICT DO NOTHING
), outcome AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(attempts)s::integer[], %(states)s::text[], %(reasons)s::text[],
                         %(providers)s::text[], %(provider_ids)s::text[], %(errors)s::text[])
        AS o (id, attempt, state, reason, provider, provider_id, error)
), gone AS (
    DELETE FROM orderbell.delivery d USING outcome o
    WHERE d.id = ANY(%(ids)s::bigint[]) AND d.id = o.id AND d.attempt = o.attempt
    RETURNING d.id, d.notification_id, d.channel, d.address, o.state, o.reason, d.attempt, o.provider, o.provider_id,
              o.error, d.step, d.time_zone, d.kind, d.message_id
)
INSERT INTO orderbell.delivery_history
    (id, notification_id, channel, address, state, reason, attempt, provider, provider_id, error, finished_at, step,
     time_zone, kind, message_id)
SELECT id, notification_id, channel, address, state, reason, attempt, provider, provider_id, error, now(), step,
       time_zone, kind, message_id
FROM gone;

-- name: retry_later
UPDATE orderbell.delivery d
SET state = 'pending', leased_by = NULL, error = o.error, uncertain = o.uncertain,
    attempt = d.attempt - o.free::integer,
    due_at = now() + make_interval(secs => o.after_seconds),
    wanted_at = CASE WHEN o.chosen THEN now() + make_interval(secs => o.after_seconds) ELSE d.wanted_at END
FROM unnest(%(ids)s::bigint[], %(attempts)s::integer[], %(after_seconds)s::double precision[], %(errors)s::text[],
            %(uncertain)s::boolean[], %(free)s::boolean[], %(chosen)s::boolean[])
    AS o (id, attempt, after_seconds, error, uncertain, free, chosen)
WHERE d.id = ANY(%(ids)s::bigint[]) AND d.id = o.id AND d.attempt = o.attempt;

-- name: give_back
-- What was claimed and not begun goes back as it was: its attempt did not happen.
UPDATE orderbell.delivery d
SET state = 'pending', leased_by = NULL, attempt = d.attempt - 1, due_at = now()
FROM unnest(%(ids)s::bigint[], %(attempts)s::integer[]) AS o (id, attempt)
WHERE d.id = ANY(%(ids)s::bigint[]) AND d.id = o.id AND d.attempt = o.attempt;

-- name: give_back_rest
-- At the end of a stop: what was written for this node and never reached its workers, because the stop came in between.
UPDATE orderbell.delivery SET state = 'pending', leased_by = NULL, attempt = attempt - 1, due_at = now()
WHERE leased_by = %(node)s AND state = 'sending' AND NOT id = ANY(%(unknown)s);

-- name: remove_push_subscription
DELETE FROM orderbell.push_subscription WHERE endpoint = ANY(%(endpoints)s);

-- name: queue
SELECT channel, state, count(*), min(due_at) FROM orderbell.delivery GROUP BY channel, state;

-- name: changes
-- The oldest change that nobody has planned, and how many are set aside; beyond 10,000, the number says nothing more.
SELECT (SELECT captured_at FROM orderbell.change ORDER BY id LIMIT 1),
       (SELECT count(*) FROM (SELECT FROM orderbell.change_failed LIMIT 10000) first);
