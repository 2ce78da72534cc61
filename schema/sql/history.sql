-- Partitions of delivery_history and attempt, a day each (UTC). Bounds are made in Python and passed as literals.

-- name: existing
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = %(parent)s::regclass AND c.relname NOT LIKE '%%\_default';

-- name: lock
-- Two daemons must not make the same partition at once; the one that comes second leaves it to the first.
SELECT pg_try_advisory_xact_lock(%(class)s, %(key)s);

-- name: create
-- Made apart and then attached: attaching holds up readers and writers of the parent for less than creating in place.
CREATE TABLE {partition} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES);

-- name: attach
ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES FROM ({start}) TO ({end});

-- name: drop
DROP TABLE {partition};
