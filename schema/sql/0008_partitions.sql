-- Version 8: the partitions of a day. Applied by the Alembic migration 0008.

-- The daemon makes and drops the partitions of a day through these two, so that its role need neither own the schema nor
-- create in it. Nobody may call them but who is granted to (deploy/postgresql/grants.sql).

-- Made apart and then attached: attaching holds up readers and writers of the parent for less than creating in place.
CREATE FUNCTION orderbell.make_partition(parent text, day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := parent || '_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF parent IS NULL OR parent NOT IN ('delivery_history', 'attempt') OR day IS NULL THEN
        RAISE EXCEPTION '% has no partitions of a day', parent USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('CREATE TABLE orderbell.%I (LIKE orderbell.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)',
                   name, parent);
    EXECUTE format('ALTER TABLE orderbell.%I ATTACH PARTITION orderbell.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
END
$$;

CREATE FUNCTION orderbell.drop_partition(parent text, day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF parent IS NULL OR parent NOT IN ('delivery_history', 'attempt') OR day IS NULL THEN
        RAISE EXCEPTION '% has no partitions of a day', parent USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('DROP TABLE orderbell.%I', parent || '_' || to_char(day, 'YYYYMMDD'));
END
$$;

REVOKE ALL ON FUNCTION orderbell.make_partition(text, date), orderbell.drop_partition(text, date) FROM PUBLIC;
