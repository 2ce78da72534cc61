-- Past events, read page by page for a replay. Every statement stands alone: no transaction stays open, so neither a lock
-- on the application's tables nor an old snapshot is held while events are planned.

-- name: bounds
SELECT min(id), max(id) FROM orderbell.event;

-- name: event_at
-- The first from this id on. Ids are given in the order of planning, so a moment is found by halving.
SELECT id, planned_at FROM orderbell.event WHERE id >= %(id)s ORDER BY id LIMIT 1;

-- name: page
SELECT id, name, subject, watch, key, coalesce(label, key), data, captured_at, coalesce(planned_at, captured_at),
       idempotency_key
FROM orderbell.event
WHERE id >= %(first)s AND id < %(end)s
ORDER BY id LIMIT %(limit)s;
