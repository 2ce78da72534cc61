"""Attempts, suppression, supersession, forward-only states, idempotent events."""

from alembic import op

from schema.queries import script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run ``sql/0002_trust.sql``."""
    op.get_bind().exec_driver_sql(script("0002_trust").replace("%", "%%"))  # no parameters: literal percents


def downgrade() -> None:
    """Old programs work on the new schema: there is no way back to go."""
    raise NotImplementedError("install the newer program instead")
