"""Alembic's entry point: migrates on the connection that `skyferry.store.migrate` hands over."""

from alembic import context

from skyferry.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
