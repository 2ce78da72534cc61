-- What a person brings back by hand.

-- name: bring_back
-- As new changes, in their old order; the ring wakes a sleeping daemon.
WITH back AS (
    DELETE FROM orderbell.change_failed RETURNING id, watch, op, key, old, new, captured_at
), put AS (
    INSERT INTO orderbell.change (watch, op, key, old, new, captured_at)
    SELECT watch, op, key, old, new, captured_at FROM back ORDER BY id
    RETURNING 1
)
SELECT pg_notify('orderbell', '') FROM put;
