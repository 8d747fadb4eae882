"""What alembic runs: the connection and the tables are handed over by `foundation.migrations`, the transaction is open.

Alembic executes this file; nobody imports it.
"""

from alembic import context

config = context.config
context.configure(
    connection=config.attributes["connection"],
    target_metadata=config.attributes["metadata"],
    # SQLite alters a table by building it anew.
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
