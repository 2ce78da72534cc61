-- What the daemon's role may do in the schema orderbell: exactly this. Run it as the owner of the schema, after
-- `orderbell install` and after every upgrade; as often as you like, also while a daemon runs.
--
--   psql -d shop -U orderbell_owner -f deploy/postgresql/grants.sql
--
-- daemon    the role that the daemon runs as

\set ON_ERROR_STOP on
\if :{?daemon}
\else
  \set daemon orderbell
\endif

BEGIN;
REVOKE ALL ON ALL TABLES IN SCHEMA orderbell FROM :"daemon";
REVOKE ALL ON ALL SEQUENCES IN SCHEMA orderbell FROM :"daemon";
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA orderbell FROM :"daemon";
REVOKE ALL ON SCHEMA orderbell FROM :"daemon";

GRANT USAGE ON SCHEMA orderbell TO :"daemon";

-- It looks whether they are what it knows, and changes neither.
GRANT SELECT ON orderbell.schema_version, orderbell.watch, orderbell.installation TO :"daemon";
-- Where capture has gone from the change log back to triggers, the daemon ends the log once it is read.
GRANT UPDATE (since, until) ON orderbell.watch TO :"daemon";

-- Changes are taken, or set aside and brought back; none is ever altered.
GRANT SELECT, INSERT, DELETE ON orderbell.change, orderbell.change_failed TO :"daemon";
GRANT SELECT ON SEQUENCE orderbell.change_id_seq TO :"daemon";
-- Where they are read from the log: how far, and with what publication.
GRANT SELECT, INSERT, UPDATE, DELETE ON orderbell.change_log, orderbell.published TO :"daemon";

-- What was planned. Retention deletes; the words of an event do not change.
GRANT SELECT, INSERT, DELETE ON orderbell.event, orderbell.message, orderbell.spent TO :"daemon";
GRANT SELECT, INSERT, UPDATE, DELETE ON orderbell.notification, orderbell.delivery TO :"daemon";
-- Reports of providers alter what has ended, and `retry` takes it back. Days past retention are dropped, see below.
GRANT SELECT, INSERT, UPDATE, DELETE ON orderbell.delivery_history TO :"daemon";
GRANT SELECT, INSERT ON orderbell.attempt TO :"daemon";
GRANT UPDATE ON SEQUENCE orderbell.event_id_seq, orderbell.message_id_seq, orderbell.notification_id_seq,
                         orderbell.delivery_id_seq TO :"daemon";  -- nextval and setval
GRANT USAGE ON SEQUENCE orderbell.digest_id_seq TO :"daemon";

-- What people choose, and where they must not be written to any more.
GRANT SELECT, INSERT, UPDATE, DELETE ON orderbell.preference, orderbell.push_subscription, orderbell.suppression
    TO :"daemon";
GRANT SELECT, INSERT, UPDATE ON orderbell.person TO :"daemon";
GRANT SELECT, INSERT, DELETE ON orderbell.feedback TO :"daemon";

-- What staff sends and writes. Versions of a template stay for ever; the audit is only added to, and forgotten.
GRANT SELECT, INSERT, UPDATE, DELETE ON orderbell.scheduled, orderbell.announcement TO :"daemon";
GRANT SELECT, INSERT, UPDATE ON orderbell.template TO :"daemon";
GRANT SELECT, INSERT, DELETE ON orderbell.audit TO :"daemon";

-- Who is there.
GRANT SELECT, INSERT, UPDATE, DELETE ON orderbell.node TO :"daemon";
GRANT SELECT, INSERT, DELETE ON orderbell.online TO :"daemon";

-- A partition for each day is made, and dropped after `delivery.history_days`, by functions of the owner's: the daemon
-- itself can neither create a table nor drop one.
GRANT EXECUTE ON FUNCTION orderbell.make_partition(text, date), orderbell.drop_partition(text, date) TO :"daemon";
COMMIT;
