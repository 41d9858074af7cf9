"""Run the migrations on SQLite and PostgreSQL, one transaction a run.

Batch mode recreates SQLite tables, which fails half-way while foreign keys are enforced; the
pragma that switches them off does nothing inside a transaction, so it runs before BEGIN on the
raw connection, and the keys are checked before the end.
"""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

from registry.db import models  # noqa: F401 - fills the metadata
from registry.db.base import Base

LOCK_TIMEOUT = "10s"


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write plain types: a revision must not import the code that it outlives."""
    if kind != "type":
        return False
    if isinstance(item, sa.types.TypeDecorator):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, sa.Enum):
        values = ", ".join(repr(value) for value in item.enums)
        return (
            f"sa.Enum({values}, name={item.name!r}, native_enum=False, create_constraint=True, "
            f"length={item.length})"
        )
    return False


def _run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=render_item,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """Run with the engine that the caller put into the configuration."""
    database = context.config.attributes["database"]
    with database.engine.connect() as connection:
        if not database.is_sqlite:
            connection.execute(sa.text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.commit()
            _run(connection)
            connection.commit()
            return
        raw = connection.connection.dbapi_connection
        raw.execute("PRAGMA foreign_keys=OFF")
        try:
            _run(connection)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise RuntimeError(f"foreign keys would be broken: {broken[:5]}")
            connection.commit()
        finally:
            connection.rollback()
            raw.execute("PRAGMA foreign_keys=ON")


main()
