import asyncio

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, create_engine, insert, inspect

from foundation.db import Json, UtcTime, sync_url
from foundation.migrations import NewerDatabase, differences, migrate, write_revision

CONVENTION = {"pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s"}


def first_shape() -> MetaData:
    shape = MetaData(naming_convention=CONVENTION)
    Table("offices", shape, Column("code", String(12), primary_key=True), Column("at", UtcTime, nullable=False))
    Table(
        "cases",
        shape,
        Column("id", Integer, primary_key=True),
        Column("office", ForeignKey("offices.code", ondelete="CASCADE"), nullable=False),
    )
    return shape


def second_shape() -> MetaData:
    shape = first_shape()
    shape.tables["cases"].append_column(Column("facts", Json))
    # Altering a column rebuilds the whole table on SQLite, with its rows and those that refer to it.
    shape.tables["offices"].append_column(Column("name", String(80)))
    shape.tables["offices"].c["at"].nullable = True
    return shape


@pytest.fixture
def versions(tmp_path):
    """Two revisions, written as a developer writes them, against scratch files."""
    folder = tmp_path / "versions"
    write_revision(f"sqlite:///{tmp_path}/one.db", first_shape(), "Make offices and cases", versions=folder)
    write_revision(f"sqlite:///{tmp_path}/two.db", second_shape(), "Name offices", versions=folder)
    return folder


async def test_migrations_lead_to_the_tables_in_code(database_url, versions):
    assert await differences(database_url, second_shape()) != []
    await migrate(database_url, second_shape(), versions=versions)
    assert await differences(database_url, second_shape()) == []


async def test_migrating_again_changes_nothing(database_url, versions):
    await migrate(database_url, second_shape(), versions=versions)
    await migrate(database_url, second_shape(), versions=versions)
    assert await differences(database_url, second_shape()) == []


async def test_rows_and_what_refers_to_them_outlive_a_rebuilt_table(database_url, versions, clock):
    await migrate(database_url, first_shape(), versions=_only_the_first(versions))
    engine = create_engine(sync_url(database_url))
    with engine.begin() as conn:
        conn.execute(insert(first_shape().tables["offices"]).values(code="990101", at=clock.now()))
        conn.execute(insert(first_shape().tables["cases"]).values(id=1, office="990101"))
    await migrate(database_url, second_shape(), versions=versions)
    with engine.connect() as conn:
        assert conn.execute(first_shape().tables["cases"].select()).all() == [(1, "990101")]
    engine.dispose()


def _only_the_first(versions):
    first = versions.with_name("first")
    first.mkdir()
    (first / "0001.py").write_text(next(versions.glob("0001_*.py")).read_text())
    return first


async def test_two_nodes_that_start_at_once_migrate_once(database_url, versions):
    await asyncio.gather(*(migrate(database_url, second_shape(), versions=versions) for _ in range(2)))
    assert await differences(database_url, second_shape()) == []


async def test_a_failed_migration_leaves_the_old_shape(database_url, versions):
    (versions / "0003_fail.py").write_text(
        "from alembic import op\n"
        "revision, down_revision, branch_labels, depends_on = '0003', '0002', None, None\n"
        "def upgrade():\n"
        "    op.drop_table('cases')\n"
        "    raise RuntimeError('half-way')\n"
    )
    with pytest.raises(RuntimeError, match="half-way"):
        await migrate(database_url, second_shape(), versions=versions)
    engine = create_engine(sync_url(database_url))
    assert inspect(engine).get_table_names() == []
    engine.dispose()


async def test_a_database_of_a_later_version_is_refused(database_url, versions):
    await migrate(database_url, second_shape(), versions=versions)
    with pytest.raises(NewerDatabase):
        await migrate(database_url, first_shape(), versions=_only_the_first(versions))


def test_nothing_is_written_when_nothing_differs(tmp_path, versions):
    assert write_revision(f"sqlite:///{tmp_path}/three.db", second_shape(), "Nothing", versions=versions) is None
    assert len(list(versions.glob("*.py"))) == 2


def test_migrations_run_without_an_event_loop(sqlite_url, versions):
    from foundation.migrations import migrate_now

    migrate_now(sqlite_url, second_shape(), versions=versions)
    assert asyncio.run(differences(sqlite_url, second_shape())) == []
