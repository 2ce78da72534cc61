-- Version 6: capture from PostgreSQL's change log, by a logical replication slot. Applied by the Alembic migration 0006.

-- No row, or one: where capture reads the change log. "gap": the slot was lost and made anew, so changes between "horizon"
-- and "lsn" may be missing; the daemon looks for them, and sets it to false.
CREATE TABLE orderbell.change_log (
    slot text PRIMARY KEY,
    publication text NOT NULL,
    system_identifier text NOT NULL,        -- of the cluster in which the slot was made
    lsn pg_lsn NOT NULL,                    -- end of the last transaction whose changes stand in "change", or are planned
    horizon xid8 NOT NULL,                  -- what is written after "lsn" is by a transaction of this id, or a later one
    gap boolean NOT NULL DEFAULT false,
    committed_at timestamptz,               -- of the last transaction read
    made_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE orderbell.watch
    ADD COLUMN relation oid,                -- of the table as it was installed; null: with triggers, before this version
    ADD COLUMN since pg_lsn,                -- captured from the log in transactions that end after this
    ADD COLUMN until pg_lsn;                -- captured by triggers in those that end after this
