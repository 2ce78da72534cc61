-- Capture from the change log (WAL).

-- name: types
-- How values of these types become JSON, as daemon.capture.changelog.kinds has it. A type counts as built in by the
-- rule of schema/inspection.py: initdb made it (16384 is FirstNormalObjectId) in pg_catalog, and its elements too. A
-- domain is what it stands on; an array of anything else is an array of text; a composite type is a record, whatever
-- its fields; everything else is text.
WITH RECURSIVE base (asked, oid) AS (
    SELECT asked, asked FROM unnest(%(oids)s::oid[]) AS asked
    UNION
    SELECT base.asked, t.typbasetype FROM base JOIN pg_type t ON t.oid = base.oid WHERE t.typtype = 'd'
), typed AS (
    SELECT base.asked,
           CASE WHEN t.oid < 16384 AND t.typelem < 16384 AND t.typnamespace = 'pg_catalog'::regnamespace
                     AND t.typtype IN ('b', 'r', 'm') THEN t.oid
                WHEN t.typcategory = 'A' THEN 'text[]'::regtype
                WHEN t.typtype = 'c' THEN 'record'::regtype
                ELSE 'text'::regtype
           END AS stands_on
    FROM base JOIN pg_type t ON t.oid = base.oid AND t.typtype <> 'd'
)
SELECT typed.asked, typed.stands_on::oid, e.oid, e.typdelim::text
FROM typed JOIN pg_type t ON t.oid = typed.stands_on
-- A point has elements as well, and is no array.
LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typsubscript = 'array_subscript_handler'::regproc;

-- name: slot
-- How the slot stands, and how much of the log it has not given yet, and keeps on disk.
SELECT s.database::text, s.plugin::text, s.active_pid, s.wal_status, to_jsonb(s) ->> 'invalidation_reason',
       s.confirmed_flush_lsn::text, s.restart_lsn::text,
       pg_wal_lsn_diff(here.lsn, s.confirmed_flush_lsn)::bigint, pg_wal_lsn_diff(here.lsn, s.restart_lsn)::bigint,
       s.safe_wal_size
FROM pg_replication_slots s,
     (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END) AS here (lsn)
WHERE s.slot_name = %(slot)s;

-- name: place
-- Which database of which cluster this is, and which transactions are over.
SELECT d.oid, d.datname::text, s.system_identifier::text, pg_snapshot_xmin(pg_current_snapshot())::text
FROM pg_database d, pg_control_system() s WHERE d.datname = current_database();

-- name: server
-- What logical replication needs of the server, and of this role.
SELECT current_user::text, pg_is_in_recovery(), current_setting('wal_level'),
       current_setting('max_replication_slots')::int, (SELECT count(*) FROM pg_replication_slots),
       current_setting('max_wal_senders')::int, (SELECT count(*) FROM pg_stat_replication),
       has_database_privilege(current_database(), 'CREATE'), current_setting('server_version_num')::int;

-- name: limits
-- What may become of a slot that nobody reads, and of commits that wait for standbys.
SELECT current_setting('max_slot_wal_keep_size'), current_setting('idle_replication_slot_timeout', true),
       current_setting('synchronous_standby_names');

-- name: publication
-- What it publishes of each table, and whose it is.
SELECT p.oid, pg_get_userbyid(p.pubowner)::text, pg_has_role(p.pubowner, 'USAGE'),
       obj_description(p.oid, 'pg_publication'), p.pubinsert AND p.pubupdate AND p.pubdelete, p.pubtruncate, p.pubviaroot,
       coalesce(to_jsonb(p) ->> 'pubgencols', 's') = 's', p.puballtables
FROM pg_publication p WHERE p.pubname = %(publication)s;

-- name: members
-- The tables that were put into it by name, and whether as a whole.
SELECT c.oid, n.nspname::text, c.relname::text, r.prqual IS NULL AND r.prattrs IS NULL
FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.prpubid = %(oid)s ORDER BY 2, 3;

-- name: published
-- The tables that it publishes, for whatever reason; a partitioned one by the name under which its changes appear.
SELECT c.oid, n.nspname::text, c.relname::text
FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
WHERE t.pubname = %(publication)s ORDER BY 2, 3;

-- name: identity
-- What the log holds of an old row: the columns of the index that identifies it (null: none does), unless it is all (f).
-- An index that may be violated within a transaction identifies nothing.
SELECT c.oid, format('%%I.%%I', n.nspname, c.relname), c.relkind::text, c.relpersistence::text, c.relreplident::text,
       (SELECT array_agg(a.attname::text) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum = ANY(x.indkey[0:x.indnkeyatts - 1])),
       EXISTS (SELECT FROM pg_index k WHERE k.indrelid = c.oid AND k.indisprimary AND k.indimmediate AND k.indisvalid),
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 's'),
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated = 'v' AND NOT a.attisdropped),
       pg_has_role(c.relowner, 'USAGE')
FROM unnest(%(oids)s::oid[]) WITH ORDINALITY AS asked (oid, place)
JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index x ON x.indrelid = c.oid AND x.indisvalid AND x.indisunique AND x.indimmediate AND x.indpred IS NULL
    AND CASE c.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident ELSE false END
ORDER BY asked.place;

-- name: record
SELECT slot, publication, system_identifier, lsn::text, horizon::text, gap FROM orderbell.change_log;

-- name: horizon_here
-- The horizon in a cluster that is another one now. Where ids of transactions went on (pg_upgrade, a copy of the files), it
-- holds. Where they did not (a dump restored), they are of another count, which shows by this row's own: it is always
-- written by a transaction behind its horizon. Then every row counts: 3 is the first id of all.
SELECT CASE WHEN horizon > pg_snapshot_xmax(pg_current_snapshot())
                 OR age(xmin) > age((horizon::text::bigint %% 4294967296)::text::xid) THEN '3'
            ELSE horizon::text END
FROM orderbell.change_log WHERE slot = %(slot)s;

-- name: begin
-- From here on the log is read.
INSERT INTO orderbell.change_log (slot, publication, system_identifier, lsn, horizon, gap)
VALUES (%(slot)s, %(publication)s, %(system)s, %(lsn)s, %(horizon)s::text::xid8, %(gap)s);

-- name: places_elsewhere
-- Places in the log of another cluster, or another database: a watch that is captured from the log is so from the new
-- slot's beginning on.
UPDATE orderbell.watch SET since = CASE WHEN until IS NULL THEN '0/0'::pg_lsn END, until = NULL WHERE since IS NOT NULL;

-- name: switches
-- Between which places of the log a watch is captured from it.
SELECT name, definition, relation, since IS NOT NULL AND until IS NULL, until::text FROM orderbell.watch;

-- name: to_the_log
-- While nobody writes to the table: what commits from here on is captured from the log. Where no trigger captured it
-- before, all that the log has is: it has nothing from before the table was published.
INSERT INTO orderbell.watch (name, table_name, definition, relation, since)
VALUES (%(watch)s, %(table)s, %(definition)s, %(relation)s,
        CASE WHEN %(by_triggers)s THEN pg_current_wal_insert_lsn() ELSE '0/0'::pg_lsn END)
ON CONFLICT (name) DO UPDATE
SET table_name = excluded.table_name, definition = excluded.definition, relation = excluded.relation,
    since = excluded.since, until = NULL, installed_at = now();

-- name: to_the_triggers
-- While nobody writes to the table: what commits from here on is captured by triggers.
UPDATE orderbell.watch SET until = pg_current_wal_insert_lsn()
WHERE name = %(watch)s AND since IS NOT NULL AND until IS NULL AND EXISTS (SELECT FROM orderbell.change_log);

-- name: say_switched
-- In the transaction that moves a watch between triggers and log: who reads the log asks anew which watches are its own
-- when it has come to that commit.
SELECT pg_logical_emit_message(true, 'orderbell', 'switch')
WHERE current_setting('wal_level') = 'logical' AND EXISTS (SELECT FROM orderbell.change_log);

-- name: redefine
UPDATE orderbell.watch SET table_name = %(table)s, definition = %(definition)s, installed_at = now() WHERE name = %(watch)s;

-- name: forget_watch
DELETE FROM orderbell.watch WHERE name = %(watch)s;

-- name: unread
-- Up to where the log must still be read. Null: nowhere. No row: on and on.
SELECT max(w.until) FILTER (WHERE w.until > c.lsn)::text
FROM orderbell.change_log c LEFT JOIN orderbell.watch w ON w.since IS NOT NULL
GROUP BY c.lsn
HAVING bool_and(w.name IS NULL OR w.until IS NOT NULL);

-- name: end
-- The log is read no more: places in it mean nothing now.
WITH gone AS (DELETE FROM orderbell.change_log)
UPDATE orderbell.watch SET since = NULL, until = NULL WHERE since IS NOT NULL;

-- name: behind
-- Watches that triggers have taken over, from a place on that the log is not read up to.
SELECT w.name, w.until::text FROM orderbell.watch w, orderbell.change_log c WHERE w.until > c.lsn ORDER BY 1;
