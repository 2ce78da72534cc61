"""Alembic's environment: it runs on the connection that ``schema.install`` hands it, and nowhere else."""

from alembic import context

from schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="schema_version",
    version_table_schema="orderbell",
    include_schemas=True,
    # The caller's transaction is the migration's: all of it or none.
    transactional_ddl=False,
)
context.run_migrations()
