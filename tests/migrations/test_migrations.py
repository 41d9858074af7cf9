"""The history of the schema: one line, leading exactly to the models, there and back."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from registry.db import session, upgrade
from registry.db.base import Base
from registry.db.session import Database
from registry.errors import ConflictError, UnavailableError
from tests.world import World, migrate

Prepared = Callable[[Callable[[str], None]], str]


@pytest.fixture
def database(prepared_url: Prepared) -> Iterator[Database]:
    """A database that has its tables."""
    made = Database(prepared_url(migrate))
    yield made
    made.dispose()


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    """A database without any."""
    made = Database(database_url)
    yield made
    made.dispose()


def scripts(database: Database) -> ScriptDirectory:
    return ScriptDirectory.from_config(upgrade.config(database))


def change(database: Database, *statements: str) -> None:
    with database.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


# The revisions.


def test_there_is_one_head_and_the_code_knows_it(empty: Database) -> None:
    found = scripts(empty)
    assert found.get_heads() == [session.HEAD]
    oldest_first = [script.revision for script in found.walk_revisions()][::-1]
    assert list(session.KNOWN) == oldest_first


def test_revisions_never_import_the_code_that_they_outlive() -> None:
    files = sorted((upgrade.migrations_folder() / "versions").glob("*.py"))
    assert files
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in getattr(node, "names", [])]
            module = getattr(node, "module", None) or ""
            for name in [module, *names] if isinstance(node, ast.Import | ast.ImportFrom) else []:
                assert name.partition(".")[0] not in ("registry", "cli", "tests"), path.name


def test_a_revision_is_named_by_date_and_slug(empty: Database) -> None:
    for script in scripts(empty).walk_revisions():
        assert Path(script.path).stem == script.revision
        date, _, slug = script.revision.partition("_")
        assert len(date) == 8
        assert date.isdigit()
        assert slug.replace("_", "").isalnum()


# Where they lead.


def test_the_migrations_lead_to_the_models(database: Database) -> None:
    assert upgrade.differences(database) == []
    assert database.revision() == session.HEAD
    database.check_revision()


def reflected(database: Database) -> dict[str, Any]:
    """Return everything a database says of its tables, in an order of our own."""
    inspector = sa.inspect(database.engine)
    found: dict[str, Any] = {}
    for name in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        columns = [
            (column["name"], str(column["type"]), column["nullable"], column["default"])
            for column in inspector.get_columns(name)
        ]
        found[name] = {
            "columns": columns,
            "key": inspector.get_pk_constraint(name),
            "checks": sorted(
                (str(item["name"]), item["sqltext"])
                for item in inspector.get_check_constraints(name)
            ),
            "unique": sorted(
                (str(item["name"]), item["column_names"])
                for item in inspector.get_unique_constraints(name)
            ),
            "indexes": sorted(
                (str(item["name"]), item["column_names"], item["unique"])
                for item in inspector.get_indexes(name)
            ),
            "foreign": sorted(
                (str(item["name"]), item["constrained_columns"], item["referred_table"])
                for item in inspector.get_foreign_keys(name)
            ),
        }
    return found


def test_a_migrated_database_is_the_one_the_models_would_make(
    database: Database, empty: Database
) -> None:
    """Column for column, CHECK for CHECK, as the database itself tells it."""
    Base.metadata.create_all(empty.engine)
    assert reflected(database) == reflected(empty)


def test_down_and_up_again_is_the_same_schema(database: Database) -> None:
    before = reflected(database)
    upgrade.downgrade(database, "base")
    assert reflected(database) == {}
    assert database.revision() is None
    upgrade.upgrade(database)
    assert reflected(database) == before
    assert upgrade.differences(database) == []
    with database.read() as opened:
        assert opened.execute(sa.text("SELECT size FROM log_state")).scalar_one() == 0


def test_upgrading_twice_changes_nothing(world: World) -> None:
    world.register("essays", ["By a person."])
    upgrade.upgrade(world.database)
    assert world.problems() == []
    assert world.version("essays").documents == 1


def test_a_failing_upgrade_leaves_the_schema_as_it_was(
    empty: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(upgrade.migrations_folder(), tmp_path / "migrations")
    script = next((folder / "versions").glob("*_first.py"))
    source = script.read_text("utf-8")
    broken = source.replace(
        "def downgrade()", "    op.execute('SELECT 1 FROM nowhere')\n\n\ndef downgrade()"
    )
    assert broken != source
    script.write_text(broken, "utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "migrations_folder", lambda: folder)
        with pytest.raises(UnavailableError, match="refused the upgrade"):
            upgrade.upgrade(empty)
    assert reflected(empty) == {}
    upgrade.upgrade(empty)
    assert upgrade.differences(empty) == []


# The comparison can fail.


def rewrite(database: Database, table: str, old: str, new: str) -> None:
    """Change the definition of a SQLite table as if it had been made so."""
    with database.engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.execute("PRAGMA writable_schema=ON")
        changed = raw.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ? AND instr(sql, ?)",
            (old, new, table, old),
        ).rowcount
        raw.execute("PRAGMA writable_schema=RESET")
    assert changed == 1
    database.dispose()


@pytest.mark.parametrize(
    ("table", "old", "new", "said"),
    [
        ("claims", "'origin', ", "", "CHECK ck_claims_property says"),
        ("claims", "'origin', ", "'origin', 'mood', ", "CHECK ck_claims_property says"),
        (
            "dataset_versions",
            "number >= 1",
            "number >= 0",
            "CHECK ck_dataset_versions_number_positive",
        ),
        ("selections", "ck_selections_not_empty", "ck_selections_other", "is missing"),
        ("selections", "ck_selections_not_empty", "ck_selections_other", "is not ours"),
        ("claims", "claimed_by VARCHAR NOT NULL", "claimed_by VARCHAR", "claimed_by"),
        ("datasets", "CONSTRAINT uq_datasets_namespace_id_name UNIQUE", "UNIQUE", "unique"),
    ],
)
def test_a_schema_that_differs_is_found(
    migrated_file: Path, tmp_path: Path, table: str, old: str, new: str, said: str
) -> None:
    database = Database(f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'copy.db')}")
    try:
        rewrite(database, table, old, new)
        found = upgrade.differences(database)
    finally:
        database.dispose()
    assert any(said.lower() in item.lower() for item in found), found


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE claims DROP CONSTRAINT ck_claims_property", "ck_claims_property is missing"),
        ("ALTER TABLE claims ADD CONSTRAINT more CHECK (id > 0)", "more is not ours"),
        ("ALTER TABLE claims ALTER claimed_by DROP NOT NULL", "claimed_by"),
        ("DROP INDEX ix_claims_version_id", "ix_claims_version_id"),
        ("ALTER TABLE datasets DROP CONSTRAINT uq_datasets_namespace_id_name", "add_constraint"),
        ("ALTER TABLE claims ALTER reason TYPE integer USING 1", "reason"),
        ("ALTER TABLE claims DROP COLUMN reason", "reason"),
        ("CREATE TABLE more (id integer)", "more"),
    ],
)
def test_a_schema_that_differs_is_found_on_postgresql(
    postgresql_url: str, statement: str, said: str
) -> None:
    migrate(postgresql_url)
    database = Database(postgresql_url)
    try:
        change(database, statement)
        assert said in "\n".join(upgrade.differences(database))
    finally:
        database.dispose()


def test_a_check_with_other_values_is_found_on_postgresql(postgresql_url: str) -> None:
    migrate(postgresql_url)
    database = Database(postgresql_url)
    try:
        change(
            database,
            "ALTER TABLE claims DROP CONSTRAINT ck_claims_property",
            "ALTER TABLE claims ADD CONSTRAINT ck_claims_property "
            "CHECK (property IN ('license', 'date', 'language', 'mood'))",
            "ALTER TABLE dataset_versions DROP CONSTRAINT ck_dataset_versions_number_positive",
            "ALTER TABLE dataset_versions ADD CONSTRAINT ck_dataset_versions_number_positive "
            "CHECK (number >= 0)",
        )
        found = upgrade.differences(database)
        assert len(found) == 2
    finally:
        database.dispose()


# Databases of other times.


def test_a_database_without_a_schema_is_refused(empty: Database) -> None:
    with pytest.raises(ConflictError, match="no tables yet") as caught:
        empty.check_revision()
    assert caught.value.hint == "run `firsthand db upgrade`"


def test_a_database_of_a_newer_release_is_refused(database: Database) -> None:
    change(database, "UPDATE alembic_version SET version_num = '20991231_later'")
    with pytest.raises(ConflictError, match="20991231_later") as caught:
        database.check_revision()
    assert caught.value.hint == "install a newer version of Firsthand"
    with pytest.raises(ConflictError, match="20991231_later") as caught:
        upgrade.upgrade(database)
    assert "newer" in str(caught.value.hint)
    assert upgrade.differences(database) == []


def test_a_database_of_an_older_release_is_told_to_upgrade(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "HEAD", "20991231_later")
    with pytest.raises(ConflictError) as caught:
        database.check_revision()
    assert caught.value.hint == "run `firsthand db upgrade`"


# The next revision.


def test_a_change_of_the_models_is_written_with_plain_types(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables with every type of column are missing; the revision written for them brings them back."""
    folder = shutil.copytree(upgrade.migrations_folder(), tmp_path / "migrations")
    monkeypatch.setattr(upgrade, "migrations_folder", lambda: folder)
    change(
        database,
        # What refers to others goes first.
        "DROP TABLE ended_claims",
        "DROP TABLE dispute_resolutions",
        "DROP TABLE evidence",
        "DROP TABLE disputes",
        "DROP TABLE claims",
        "DROP TABLE relocations",
        "DROP TABLE kept_texts",
        "DROP TABLE acquisitions",
        "DROP TABLE intents",
        "DROP TABLE sketch_tables",
        "DROP TABLE locations",
    )
    command.revision(upgrade.config(database), "next", autogenerate=True, rev_id="20991231_next")
    written = next((folder / "versions").glob("*20991231_next*"))
    source = written.read_text("utf-8")
    for word in ("registry", "UtcDateTime", "StrEnum", "base."):
        assert word not in source
    assert "sa.DateTime(timezone=True)" in source
    assert "sa.Enum('origin', 'license', 'date', 'language', name='property'" in source
    upgrade.upgrade(database)
    assert upgrade.differences(database) == []
