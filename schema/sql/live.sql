-- Who is connected, to which daemon; and what is announced.

-- name: installation
SELECT id::text FROM orderbell.installation;

-- name: beat
-- This daemon is there; what daemons left behind that are not is swept away.
WITH seen AS (
    INSERT INTO orderbell.node (name) VALUES (%(node)s)
    ON CONFLICT (name) DO UPDATE SET seen_at = now()
), dead AS (
    DELETE FROM orderbell.node WHERE seen_at < now() - make_interval(secs => %(dead)s) AND name <> %(node)s
    RETURNING name
)
DELETE FROM orderbell.online o
WHERE o.node IN (SELECT name FROM dead)
   OR o.node <> %(node)s AND NOT EXISTS (SELECT FROM orderbell.node n WHERE n.name = o.node);

-- name: came
INSERT INTO orderbell.online (user_id, node) SELECT u, %(node)s FROM unnest(%(people)s::text[]) AS u
ON CONFLICT DO NOTHING;

-- name: left
DELETE FROM orderbell.online WHERE node = %(node)s AND user_id = ANY(%(people)s);

-- name: here
-- Whom the database thinks this daemon has: after a crash, or a long outage, that may be wrong.
SELECT user_id FROM orderbell.online WHERE node = %(node)s;

-- name: gone
WITH node AS (DELETE FROM orderbell.node WHERE name = %(node)s)
DELETE FROM orderbell.online WHERE node = %(node)s;

-- name: online_elsewhere
-- Those of these people who are connected to another daemon that is alive.
SELECT DISTINCT o.user_id FROM orderbell.online o
JOIN orderbell.node n ON n.name = o.node AND n.seen_at > now() - make_interval(secs => %(dead)s)
WHERE o.user_id = ANY(%(people)s) AND o.node <> %(node)s;

-- name: announcements
-- Those that hold now, the newest first.
SELECT id, audience, level, title, body, url, action, starts_at, ends_at FROM orderbell.announcement
WHERE withdrawn_at IS NULL AND (ends_at IS NULL OR ends_at > now())
  AND starts_at <= now()
ORDER BY starts_at DESC, id DESC LIMIT %(limit)s;
