-- What staff asks and does over the REST API. Pages follow on from the last row of the one before.

-- name: audit
INSERT INTO orderbell.audit (actor, action, target, detail)
VALUES (%(actor)s, %(action)s, %(target)s, %(detail)s::json);

-- name: audits
SELECT id, at, actor, action, target, detail FROM orderbell.audit
WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
  AND (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(action)s::text IS NULL OR action = %(action)s)
  AND (%(target)s::text IS NULL OR target = %(target)s)
  AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
ORDER BY id DESC LIMIT %(limit)s;

-- name: lock_key
SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(chr(1), 'orderbell', 'key', %(key)s::text), 0));

-- name: is_known
SELECT orderbell.is_known(%(key)s)
       OR EXISTS (SELECT FROM orderbell.scheduled WHERE idempotency_key = %(key)s) AS known;

-- name: tell
SELECT orderbell.tell(%(message)s::json, %(key)s, %(scheduled_for)s, %(expires_at)s);

-- name: send
SELECT orderbell.send(%(event)s, %(row)s, %(data)s::json, %(key)s, %(scheduled_for)s, %(expires_at)s);

-- name: cancel
SELECT orderbell.cancel(%(key)s) AS done;

-- name: reschedule
SELECT orderbell.reschedule(%(key)s, %(scheduled_for)s) AS done;

-- name: extend
SELECT orderbell.extend(%(key)s, %(expires_at)s) AS done;

-- name: is_too_late
-- Whether what waits under this key would be over before it is sent: with this time, or with this end.
SELECT EXISTS (
    SELECT FROM orderbell.scheduled WHERE idempotency_key = %(key)s
      AND coalesce(%(expires_at)s::timestamptz, expires_at)
          <= greatest(coalesce(%(scheduled_for)s::timestamptz, scheduled_for), now())
) AS late;

-- name: scheduled
-- The message as text: what an application has put into it may be no text that PostgreSQL can take out of it. Nor can a
-- program read 'infinity'.
SELECT * FROM (
    SELECT id, idempotency_key AS key, event, key AS row, message::text AS message,
           greatest(least(scheduled_for, '9999-12-31Z'), '0001-01-02Z') AS scheduled_for, expires_at, created_at
    FROM orderbell.scheduled) s
WHERE %(at)s::timestamptz IS NULL OR (s.scheduled_for, s.id) > (%(at)s, %(after)s::bigint)
ORDER BY s.scheduled_for, s.id LIMIT %(limit)s;

-- name: deliveries
-- What waits and what has ended, the newest first. Either half is a walk back over the ids.
SELECT * FROM (
    (SELECT d.id, d.notification_id, d.channel, d.address, d.state, NULL AS reason, d.attempt, NULL AS provider,
            NULL AS provider_id, d.error, coalesce(d.user_id, n.user_id) AS user_id,
            coalesce(n.subject, d.subject) AS subject, n.event, d.due_at, NULL::timestamptz AS finished_at,
            NULL::timestamptz AS reported_at
     FROM orderbell.delivery d LEFT JOIN orderbell.notification n ON n.id = d.notification_id
     WHERE %(waiting)s AND d.id < %(before)s
       AND (%(state)s::text IS NULL OR d.state = %(state)s)
       AND (%(channel)s::text IS NULL OR d.channel = %(channel)s)
       AND (%(since)s::timestamptz IS NULL OR d.due_at >= %(since)s)
     ORDER BY d.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT h.id, h.notification_id, h.channel, h.address, h.state, h.reason, h.attempt, h.provider, h.provider_id,
            h.error, n.user_id, n.subject, n.event, NULL, h.finished_at, h.reported_at
     FROM orderbell.delivery_history h LEFT JOIN orderbell.notification n ON n.id = h.notification_id
     WHERE %(finished)s AND h.id < %(before)s
       AND (%(state)s::text IS NULL OR h.state = %(state)s)
       AND (%(channel)s::text IS NULL OR h.channel = %(channel)s)
       AND (%(reason)s::text IS NULL OR h.reason = %(reason)s)
       AND (%(since)s::timestamptz IS NULL OR h.finished_at >= %(since)s)
     ORDER BY h.id DESC LIMIT %(limit)s)
) every ORDER BY id DESC LIMIT %(limit)s;

-- name: deliveries_told
-- The same of a person, of a subject, or both: found by their notifications, which are few.
WITH told AS MATERIALIZED (
    SELECT n.id, n.user_id, n.subject, n.event FROM orderbell.notification n
    WHERE %(subject)s::text IS NULL AND n.user_id = %(user_id)s::text
    UNION ALL
    SELECT n.id, n.user_id, n.subject, n.event
    FROM orderbell.event e JOIN orderbell.notification n ON n.event_id = e.id
    WHERE e.subject = %(subject)s::text AND (%(user_id)s::text IS NULL OR n.user_id = %(user_id)s)
)
SELECT * FROM (
    (SELECT d.id, d.notification_id, d.channel, d.address, d.state, NULL AS reason, d.attempt, NULL AS provider,
            NULL AS provider_id, d.error, t.user_id, t.subject, t.event, d.due_at, NULL::timestamptz AS finished_at,
            NULL::timestamptz AS reported_at
     FROM told t JOIN orderbell.delivery d ON d.notification_id = t.id
     WHERE %(waiting)s AND d.id < %(before)s
       AND (%(state)s::text IS NULL OR d.state = %(state)s)
       AND (%(channel)s::text IS NULL OR d.channel = %(channel)s)
       AND (%(since)s::timestamptz IS NULL OR d.due_at >= %(since)s)
     ORDER BY d.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT h.id, h.notification_id, h.channel, h.address, h.state, h.reason, h.attempt, h.provider, h.provider_id,
            h.error, t.user_id, t.subject, t.event, NULL, h.finished_at, h.reported_at
     FROM told t JOIN orderbell.delivery_history h ON h.notification_id = t.id
     WHERE %(finished)s AND h.id < %(before)s
       AND (%(state)s::text IS NULL OR h.state = %(state)s)
       AND (%(channel)s::text IS NULL OR h.channel = %(channel)s)
       AND (%(reason)s::text IS NULL OR h.reason = %(reason)s)
       AND (%(since)s::timestamptz IS NULL OR h.finished_at >= %(since)s)
     ORDER BY h.id DESC LIMIT %(limit)s)
) every ORDER BY id DESC LIMIT %(limit)s;

-- name: count_failed
-- As `retry.sql` brings them back: what is not of a notification any more never is.
SELECT count(*) FROM orderbell.delivery_history h
JOIN orderbell.notification n ON n.id = h.notification_id
JOIN orderbell.message m ON m.id = coalesce(h.message_id, n.message_id)
WHERE h.state = 'failed'
  AND (%(ids)s::bigint[] IS NULL OR h.id = ANY(%(ids)s))
  AND (%(channel)s::text IS NULL OR h.channel = %(channel)s)
  AND (%(error)s::text IS NULL OR position(lower(%(error)s) IN lower(coalesce(h.error, ''))) > 0);

-- name: delivery
SELECT d.id, d.notification_id, d.channel, d.address, d.state, NULL AS reason, d.attempt, NULL AS provider,
       NULL AS provider_id, d.error, coalesce(d.user_id, n.user_id) AS user_id,
       coalesce(n.subject, d.subject) AS subject, n.event, d.due_at, NULL::timestamptz AS finished_at,
       NULL::timestamptz AS reported_at
FROM orderbell.delivery d LEFT JOIN orderbell.notification n ON n.id = d.notification_id
WHERE d.id = %(id)s
UNION ALL
SELECT h.id, h.notification_id, h.channel, h.address, h.state, h.reason, h.attempt, h.provider, h.provider_id,
       h.error, n.user_id, n.subject, n.event, NULL, h.finished_at, h.reported_at
FROM orderbell.delivery_history h LEFT JOIN orderbell.notification n ON n.id = h.notification_id
WHERE h.id = %(id)s;

-- name: attempts
SELECT attempt AS number, provider, started_at, ended_at, outcome, code, coalesce(detail, '') AS detail
FROM orderbell.attempt WHERE delivery_id = %(id)s ORDER BY started_at, ended_at;

-- name: announcements
SELECT id, audience, level, title, body, url, action, starts_at, ends_at, withdrawn_at, created_by, created_at,
       CASE WHEN withdrawn_at IS NOT NULL OR ends_at <= now() THEN 'over'
            WHEN starts_at > now() THEN 'coming' ELSE 'current' END AS state
FROM orderbell.announcement
WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
  AND CASE %(state)s::text
      WHEN 'over' THEN withdrawn_at IS NOT NULL OR coalesce(ends_at <= now(), false)
      WHEN 'coming' THEN withdrawn_at IS NULL AND starts_at > now() AND coalesce(ends_at > now(), true)
      WHEN 'current' THEN withdrawn_at IS NULL AND starts_at <= now() AND coalesce(ends_at > now(), true)
      ELSE true END
ORDER BY id DESC LIMIT %(limit)s;

-- name: announcement
SELECT id, audience, level, title, body, url, action, starts_at, ends_at, withdrawn_at, created_by, created_at,
       CASE WHEN withdrawn_at IS NOT NULL OR ends_at <= now() THEN 'over'
            WHEN starts_at > now() THEN 'coming' ELSE 'current' END AS state
FROM orderbell.announcement WHERE id = %(id)s;

-- name: lock_announcement
SELECT id FROM orderbell.announcement WHERE id = %(id)s FOR UPDATE;

-- name: announce
INSERT INTO orderbell.announcement (audience, level, title, body, url, action, starts_at, ends_at, created_by)
VALUES (%(audience)s, %(level)s, %(title)s, %(body)s, %(url)s, %(action)s, coalesce(%(starts_at)s, now()), %(ends_at)s,
        %(created_by)s)
RETURNING id;

-- name: announce_otherwise
UPDATE orderbell.announcement
SET level = %(level)s, title = %(title)s, body = %(body)s, url = %(url)s, action = %(action)s,
    starts_at = %(starts_at)s, ends_at = %(ends_at)s
WHERE id = %(id)s;

-- name: withdraw_announcement
UPDATE orderbell.announcement SET withdrawn_at = now() WHERE id = %(id)s AND withdrawn_at IS NULL;

-- name: ring_announcements
SELECT pg_notify('orderbell_live', '');

-- name: templates
SELECT id, event, audience, channel, locale, version, state, title, body, text, action, coalesce(author, '') AS author,
       created_at, published_at
FROM orderbell.template
WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
  AND (%(id)s::bigint IS NULL OR id = %(id)s)
  AND (%(event)s::text IS NULL OR event = %(event)s)
  AND (%(audience)s::text IS NULL OR audience = %(audience)s)
  AND (%(channel)s::text IS NULL OR channel = %(channel)s)
  AND (%(locale)s::text IS NULL OR locale = %(locale)s)
  AND (%(state)s::text IS NULL OR state = %(state)s)
ORDER BY id DESC LIMIT %(limit)s;

-- name: suppressions
-- The newest first; of those that were closed at the same moment, by a digest, so that no address is in a link.
SELECT channel, address, reason, coalesce(detail, '') AS detail, since, md5(channel || ' ' || address) AS digest
FROM orderbell.suppression
WHERE (%(channel)s::text IS NULL OR channel = %(channel)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(address)s::text IS NULL OR address = %(address)s)
  AND (%(at)s::timestamptz IS NULL OR (since, md5(channel || ' ' || address)) < (%(at)s, %(digest)s::text))
ORDER BY since DESC, digest DESC LIMIT %(limit)s;

-- name: outcomes
SELECT channel, state, count(*) AS count FROM (
    SELECT channel, state FROM orderbell.delivery
    UNION ALL
    SELECT channel, state FROM orderbell.delivery_history WHERE finished_at > now() - interval '24 hours') every
GROUP BY channel, state ORDER BY channel, state;

-- name: queue
SELECT count(*) AS deliveries,
       count(*) FILTER (WHERE state = 'pending' AND hold IS NULL AND due_at <= now()) AS due,
       count(*) FILTER (WHERE state = 'sending') AS sending,
       count(*) FILTER (WHERE hold IS NOT NULL) AS held,
       min(due_at) FILTER (WHERE state = 'pending' AND hold IS NULL AND due_at <= now()) AS oldest_due_at,
       (SELECT count(*) FROM orderbell.change) AS changes,
       (SELECT count(*) FROM orderbell.change_failed) AS changes_failed,
       (SELECT count(*) FROM orderbell.scheduled) AS scheduled
FROM orderbell.delivery;

-- name: connected
-- A daemon that was not heard of for so long has nobody.
SELECT count(DISTINCT o.user_id) AS people, count(DISTINCT o.node) AS daemons
FROM orderbell.online o
JOIN orderbell.node n ON n.name = o.node AND n.seen_at > now() - make_interval(secs => %(dead)s);
