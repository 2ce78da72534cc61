"""Where capture reads PostgreSQL's change log, and which watches it captures from it."""

from alembic import op

from schema.queries import script

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run ``sql/0006_changelog.sql``."""
    op.get_bind().exec_driver_sql(script("0006_changelog").replace("%", "%%"))  # no parameters: literal percents


def downgrade() -> None:
    """Old programs work on the new schema: there is no way back to go."""
    raise NotImplementedError("install the newer program instead")
