"""Bring a database to the schema of this code. Alembic is loaded here and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util.exc import CommandError
from sqlalchemy.exc import SQLAlchemyError

from registry.db import models  # noqa: F401 - fills the metadata
from registry.db.base import Base
from registry.db.session import Database
from registry.errors import ConflictError, UnavailableError


def migrations_folder() -> Path:
    """Return where the revisions are: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def config(database: Database) -> Config:
    """Return Alembic's configuration for a database."""
    made = Config()
    made.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    made.attributes["database"] = database
    return made


def upgrade(database: Database, revision: str = "head") -> None:
    """Run the revisions that the database lacks.

    Raises:
        ConflictError: The database is from a newer release.
        UnavailableError: The database refused; its schema is as it was.
    """
    try:
        command.upgrade(config(database), revision)
    except CommandError as error:
        raise ConflictError(
            f"the database cannot be upgraded: {error}",
            hint="install the version of Firsthand that it was last used with, or a newer one",
        ) from error
    except SQLAlchemyError as error:
        raise UnavailableError(
            f"the database refused the upgrade: {str(error).splitlines()[0]}",
            hint="nothing was changed; see that no other command uses it, then try again",
        ) from error


def downgrade(database: Database, revision: str) -> None:
    """Undo revisions down to the one named; `base` undoes all of them."""
    command.downgrade(config(database), revision)


def differences(database: Database) -> list[str]:
    """Return how the tables differ from what the code expects, in words; none is right."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = [str(item) for item in compare_metadata(context, Base.metadata)]
        found += _check_differences(connection)
    return found


def _check_differences(connection: sa.Connection) -> list[str]:
    """Compare CHECK constraints, which Alembic passes over, by name and by what they say."""
    inspector = sa.inspect(connection)
    found = []
    for table in Base.metadata.sorted_tables:
        if not inspector.has_table(table.name):
            continue
        there = {
            item["name"]: item["sqltext"] for item in inspector.get_check_constraints(table.name)
        }
        wanted = {
            str(item.name): item
            for item in table.constraints
            if isinstance(item, sa.CheckConstraint) and item.name
        }
        found += [f"{table.name}: CHECK {name} is missing" for name in wanted.keys() - there.keys()]
        found += [
            f"{table.name}: CHECK {name} is not ours" for name in there.keys() - wanted.keys()
        ]
        for name in sorted(wanted.keys() & there.keys()):
            ours = wanted[name].sqltext.compile(
                dialect=connection.dialect, compile_kwargs={"literal_binds": True}
            )
            if _meaning(str(ours), table.name) != _meaning(str(there[name]), table.name):
                found.append(f"{table.name}: CHECK {name} says {there[name]}, not {ours}")
    return found


def _meaning(condition: str, table: str) -> list[str]:
    """Return what a CHECK says, however a database writes it back.

    PostgreSQL adds casts and turns `IN` into `= ANY (ARRAY[…])`: of a list of values only the
    column and the values count, of anything else every word and sign but the parentheses.
    """
    text = re.sub(r"::[a-z ]+(\[\])?", "", condition.replace(f"{table}.", ""))
    words = re.findall(r"'[^']*'|\w+|[<>=]+", text)
    values = [word for word in words if word.startswith("'")]
    return [words[0], *sorted(values)] if values else words
