-- Version 7: from when a delivery is late. Applied by the Alembic migration 0007.

-- The commit that it tells of, or when it was first due where that is later: a later step, a digest, the end of a night.
-- The metrics measure from it; "due_at" moves with every lease and retry.
ALTER TABLE orderbell.delivery ADD COLUMN wanted_at timestamptz NOT NULL DEFAULT now();
