"""The inbox as people keep it, announcements, presence, what staff sends and does."""

from alembic import op

from schema.queries import script

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run ``sql/0005_live.sql``."""
    op.get_bind().exec_driver_sql(script("0005_live").replace("%", "%%"))  # no parameters: literal percents


def downgrade() -> None:
    """Old programs work on the new schema: there is no way back to go."""
    raise NotImplementedError("install the newer program instead")
