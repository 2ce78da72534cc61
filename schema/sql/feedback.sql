-- What comes back after sending: reports of providers, addresses that are closed and opened.

-- name: report
-- Reports by a provider's id or, where that is null, by our own and the address. Forward only: sent may become delivered
-- or failed, and the first of the two stays. A report that is missing from the answer is about nothing that is written.
WITH report AS (
    SELECT * FROM unnest(%(channels)s::text[], %(provider_ids)s::text[], %(ids)s::bigint[], %(addresses)s::text[],
                         %(states)s::text[], %(errors)s::text[]) WITH ORDINALITY
        AS r (channel, provider_id, id, address, state, error, n)
), known AS (
    SELECT r.n, h.id, h.finished_at, h.address, h.attempt, r.state, r.error
    FROM report r JOIN orderbell.delivery_history h ON h.provider_id = r.provider_id AND h.channel = r.channel
    UNION ALL
    SELECT r.n, h.id, h.finished_at, h.address, h.attempt, r.state, r.error
    FROM report r JOIN orderbell.delivery_history h ON h.id = r.id AND h.channel = r.channel
    WHERE r.provider_id IS NULL AND (r.address IS NULL OR r.address = lower(h.address))
), moved AS (
    UPDATE orderbell.delivery_history h SET state = k.state, error = coalesce(k.error, h.error), reported_at = now()
    FROM (SELECT DISTINCT ON (id, finished_at) * FROM known ORDER BY id, finished_at, n) k
    WHERE h.id = k.id AND h.finished_at = k.finished_at AND h.state = 'sent'
    RETURNING h.id, k.n
)
SELECT k.n, k.id, k.address, k.attempt, m.id IS NOT NULL AS moved
FROM known k LEFT JOIN moved m ON m.id = k.id AND m.n = k.n;

-- name: keep_early
-- The delivery that it is about is not written yet: `settle` tries again. What is final stays.
INSERT INTO orderbell.feedback (channel, provider_id, state, error, suppress, again)
SELECT * FROM unnest(%(channels)s::text[], %(provider_ids)s::text[], %(states)s::text[], %(errors)s::text[],
                     %(suppress)s::text[], %(again)s::boolean[])
ON CONFLICT (channel, provider_id) DO NOTHING;

-- name: early
-- Reports that a delivery has appeared for since. Each is looked up by itself, by the index: this table is too small to
-- be analyzed, and what the planner makes of that is a scan of the whole history, every few seconds.
WITH waiting AS (
    SELECT channel, provider_id FROM orderbell.feedback ORDER BY received_at DESC LIMIT %(limit)s
), found AS (
    SELECT w.channel, w.provider_id
    FROM waiting w CROSS JOIN LATERAL (SELECT FROM orderbell.delivery_history h
                                       WHERE h.provider_id = w.provider_id AND h.channel = w.channel LIMIT 1) h
)
DELETE FROM orderbell.feedback f USING found d
WHERE f.channel = d.channel AND f.provider_id = d.provider_id
RETURNING f.channel, f.provider_id, f.state, f.error, f.suppress, f.again;

-- name: forget_early
DELETE FROM orderbell.feedback WHERE received_at < now() - make_interval(days => %(days)s);

-- name: send_again
-- What certainly did not arrive and may go another time, as long as its attempts and its life last. Not uncertain: the
-- provider has said what became of the last one.
WITH gone AS (
    DELETE FROM orderbell.delivery_history h USING orderbell.notification n, orderbell.message m
    WHERE h.id = ANY(%(ids)s) AND h.state = 'failed' AND n.id = h.notification_id
      AND m.id = coalesce(h.message_id, n.message_id)
      AND h.attempt < %(max_attempts)s AND n.expires_at > now() + make_interval(secs => %(after_seconds)s)
    RETURNING h.*, m.locale, n.expires_at, n.user_id, n.subject, n.audience
)
INSERT INTO orderbell.delivery (id, notification_id, channel, address, recipient_name, locale, state, due_at, attempt,
                                expires_at, error, user_id, subject, audience, step, time_zone, kind, message_id)
SELECT g.id, g.notification_id, g.channel, g.address, '', g.locale, 'pending',
       now() + make_interval(secs => %(after_seconds)s), g.attempt, g.expires_at, g.error, g.user_id,
       CASE WHEN g.kind = 'digest' THEN 'digest:' || g.id ELSE g.subject END, g.audience, coalesce(g.step, 0),
       g.time_zone, g.kind, g.message_id
FROM gone g
RETURNING id;

-- name: suppress
-- Of two reasons the graver one stays: who unsubscribed and then complained does not want critical mails either.
INSERT INTO orderbell.suppression AS suppression (channel, address, reason, detail)
VALUES (%(channel)s, %(address)s, %(reason)s, %(detail)s)
ON CONFLICT (channel, address) DO UPDATE SET reason = excluded.reason, detail = excluded.detail, since = now()
WHERE array_position(ARRAY['unsubscribe', 'invalid', 'bounce', 'stop', 'complaint', 'manual'], excluded.reason)
    > array_position(ARRAY['unsubscribe', 'invalid', 'bounce', 'stop', 'complaint', 'manual'], suppression.reason)
RETURNING true;

-- name: lift
DELETE FROM orderbell.suppression
WHERE channel = %(channel)s AND address = %(address)s
  AND (%(reasons)s::text[] IS NULL OR reason = ANY(%(reasons)s))
RETURNING reason;

-- name: suppressions
SELECT channel, address, reason, coalesce(detail, ''), since FROM orderbell.suppression
WHERE (%(channel)s::text IS NULL OR channel = %(channel)s) AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(address)s::text IS NULL OR address = %(address)s)
ORDER BY since DESC, channel, address LIMIT %(limit)s;

-- name: prefer
INSERT INTO orderbell.preference (user_id, category, channel, enabled)
VALUES (%(user_id)s, %(category)s, %(channel)s, %(enabled)s)
ON CONFLICT (user_id, category, channel) DO UPDATE SET enabled = excluded.enabled, changed_at = now();
