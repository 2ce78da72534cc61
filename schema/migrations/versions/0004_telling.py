"""When and how people are told: steps, holds, throttles, schedules, templates, people's own settings."""

from alembic import op

from schema.queries import script

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run ``sql/0004_telling.sql``."""
    op.get_bind().exec_driver_sql(script("0004_telling").replace("%", "%%"))  # no parameters: literal percents


def downgrade() -> None:
    """Old programs work on the new schema: there is no way back to go."""
    raise NotImplementedError("install the newer program instead")
