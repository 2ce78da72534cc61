-- Capture of one watch: a function and two statement-level triggers. Filled in by schema.capture (identifiers and
-- literals only). Run inside the install transaction, after `SET LOCAL lock_timeout`.
--
-- What it must hold:
--  * the application's write never fails because of us. Whatever goes wrong here (a watched column dropped or renamed)
--    is caught, and the rows are kept whole for the planner to make sense of; should that fail too, a warning is left;
--  * it never waits: one insert into a table that nothing locks, and a lock that is only tried;
--  * the application's role needs no grant (SECURITY DEFINER) and can't redirect names (fixed search_path).
--
-- The doorbell: a silent writer holds the shared lock until its transaction ends; a daemon that goes idle waits for it
-- with the exclusive lock. Whoever can't have the shared lock rings. (design 5.2)

-- name: function
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $orderbell$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO orderbell.change (watch, op, key, new)
        SELECT {watch}, 'insert', n.{key}::text, json_build_object({new_pairs})
        FROM orderbell_new n;
    ELSE
        INSERT INTO orderbell.change (watch, op, key, old, new)
        SELECT {watch}, 'update', n.{key}::text, json_build_object({old_pairs}), json_build_object({new_pairs})
        FROM orderbell_old o JOIN orderbell_new n ON n.{key} = o.{key}
        WHERE {old_row} IS DISTINCT FROM {new_row};
    END IF;
    IF FOUND AND NOT pg_try_advisory_xact_lock_shared({gate_class}, {gate_key}) THEN
        PERFORM pg_notify('orderbell', '');
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    DECLARE
        cause text := SQLERRM || ' (' || SQLSTATE || ')';
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO orderbell.change (watch, op, new, error)
            SELECT {watch}, 'rows', json_agg(n), cause FROM orderbell_new n HAVING count(*) > 0;
        ELSE
            INSERT INTO orderbell.change (watch, op, old, new, error)
            SELECT {watch}, 'rows', (SELECT json_agg(o) FROM orderbell_old o), json_agg(n), cause
            FROM orderbell_new n HAVING count(*) > 0;
        END IF;
        PERFORM pg_notify('orderbell', '');
        RETURN NULL;
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'orderbell: a change of % was not captured: %; then: %', TG_RELID::regclass, cause, SQLERRM;
        RETURN NULL;
    END;
END
$orderbell$;

-- name: insert_trigger
CREATE TRIGGER {insert_trigger} AFTER INSERT ON {table}
REFERENCING NEW TABLE AS orderbell_new
FOR EACH STATEMENT EXECUTE FUNCTION {function}();

-- name: update_trigger
CREATE TRIGGER {update_trigger} AFTER UPDATE ON {table}
REFERENCING OLD TABLE AS orderbell_old NEW TABLE AS orderbell_new
FOR EACH STATEMENT EXECUTE FUNCTION {function}();
