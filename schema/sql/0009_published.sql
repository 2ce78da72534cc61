-- Version 9: what the publication had when it was last whole. Applied by the Alembic migration 0009.

-- The log is decoded with the publication as it was at each moment, so one that was dropped, or a table that was taken out
-- of it, and made again has missed something, though it looks whole. Another oid shows that, also to a daemon that did not
-- run meanwhile.
CREATE TABLE orderbell.published (
    slot text REFERENCES orderbell.change_log ON DELETE CASCADE,
    relation oid,                           -- 0: the publication itself
    member oid NOT NULL,                    -- of pg_publication_rel; of pg_publication
    PRIMARY KEY (slot, relation)
);
