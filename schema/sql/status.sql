-- How things stand, for `orderbell status`. Reads only, and again every second: nothing here walks over what is finished.

-- name: queue
-- What is not finished, by channel. Of what waits to be put together with others, due_at is when it is let go.
SELECT channel,
       count(*) FILTER (WHERE hold IS NULL AND state = 'pending' AND due_at <= now()) AS due,
       count(*) FILTER (WHERE hold IS NULL AND state = 'pending' AND due_at > now() AND attempt > 0) AS retrying,
       count(*) FILTER (WHERE hold IS NULL AND state = 'pending' AND due_at > now() AND attempt = 0) AS later,
       count(*) FILTER (WHERE state = 'sending') AS sending,
       count(*) FILTER (WHERE hold IS NOT NULL AND state = 'pending') AS held,
       extract(epoch FROM now() - min(due_at) FILTER (WHERE hold IS NULL AND due_at <= now()))::float8 AS oldest_seconds
FROM orderbell.delivery GROUP BY channel ORDER BY channel;

-- name: changes
SELECT (SELECT count(*) FROM orderbell.change) AS waiting,
       (SELECT extract(epoch FROM now() - min(captured_at))::float8 FROM orderbell.change) AS oldest_seconds,
       (SELECT count(*) FROM orderbell.change_failed) AS set_aside,
       (SELECT count(*) FROM orderbell.scheduled) AS scheduled,
       (SELECT count(*) FROM orderbell.delivery_history
        WHERE state = 'failed' AND finished_at > now() - interval '1 hour') AS failed_last_hour;

-- name: planners
-- Who plans, and who stands by. A two-integer key has objsubid 2.
SELECT l.granted, coalesce(a.application_name, '') AS application, host(a.client_addr) AS address,
       extract(epoch FROM now() - a.backend_start)::float8 AS since_seconds
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid::bigint = %(class)s AND l.objid::bigint = %(key)s
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY l.granted DESC, a.backend_start;

-- name: nodes
SELECT n.name, extract(epoch FROM now() - n.seen_at)::float8 AS seen_seconds, count(o.user_id) AS people
FROM orderbell.node n LEFT JOIN orderbell.online o ON o.node = n.name
GROUP BY n.name, n.seen_at ORDER BY n.name;

-- name: has_change_log
SELECT to_regclass('orderbell.change_log') IS NOT NULL;

-- name: change_log
-- A slot that the server does not know (any more) has no state.
SELECT c.slot, s.slot_name IS NOT NULL AS exists, coalesce(s.active, false) AS active, s.wal_status AS state,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
                       s.confirmed_flush_lsn)::bigint AS lag_bytes,
       s.safe_wal_size AS safe_bytes,
       extract(epoch FROM now() - c.committed_at)::float8 AS committed_seconds
FROM orderbell.change_log c LEFT JOIN pg_replication_slots s ON s.slot_name = c.slot
ORDER BY c.slot;
