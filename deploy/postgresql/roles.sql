-- The two roles of Orderbell, and what each may do with the application's tables. Run it as whoever may make roles and
-- grant on those tables; as often as you like. After `orderbell install`, and after every upgrade, run grants.sql.
--
--   psql -d shop -v watched='orders' -v read='users, vendors, drivers' -f deploy/postgresql/roles.sql
--
-- owner     makes and migrates the schema orderbell, and puts triggers on the watched tables: `orderbell install`
-- daemon    is what the daemon runs as: it reads the application's tables and writes none of them
-- watched   the tables of [[watch]], as SQL spells them: 'public.orders, "Payment"'; partitions are found
-- read      the tables and views that the queries of [people], [audience.*] and conditions read; may be empty
-- log       yes where capture = "wal": both may then open a replication connection (a superuser must say so)
--
-- Neither role has a password here: peer or certificate authentication needs none, and what is typed into psql is kept
-- in its history. Where you need one: \password orderbell

\set ON_ERROR_STOP on
\if :{?owner}
\else
  \set owner orderbell_owner
\endif
\if :{?daemon}
\else
  \set daemon orderbell
\endif
\if :{?watched}
\else
  \set watched orders
\endif
\if :{?read}
\else
  \set read ''
\endif
\if :{?log}
\else
  \set log no
\endif

BEGIN;
-- A block of code cannot see psql's variables; for this transaction, these are settings.
SELECT set_config('orderbell.owner', :'owner', true), set_config('orderbell.daemon', :'daemon', true),
       set_config('orderbell.watched', :'watched', true), set_config('orderbell.read', :'read', true),
       set_config('orderbell.log', :'log', true);

DO $$
DECLARE
    owner text := current_setting('orderbell.owner');
    daemon text := current_setting('orderbell.daemon');
    role text;
BEGIN
    IF owner = daemon THEN
        RAISE EXCEPTION 'owner and daemon are to be two roles';
    END IF;
    FOREACH role IN ARRAY ARRAY[owner, daemon] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = role
                      AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls)) THEN
            RAISE EXCEPTION 'role % is more than it should be: it may make roles or databases, or is bound by nothing', role;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_auth_members m WHERE m.member = quote_ident(daemon)::regrole) THEN
        RAISE WARNING 'role % is a member of other roles, and may do what they may', daemon;
    END IF;
    IF current_setting('orderbell.log') = 'yes' THEN
        -- The owner makes the slot, the daemon reads it.
        EXECUTE format('ALTER ROLE %I REPLICATION', owner);
        EXECUTE format('ALTER ROLE %I REPLICATION', daemon);
    END IF;
END
$$;

DO $$
DECLARE
    owner text := current_setting('orderbell.owner');
    daemon text := current_setting('orderbell.daemon');
    name text;
    relation regclass;
    space text;
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I, %I', current_database(), owner, daemon);
    -- For the schema orderbell, which `install` makes; nothing else of the database is theirs to change.
    EXECUTE format('GRANT CREATE ON DATABASE %I TO %I', current_database(), owner);

    FOREACH name IN ARRAY string_to_array(current_setting('orderbell.watched'), ',') LOOP
        -- Statements that name a partition fire that partition's triggers only, so each needs its own.
        FOR relation IN
            WITH RECURSIVE family (oid) AS (
                SELECT trim(name)::regclass::oid
                UNION
                SELECT i.inhrelid FROM family f JOIN pg_inherits i ON i.inhparent = f.oid)
            SELECT oid FROM family
        LOOP
            SELECT n.nspname INTO space FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid = relation;
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I, %I', space, owner, daemon);
            EXECUTE format('GRANT SELECT, TRIGGER ON %s TO %I', relation, owner);
        END LOOP;
        -- Conditions and the rooms of the hub look at the row as it is now.
        EXECUTE format('GRANT SELECT ON %s TO %I', trim(name)::regclass, daemon);
    END LOOP;

    FOREACH name IN ARRAY string_to_array(trim(current_setting('orderbell.read')), ',') LOOP
        relation := trim(name)::regclass;
        SELECT n.nspname INTO space FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = relation;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', space, daemon);
        EXECUTE format('GRANT SELECT ON %s TO %I', relation, daemon);
    END LOOP;
END
$$;
COMMIT;
