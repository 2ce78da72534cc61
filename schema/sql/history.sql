-- Partitions of delivery_history and attempt, a day each (UTC).

-- name: existing
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = %(parent)s::regclass AND c.relname NOT LIKE '%%\_default';

-- name: lock
-- Two daemons must not make the same partition at once; the one that comes second leaves it to the first.
SELECT pg_try_advisory_xact_lock(%(class)s, %(key)s);

-- name: make
-- By functions of the schema's owner: the daemon's role may create nothing (docs/decisions/0030).
SELECT orderbell.make_partition(%(parent)s, %(day)s);

-- name: drop
SELECT orderbell.drop_partition(%(parent)s, %(day)s);

-- name: old_notifications
-- Ids follow the time, so the oldest stand first in the primary key: nothing else is read.
WITH oldest AS (SELECT id, created_at FROM orderbell.notification ORDER BY id LIMIT %(limit)s)
DELETE FROM orderbell.notification n USING oldest o
WHERE n.id = o.id AND o.created_at < now() - make_interval(days => %(days)s);

-- name: old_messages
-- Those of events that no notification is left of. Ids of digests count downwards from zero.
WITH oldest AS ((SELECT id, event_id FROM orderbell.message WHERE id > 0 ORDER BY id LIMIT %(limit)s)
                UNION ALL
                (SELECT id, event_id FROM orderbell.message WHERE id < 0 ORDER BY id DESC LIMIT %(limit)s))
DELETE FROM orderbell.message m USING oldest o
WHERE m.id = o.id AND o.event_id < (SELECT event_id FROM orderbell.notification ORDER BY id LIMIT 1);

-- name: old_spent
-- The name of a throttle ends with its time in seconds (config.telling).
WITH over AS (SELECT ctid FROM orderbell.spent
              WHERE at < now() - make_interval(secs => split_part(throttle, ':', 3)::double precision)
              LIMIT %(limit)s)
DELETE FROM orderbell.spent s USING over o WHERE s.ctid = o.ctid;

-- name: old_audit
WITH over AS (SELECT ctid FROM orderbell.audit WHERE at < now() - make_interval(days => %(days)s) LIMIT %(limit)s)
DELETE FROM orderbell.audit a USING over o WHERE a.ctid = o.ctid;

-- name: old_announcements
WITH over AS (SELECT id FROM orderbell.announcement
              WHERE least(ends_at, withdrawn_at) < now() - make_interval(days => %(days)s) LIMIT %(limit)s)
DELETE FROM orderbell.announcement a USING over o WHERE a.id = o.id;

-- name: old_events
WITH oldest AS (SELECT id, planned_at FROM orderbell.event ORDER BY id LIMIT %(limit)s)
DELETE FROM orderbell.event e USING oldest o
WHERE e.id = o.id AND o.planned_at < now() - make_interval(days => %(days)s)
  AND NOT EXISTS (SELECT FROM orderbell.notification n WHERE n.event_id = e.id);
