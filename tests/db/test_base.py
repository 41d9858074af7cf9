"""Columns: times keep their zone, enumerations keep to their values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, StatementError

from registry.core.dataset import Visibility
from registry.db.models import Dataset, DatasetVersion, LogState, Namespace
from registry.db.session import Database
from tests.world import START, World, migrate

EAST = dt.timezone(dt.timedelta(hours=5, minutes=45))


def add_namespace(world: World, moment: dt.datetime) -> None:
    with world.database.write() as session:
        session.add(Namespace(name="team", visibility=Visibility.PRIVATE, created_at=moment))


def test_a_time_comes_back_in_utc_whatever_zone_it_had(world: World) -> None:
    moment = dt.datetime(2024, 2, 29, 3, 15, 0, 123456, tzinfo=EAST)
    add_namespace(world, moment)
    with world.database.read() as session:
        back = session.scalars(sa.select(Namespace.created_at)).one()
    assert back == moment
    assert back.tzinfo is dt.UTC


def test_a_time_without_a_zone_is_refused(world: World) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        add_namespace(world, dt.datetime(2024, 2, 29))  # noqa: DTZ001 - that is the point


def test_enumerations_are_stored_by_value(world: World) -> None:
    add_namespace(world, START)
    with world.database.read() as session:
        raw = session.execute(sa.text("SELECT visibility FROM namespaces")).scalar_one()
    assert raw == "private"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE namespaces SET visibility = 'secret'",
        "UPDATE dataset_versions SET number = 0",
        "UPDATE dataset_versions SET documents = -1",
        'UPDATE dataset_versions SET "distinct" = documents + 1',
        "UPDATE log_state SET size = -1",
        "INSERT INTO log_state (id, size) VALUES (2, 0)",
        "UPDATE dataset_versions SET dataset_id = 77",
        "DELETE FROM datasets",
        "INSERT INTO datasets (id, namespace_id, name, visibility, created_at) "
        "SELECT 77, namespace_id, name, visibility, created_at FROM datasets",
        "UPDATE claims SET location_id = 1, selection_id = 1",
    ],
)
def test_what_must_be_true_is_a_constraint(world: World, statement: str) -> None:
    world.register("essays", ["By a person."], origin="human")
    with pytest.raises(IntegrityError), world.database.engine.begin() as connection:
        connection.exec_driver_sql(statement)
    assert world.problems() == []


def test_a_dataset_has_a_content_only_once(world: World) -> None:
    made = world.register("essays", ["By a person."]).version
    other = DatasetVersion(
        dataset_id=made.dataset_id,
        number=2,
        content_root=made.content_root,
        documents=1,
        distinct=1,
        empty=0,
        bytes=1,
        words=1,
        registered_at=START,
    )
    with pytest.raises(Exception, match="refused"), world.database.write() as session:
        session.add(other)


def test_large_numbers_fit(world: World) -> None:
    made = world.register("essays", ["By a person."]).version
    with world.database.write() as session:
        row = session.get_one(DatasetVersion, made.id)
        row.documents = row.distinct = row.bytes = 2**53 - 1
    assert world.version("essays").bytes == 2**53 - 1


def test_loading_what_was_not_asked_for_is_an_error(world: World) -> None:
    world.register("essays", ["By a person."])
    assert world.version("essays").dataset.namespace.name == "local"
    with world.database.read() as session:
        assert isinstance(session.scalars(sa.select(Dataset)).one().namespace, Namespace)


def test_a_prepared_database_has_the_sequencers_row(
    prepared_url: Callable[[Callable[[str], None]], str],
) -> None:
    database = Database(prepared_url(migrate))
    with database.read() as session:
        assert session.get_one(LogState, 1).size == 0
    database.dispose()
