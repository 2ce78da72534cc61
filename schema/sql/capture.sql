-- Capture of one watch: a function and two statement-level triggers. Filled in by schema.capture (identifiers and
-- literals only). Run inside the install transaction, after `SET LOCAL lock_timeout`.
--
-- What it must hold:
--  * the application's write never fails because of us. Whatever goes wrong here (a watched column dropped or renamed)
--    is caught, and the rows are kept whole for the planner to make sense of; should that fail too, a warning is left;
--  * it never waits: one insert into a table that nothing locks, and a lock that is only tried;
--  * the application's role needs no grant (SECURITY DEFINER) and can't redirect names (fixed search_path);
--  * it runs no code of the application with our rights. A cast that the application defined would be such code, and
--    json_build_object, json_agg and `::text` look for one on every type that is not built in. So only columns whose
--    type is built in, now and not just when this was installed, are handed to them as they are. Every other is
--    written by its type's output function, which only a superuser can define: concat(). No operator of a type is
--    used: keys are joined as text, rows compared by their bytes. (docs/decisions/0010)
--
-- The doorbell: a silent writer holds the shared lock until its transaction ends; a daemon that goes idle waits for it
-- with the exclusive lock. Whoever can't have the shared lock rings. (design 5.2) Where transactions can be prepared
-- nobody rings, because PREPARE TRANSACTION fails after a NOTIFY; there the daemon looks by itself. (0011)

-- name: function
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- The plan of a session's first update, of one row, is kept: a nested loop would be quadratic for one of many rows.
SET enable_nestloop = off
AS $orderbell$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO orderbell.change (watch, op, key, new)
        SELECT {watch}, 'insert', {key_text}, json_build_object({new_pairs})
        FROM orderbell_new n
        WHERE {as_installed};
    ELSE
        -- A row whose key was changed as well has no partner: its old values are unknown, which is not the same as new.
        INSERT INTO orderbell.change (watch, op, key, old, new)
        SELECT {watch}, 'update', concat(n.{key}),
               CASE WHEN o.{key} IS NULL THEN '{{}}' ELSE json_build_object({old_pairs}) END,
               json_build_object({new_pairs})
        FROM orderbell_new n LEFT JOIN orderbell_old o ON concat(o.{key}) = concat(n.{key}) AND o.{key} IS NOT NULL
        WHERE n.{key} IS NOT NULL AND {as_installed}
          AND ROW({old_row})::record OPERATOR(pg_catalog.*<>) ROW({new_row})::record;
    END IF;
    IF FOUND AND current_setting('max_prepared_transactions') = '0'
        AND NOT pg_try_advisory_xact_lock_shared({gate_class}, {gate_key})
    THEN
        PERFORM pg_notify('orderbell', '');
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    DECLARE
        cause text := SQLERRM || ' (' || SQLSTATE || ')';
        columns text;
    BEGIN
        SELECT string_agg(
                   CASE WHEN a.atttypid < 16384 AND t.typtype = 'b' THEN format('r.%I', a.attname)
                        ELSE format('CASE WHEN r.%1$I IS NULL THEN NULL ELSE concat(r.%1$I) END AS %1$I',
                                    a.attname) END,
                   ', ' ORDER BY a.attnum)
        INTO columns
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped;
        IF TG_OP = 'INSERT' THEN
            EXECUTE format(
                'INSERT INTO orderbell.change (watch, op, new, error)
                 SELECT $1, ''rows'', json_agg(n), $2 FROM (SELECT %s FROM orderbell_new r) n HAVING count(*) > 0',
                columns) USING {watch}, cause;
        ELSE
            EXECUTE format(
                'INSERT INTO orderbell.change (watch, op, old, new, error)
                 SELECT $1, ''rows'', (SELECT json_agg(o) FROM (SELECT %1$s FROM orderbell_old r) o), json_agg(n), $2
                 FROM (SELECT %1$s FROM orderbell_new r) n HAVING count(*) > 0',
                columns) USING {watch}, cause;
        END IF;
        IF current_setting('max_prepared_transactions') = '0' THEN
            PERFORM pg_notify('orderbell', '');
        END IF;
        RETURN NULL;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'orderbell: a change of % was not captured: %; then: %', TG_RELID::regclass, cause, SQLERRM;
        RETURN NULL;
    END;
END
$orderbell$;

-- name: revoke
-- Or whoever may use the schema could put it on a table of their own, and forge changes.
REVOKE ALL ON FUNCTION {function}() FROM PUBLIC;

-- name: insert_trigger
CREATE OR REPLACE TRIGGER {insert_trigger} AFTER INSERT ON {table}
REFERENCING NEW TABLE AS orderbell_new
FOR EACH STATEMENT EXECUTE FUNCTION {function}();

-- name: update_trigger
CREATE OR REPLACE TRIGGER {update_trigger} AFTER UPDATE ON {table}
REFERENCING OLD TABLE AS orderbell_old NEW TABLE AS orderbell_new
FOR EACH STATEMENT EXECUTE FUNCTION {function}();
