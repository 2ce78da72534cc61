"""What the publication had when it was last whole, so that one made again by hand is noticed after a restart too."""

from alembic import op

from schema.queries import script

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run ``sql/0009_published.sql``."""
    op.get_bind().exec_driver_sql(script("0009_published").replace("%", "%%"))  # no parameters: literal percents


def downgrade() -> None:
    """Old programs work on the new schema: there is no way back to go."""
    raise NotImplementedError("install the newer program instead")
