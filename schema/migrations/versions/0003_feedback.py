"""What comes back after sending: reports, preferences from unsubscribe links, the end of a notification's life."""

from alembic import op

from schema.queries import script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run ``sql/0003_feedback.sql``."""
    op.get_bind().exec_driver_sql(script("0003_feedback").replace("%", "%%"))  # no parameters: literal percents


def downgrade() -> None:
    """Old programs work on the new schema: there is no way back to go."""
    raise NotImplementedError("install the newer program instead")
