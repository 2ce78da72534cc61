"""From when a delivery is late."""

from alembic import op

from schema.queries import script

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run ``sql/0007_wanted.sql``."""
    op.get_bind().exec_driver_sql(script("0007_wanted").replace("%", "%%"))  # no parameters: literal percents


def downgrade() -> None:
    """Old programs work on the new schema: there is no way back to go."""
    raise NotImplementedError("install the newer program instead")
