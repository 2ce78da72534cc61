-- What people choose for themselves, as they read and write it; `plan.sql` and `delivery.sql` go by it.

-- name: own
SELECT locale, time_zone, quiet::text, snoozed_until, do_not_disturb FROM orderbell.person
WHERE user_id = %(user_id)s;

-- name: choices
SELECT category, channel, enabled FROM orderbell.preference WHERE user_id = %(user_id)s;

-- name: write_own
-- Each value with a flag: whether it is given at all. Null takes it back.
INSERT INTO orderbell.person AS p (user_id, locale, time_zone, quiet, do_not_disturb)
VALUES (%(user_id)s, %(locale)s, %(time_zone)s, %(quiet)s::json, coalesce(%(do_not_disturb)s::boolean, false))
ON CONFLICT (user_id) DO UPDATE
SET locale = CASE WHEN %(with_locale)s::boolean THEN excluded.locale ELSE p.locale END,
    time_zone = CASE WHEN %(with_time_zone)s::boolean THEN excluded.time_zone ELSE p.time_zone END,
    quiet = CASE WHEN %(with_quiet)s::boolean THEN excluded.quiet ELSE p.quiet END,
    do_not_disturb = CASE WHEN %(with_do_not_disturb)s::boolean THEN excluded.do_not_disturb ELSE p.do_not_disturb END,
    changed_at = now();

-- name: snooze
-- For some minutes from now, or until then.
INSERT INTO orderbell.person (user_id, snoozed_until)
VALUES (%(user_id)s, coalesce(%(until)s::timestamptz, now() + make_interval(mins => %(minutes)s::integer)))
ON CONFLICT (user_id) DO UPDATE SET snoozed_until = excluded.snoozed_until, changed_at = now();

-- name: wake
UPDATE orderbell.person SET snoozed_until = NULL, changed_at = now()
WHERE user_id = %(user_id)s AND snoozed_until IS NOT NULL;

-- name: one_at_a_time
-- Before "choose": two devices of a person one after the other, until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(chr(1), 'orderbell', 'preference', %(user_id)s::text), 0));

-- name: choose
WITH chosen AS (
    SELECT * FROM unnest(%(categories)s::text[], %(channels)s::text[], %(enabled)s::boolean[])
        AS c (category, channel, enabled)
), taken_back AS (
    DELETE FROM orderbell.preference p USING chosen c
    WHERE p.user_id = %(user_id)s AND p.category = c.category AND p.channel = c.channel AND c.enabled IS NULL
)
INSERT INTO orderbell.preference (user_id, category, channel, enabled)
SELECT %(user_id)s, category, channel, enabled FROM chosen WHERE enabled IS NOT NULL
ORDER BY category, channel
ON CONFLICT (user_id, category, channel) DO UPDATE SET enabled = excluded.enabled, changed_at = now();
