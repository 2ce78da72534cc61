-- The inboxes, as the hub and the REST API ask of them. Each statement names the person.

-- name: summary
-- In one statement: the count is as of that id, and what commits later is not before that transaction.
SELECT (SELECT coalesce(max(id), 0) FROM orderbell.notification WHERE user_id = %(user_id)s),
       (SELECT count(*) FROM orderbell.notification
        WHERE user_id = %(user_id)s AND read_at IS NULL AND withdrawn_at IS NULL AND deleted_at IS NULL),
       pg_snapshot_xmin(pg_current_snapshot())::text;

-- name: replay
SELECT n.id, n.event, n.subject, n.audience, n.category, n.priority, m.title, m.body, m.url, m.action, n.created_at,
       n.read_at, n.seen_at, n.archived_at, n.expires_at
FROM orderbell.notification n JOIN orderbell.message m ON m.id = n.message_id
WHERE n.user_id = %(user_id)s AND n.id > %(after)s AND n.withdrawn_at IS NULL AND n.deleted_at IS NULL
ORDER BY n.id LIMIT %(limit)s;

-- name: changes
-- A row with nulls where nothing was changed; none where this database has not come as far as "since".
SELECT n.id, n.read_at, n.seen_at, n.archived_at, n.withdrawn_at IS NOT NULL OR n.deleted_at IS NOT NULL, false
FROM (SELECT WHERE %(since)s::xid8 <= pg_snapshot_xmax(pg_current_snapshot())) known
LEFT JOIN LATERAL (
    SELECT * FROM orderbell.notification
    WHERE user_id = %(user_id)s AND changed >= %(since)s::xid8 AND changed < pg_snapshot_xmax(pg_current_snapshot()) AND id <= %(up_to)s
    ORDER BY id LIMIT %(limit)s
) n ON true
ORDER BY n.id;

-- name: mark
-- Locked first, in order of id, so that what is there before is known and two marks never wait for each other. Of what is
-- archived nothing is unread.
WITH mine AS MATERIALIZED (
    SELECT id, read_at, seen_at, archived_at,
           CASE %(mark)s::text
               WHEN 'read' THEN read_at IS NULL
               WHEN 'unread' THEN read_at IS NOT NULL AND archived_at IS NULL
               WHEN 'seen' THEN seen_at IS NULL
               WHEN 'archived' THEN archived_at IS NULL
               WHEN 'unarchived' THEN archived_at IS NOT NULL
               ELSE true
           END AS changes
    FROM orderbell.notification
    WHERE user_id = %(user_id)s AND id = ANY(%(ids)s::bigint[]) AND withdrawn_at IS NULL AND deleted_at IS NULL
    ORDER BY id FOR UPDATE
), marked AS (
    UPDATE orderbell.notification n
    SET read_at = CASE WHEN %(mark)s::text = 'unread' THEN NULL
                       WHEN %(mark)s::text IN ('read', 'archived', 'deleted') THEN coalesce(n.read_at, now())
                       ELSE n.read_at END,
        seen_at = CASE WHEN %(mark)s::text IN ('unread', 'unarchived') THEN n.seen_at
                       ELSE coalesce(n.seen_at, now()) END,
        archived_at = CASE %(mark)s::text WHEN 'archived' THEN now() WHEN 'unarchived' THEN NULL
                      ELSE n.archived_at END,
        deleted_at = CASE WHEN %(mark)s::text = 'deleted' THEN now() END,
        changed = pg_current_xact_id()
    FROM mine WHERE n.id = mine.id AND mine.changes
    RETURNING n.id, n.read_at, n.seen_at, n.archived_at, n.deleted_at
)
SELECT mine.id,
       CASE WHEN mine.changes THEN marked.read_at ELSE mine.read_at END,
       CASE WHEN mine.changes THEN marked.seen_at ELSE mine.seen_at END,
       CASE WHEN mine.changes THEN marked.archived_at ELSE mine.archived_at END,
       marked.deleted_at IS NOT NULL,
       marked.deleted_at IS NOT NULL AND mine.read_at IS NULL
FROM mine LEFT JOIN marked USING (id)
ORDER BY mine.id;

-- name: mark_all
-- Up to a bound: what comes meanwhile was not on the screen of whoever asked for this.
WITH newest AS (
    SELECT coalesce(max(id), 0) AS id FROM orderbell.notification WHERE user_id = %(user_id)s
), mine AS MATERIALIZED (
    SELECT n.id FROM orderbell.notification n, newest
    WHERE n.user_id = %(user_id)s AND n.id <= newest.id AND n.withdrawn_at IS NULL AND n.deleted_at IS NULL
      AND CASE %(mark)s::text WHEN 'read' THEN n.read_at IS NULL WHEN 'seen' THEN n.seen_at IS NULL
          ELSE n.archived_at IS NULL END
    ORDER BY n.id FOR UPDATE OF n
), marked AS (
    UPDATE orderbell.notification n
    SET read_at = CASE WHEN %(mark)s::text = 'seen' THEN n.read_at ELSE coalesce(n.read_at, now()) END,
        seen_at = coalesce(n.seen_at, now()),
        archived_at = CASE WHEN %(mark)s::text = 'archived' THEN now() ELSE n.archived_at END,
        changed = pg_current_xact_id()
    FROM mine WHERE n.id = mine.id AND n.user_id = %(user_id)s
)
SELECT id, now() FROM newest;

-- name: put_away
-- Whatever is read and still in the inbox. Locked first: what somebody marks as unread meanwhile is looked at again once
-- its lock is free, and stays. Says how many, and how the first of them stand.
WITH mine AS MATERIALIZED (
    SELECT id FROM orderbell.notification
    WHERE user_id = %(user_id)s AND read_at IS NOT NULL AND archived_at IS NULL AND withdrawn_at IS NULL
      AND deleted_at IS NULL
    ORDER BY id FOR UPDATE
), marked AS (
    UPDATE orderbell.notification n
    SET seen_at = coalesce(n.seen_at, now()),
        archived_at = CASE WHEN %(mark)s::text = 'archived' THEN now() END,
        deleted_at = CASE WHEN %(mark)s::text = 'deleted' THEN now() END,
        changed = pg_current_xact_id()
    FROM mine WHERE n.id = mine.id AND n.user_id = %(user_id)s
    RETURNING n.id, n.read_at, n.seen_at, n.archived_at, n.deleted_at
)
SELECT (SELECT count(*) FROM marked), id, read_at, seen_at, archived_at, deleted_at IS NOT NULL, false
FROM marked ORDER BY id LIMIT %(most)s;

-- name: moment
-- How far all inboxes are: the newest id by the primary key's index.
SELECT (SELECT coalesce(max(id), 0) FROM orderbell.notification), pg_snapshot_xmin(pg_current_snapshot())::text;

-- name: missed
-- For everybody of a hub that was cut off: each by the index, and no more rows than are asked for.
SELECT p.user_id, n.id, n.event, n.subject, n.audience, n.category, n.priority, m.title, m.body, m.url, m.action,
       n.created_at, n.read_at, n.seen_at, n.archived_at, n.expires_at
FROM unnest(%(people)s::text[]) AS p (user_id)
CROSS JOIN LATERAL (
    SELECT * FROM orderbell.notification
    WHERE user_id = p.user_id AND id > %(after)s AND withdrawn_at IS NULL AND deleted_at IS NULL
    ORDER BY id LIMIT %(limit)s
) n
JOIN orderbell.message m ON m.id = n.message_id
ORDER BY n.id LIMIT %(limit)s;

-- name: missed_changes
SELECT n.user_id, n.id, n.read_at, n.seen_at, n.archived_at, n.withdrawn_at IS NOT NULL OR n.deleted_at IS NOT NULL,
       false
FROM (SELECT WHERE %(since)s::xid8 <= pg_snapshot_xmax(pg_current_snapshot())) known
LEFT JOIN LATERAL (
    SELECT c.* FROM unnest(%(people)s::text[]) AS p (user_id)
    CROSS JOIN LATERAL (
        SELECT * FROM orderbell.notification
        WHERE user_id = p.user_id AND changed >= %(since)s::xid8 AND changed < pg_snapshot_xmax(pg_current_snapshot())
        ORDER BY id LIMIT %(limit)s
    ) c
    ORDER BY c.id LIMIT %(limit)s
) n ON true
ORDER BY n.id;

-- name: stats
-- What a person was told since some days ago (UTC): per event, per day, and in all; also what they have deleted since.
-- "delivered": on one channel at least it was taken for delivery.
WITH mine AS MATERIALIZED (
    SELECT id, event, (created_at AT TIME ZONE 'UTC')::date AS day, read_at,
           CASE WHEN read_at IS NOT NULL THEN greatest(extract(epoch FROM read_at - created_at), 0) END::double precision
               AS seconds
    FROM orderbell.notification
    WHERE user_id = %(user_id)s AND withdrawn_at IS NULL AND created_at >= %(since)s::timestamptz
), delivered AS MATERIALIZED (
    SELECT DISTINCT h.notification_id FROM mine
    JOIN orderbell.delivery_history h ON h.notification_id = mine.id
    WHERE h.state IN ('sent', 'delivered') AND h.finished_at >= %(since)s::timestamptz
)
SELECT event, day, count(*), count(d.notification_id), count(read_at),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds)
FROM mine LEFT JOIN delivered d ON d.notification_id = mine.id
GROUP BY GROUPING SETS ((event), (day), ())
ORDER BY count(*) DESC, event, day;

-- name: stats_channels
-- How far the deliveries of the same have come.
WITH mine AS MATERIALIZED (
    SELECT id, subject FROM orderbell.notification
    WHERE user_id = %(user_id)s AND withdrawn_at IS NULL AND created_at >= %(since)s::timestamptz
)
SELECT channel, state, count(*) FROM (
    SELECT h.channel, h.state FROM mine
    JOIN orderbell.delivery_history h ON h.notification_id = mine.id
    WHERE h.finished_at >= %(since)s::timestamptz AND h.kind IS DISTINCT FROM 'withdrawal'
    UNION ALL
    SELECT d.channel, d.state FROM mine
    JOIN orderbell.delivery d ON d.subject = mine.subject AND d.user_id = %(user_id)s AND d.notification_id = mine.id
    WHERE d.kind IS NULL
) each GROUP BY channel, state ORDER BY channel, state;
