"""Functions that make and drop the partitions of a day, so that the daemon need not own the schema."""

from alembic import op

from schema.queries import script

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run ``sql/0008_partitions.sql``."""
    op.get_bind().exec_driver_sql(script("0008_partitions").replace("%", "%%"))  # no parameters: literal percents


def downgrade() -> None:
    """Old programs work on the new schema: there is no way back to go."""
    raise NotImplementedError("install the newer program instead")
