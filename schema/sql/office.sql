-- Who is at work in the whole database (daemon.office).

-- name: try_lock
SELECT pg_try_advisory_lock(%(class)s, %(key)s);
