"""The first schema."""

from alembic import op

from schema.queries import script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run ``sql/0001_initial.sql``."""
    op.get_bind().exec_driver_sql(script("0001_initial").replace("%", "%%"))  # no parameters: literal percents


def downgrade() -> None:
    """There is nothing before it: ``orderbell uninstall`` drops the schema."""
    raise NotImplementedError("orderbell uninstall removes the schema")
