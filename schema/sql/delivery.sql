-- The delivery worker's statements.

-- name: claim
-- Takes what is due: pending deliveries, and those whose lease ran out because their daemon died. The attempt number
-- fences: an outcome is written only by who holds the newest attempt. A delivery whose notification was deleted
-- meanwhile comes back with nulls.
WITH due AS (
    SELECT id FROM orderbell.delivery
    WHERE channel = %(channel)s AND due_at <= now()
    ORDER BY due_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE orderbell.delivery d
    SET state = 'sending', leased_by = %(node)s, attempt = d.attempt + 1,
        due_at = now() + make_interval(secs => %(lease_seconds)s)
    FROM due WHERE d.id = due.id
    RETURNING d.*
)
SELECT c.id, c.attempt, c.channel, c.address, c.notification_id, n.user_id, c.recipient_name, c.locale, n.event,
       n.subject, n.audience, n.category, n.priority, m.title, m.body, m.text, m.url, m.action, n.created_at,
       c.expires_at, now()
FROM claimed c
LEFT JOIN orderbell.notification n ON n.id = c.notification_id
LEFT JOIN orderbell.message m ON m.id = n.message_id
ORDER BY c.id;

-- name: finish
WITH outcome AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(attempts)s::integer[], %(states)s::text[], %(reasons)s::text[],
                         %(providers)s::text[], %(provider_ids)s::text[], %(errors)s::text[])
        AS o (id, attempt, state, reason, provider, provider_id, error)
), gone AS (
    DELETE FROM orderbell.delivery d USING outcome o
    WHERE d.id = o.id AND d.attempt = o.attempt
    RETURNING d.id, d.notification_id, d.channel, d.address, o.state, o.reason, d.attempt, o.provider, o.provider_id,
              o.error
)
INSERT INTO orderbell.delivery_history
    (id, notification_id, channel, address, state, reason, attempt, provider, provider_id, error, finished_at)
SELECT id, notification_id, channel, address, state, reason, attempt, provider, provider_id, error, now() FROM gone;

-- name: retry_later
UPDATE orderbell.delivery d
SET state = 'pending', leased_by = NULL, error = o.error,
    due_at = now() + make_interval(secs => o.after_seconds)
FROM unnest(%(ids)s::bigint[], %(attempts)s::integer[], %(after_seconds)s::double precision[], %(errors)s::text[])
    AS o (id, attempt, after_seconds, error)
WHERE d.id = o.id AND d.attempt = o.attempt;

-- name: give_back
-- What was claimed and not begun goes back as it was: its attempt did not happen.
UPDATE orderbell.delivery d
SET state = 'pending', leased_by = NULL, attempt = d.attempt - 1, due_at = now()
FROM unnest(%(ids)s::bigint[], %(attempts)s::integer[]) AS o (id, attempt)
WHERE d.id = o.id AND d.attempt = o.attempt;

-- name: remove_push_subscription
DELETE FROM orderbell.push_subscription WHERE endpoint = ANY(%(endpoints)s);

-- name: queue
SELECT channel, state, count(*), min(due_at) FROM orderbell.delivery GROUP BY channel, state;
