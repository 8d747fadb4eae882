"""What alembic runs: the connection and the tables are handed over by `foundation.migrations`, the transaction is open.

Alembic executes this file; nobody imports it.
"""

from alembic import context

from foundation.migrations import ours

config = context.config
context.configure(
    connection=config.attributes["connection"],
    target_metadata=config.attributes["metadata"],
    # SQLite alters a table by building it anew.
    render_as_batch=True,
    compare_type=True,
    include_object=ours,
)
context.run_migrations()
