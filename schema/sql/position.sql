-- Where the change log was read up to, and what was read: written together, or not at all (daemon.capture.changelog).

-- name: read
-- The row's ctid: under a transaction that keeps vacuum from removing old versions of the row, and it has a new one with
-- every batch, to find it by its key takes longer and longer.
SELECT ctid::text, slot, publication, system_identifier, lsn::text, horizon::text::bigint, gap
FROM orderbell.change_log;

-- name: watches
SELECT name, relation::bigint, since::text, until::text FROM orderbell.watch;

-- name: write
-- Some changes, or none where COPY has written them, and the place after them. Nothing where the place is not where this reader left it: then another one reads.
-- Who finds the gate taken rings, as a trigger does (capture.sql).
WITH moved AS (
    UPDATE orderbell.change_log
    SET lsn = %(lsn)s, horizon = %(horizon)s::text::xid8, committed_at = coalesce(%(committed_at)s, committed_at)
    WHERE ctid = %(ctid)s::text::tid AND lsn = %(before)s AND slot = %(slot)s
    RETURNING ctid
), written AS (
    INSERT INTO orderbell.change (watch, op, key, old, new, error, captured_at)
    SELECT r.watch, r.op, r.key, r.old::json, r.new::json, r.error, r.captured_at
    FROM unnest(%(watches)s::text[], %(ops)s::text[], %(keys)s::text[], %(olds)s::text[], %(news)s::text[],
                %(errors)s::text[], %(captured)s::timestamptz[])
        WITH ORDINALITY AS r (watch, op, key, old, new, error, captured_at, place)
    WHERE EXISTS (SELECT FROM moved)
    ORDER BY r.place
)
SELECT moved.ctid::text,
       NOT pg_try_advisory_xact_lock_shared(%(gate_class)s, %(gate_key)s) AND pg_notify('orderbell', '')::text = ''
FROM moved;

-- name: copy
COPY orderbell.change (watch, op, key, old, new, error, captured_at) FROM STDIN;

-- name: copy_early
-- With ids of our own: what the log still had when triggers took over comes before what they captured.
COPY orderbell.change (id, watch, op, key, old, new, error, captured_at) FROM STDIN;

-- name: heartbeat
-- A mark in the log, read back by the reader: it shows that what is written arrives. Every transaction that commits after
-- it has an id of at least this snapshot's xmin. Not where nothing was written since the last one, but for what it made
-- us write ourselves.
SELECT pg_logical_emit_message(false, 'orderbell',
           concat_ws(' ', %(token)s::text, pg_snapshot_xmin(pg_current_snapshot()),
                     to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))::text
WHERE pg_current_wal_insert_lsn() > %(after)s::pg_lsn + 1024;

-- name: told
-- What people know last of these rows: a change that waits (of those up to an id: what is found missing is put behind them),
-- else the last event.
SELECT k.key, w.value, e.name
FROM unnest(%(keys)s::text[]) AS k (key)
LEFT JOIN (SELECT DISTINCT ON (c.key) c.key, c.new ->> %(column)s AS value FROM orderbell.change c
           WHERE c.watch = %(watch)s AND c.key = ANY(%(keys)s) AND c.id <= %(up_to)s ORDER BY c.key, c.id DESC) w USING (key)
LEFT JOIN LATERAL (SELECT e.name FROM orderbell.event e
                   WHERE e.subject = %(prefix)s || ':' || k.key ORDER BY e.id DESC LIMIT 1) e ON true;

-- name: last_change
SELECT coalesce(max(id), 0) FROM orderbell.change;

-- name: end_stale_reader
-- Whoever asks holds the reader's lock: the slot is held by a server process whose client is gone.
SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
WHERE slot_name = %(slot)s AND database = current_database() AND active_pid IS NOT NULL;

-- name: mark_gap
UPDATE orderbell.change_log SET gap = true WHERE slot = %(slot)s;

-- name: standing
-- How the slot stands; and whether triggers have taken over, and all is read up to there.
SELECT s.slot_name IS NOT NULL, s.wal_status,
       pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn)::bigint,
       pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint,
       s.safe_wal_size, c.gap, u.until IS NOT NULL, c.lsn >= u.until, s.confirmed_flush_lsn > c.lsn
FROM orderbell.change_log c
LEFT JOIN pg_replication_slots s ON s.slot_name = c.slot AND s.database = current_database()
LEFT JOIN (SELECT max(until) AS until FROM orderbell.watch WHERE since IS NOT NULL HAVING bool_and(until IS NOT NULL)) u
    ON true
WHERE c.slot = %(slot)s;

-- name: copied
-- Whether this database was copied, within the cluster, from the one that the slot is of.
SELECT coalesce((SELECT s.database <> current_database() FROM pg_replication_slots s WHERE s.slot_name = %(slot)s), false)
       OR (%(slot)s::text ~ '^orderbell_[0-9]+$'
           AND %(slot)s::text <> 'orderbell_' || (SELECT oid FROM pg_database WHERE datname = current_database()));

-- name: members
-- The publication, for 0, and what was put into it: another oid means that it was taken out, or dropped, and put there again.
SELECT 0::bigint, p.oid::bigint FROM pg_publication p WHERE p.pubname = %(publication)s
UNION ALL
SELECT r.prrelid::bigint, r.oid::bigint
FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid WHERE p.pubname = %(publication)s;

-- name: published
-- As "members" was when it was last whole.
SELECT relation::bigint, member::bigint FROM orderbell.published WHERE slot = %(slot)s;

-- name: keep_published
WITH given AS (
    SELECT relation::oid, member::oid
    FROM unnest(%(relations)s::bigint[], %(members)s::bigint[]) AS g (relation, member)
), gone AS (
    DELETE FROM orderbell.published p
    WHERE p.slot = %(slot)s AND NOT EXISTS (SELECT FROM given g WHERE g.relation = p.relation)
)
INSERT INTO orderbell.published AS p (slot, relation, member)
SELECT %(slot)s, relation, member FROM given
ON CONFLICT (slot, relation) DO UPDATE SET member = excluded.member WHERE p.member <> excluded.member;

-- name: publication_exists
SELECT EXISTS (SELECT FROM pg_publication WHERE pubname = %(publication)s);

-- name: age
-- Of a transaction id, as age() counts for rows in this transaction; ids come round after 2^31, and then every row counts.
SELECT CASE WHEN pg_snapshot_xmax(pg_current_snapshot())::text::bigint - %(horizon)s::bigint > 2147000000 THEN 2147483647
            ELSE greatest(age((%(horizon)s::bigint %% 4294967296)::text::xid), 0) END;

-- name: begin_anew
-- A new slot begins here, and everything before it was told from the tables, in this very transaction.
UPDATE orderbell.change_log
SET lsn = %(lsn)s, horizon = pg_snapshot_xmin(pg_current_snapshot()), gap = false, made_at = now()
WHERE slot = %(slot)s AND lsn = %(before)s
RETURNING ctid::text,
          NOT pg_try_advisory_xact_lock_shared(%(gate_class)s, %(gate_key)s) AND pg_notify('orderbell', '')::text = '';
