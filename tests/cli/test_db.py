from __future__ import annotations

import pytest
import sqlalchemy as sa

from registry.core.dataset import Origin
from tests.cli.running import Cli
from tests.world import World


@pytest.fixture(autouse=True)
def home(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_HOME", str(world.home))


def test_a_registry_as_it_was_logged(cli: Cli, world: World) -> None:
    world.register("essays", ["x"], origin=Origin.HUMAN)
    ran = cli("db", "check", "--json")
    assert ran.code == 0
    assert ran.json == {"log_size": 2, "schema": [], "rows": []}
    assert "every row is as its log entry says (2 entries)" in cli("db", "check").out


def test_a_claim_that_was_changed_in_sql_is_found(cli: Cli, world: World) -> None:
    world.register("essays", ["x"], origin=Origin.AI)
    with world.database.write() as session:
        session.execute(sa.text('UPDATE claims SET value = \'{"origin": "human"}\''))
    ran = cli("db", "check", "--json")
    assert ran.code == 3
    assert set(ran.json) == {"log_size", "schema", "rows"}
    assert ran.json["rows"] == ["claims row 1: was changed after it was logged"]
    assert "claims row 1" in cli("db", "check").out


def test_upgrading_what_is_up_to_date_does_nothing(cli: Cli) -> None:
    ran = cli("db", "upgrade", "--json")
    assert ran.code == 0
    assert set(ran.json) == {"before", "after"}
    assert ran.json["before"] == ran.json["after"]
    assert "(nothing to do)" in cli("db", "upgrade").out


def test_a_database_of_another_schema_says_what_to_do(cli: Cli, world: World) -> None:
    with world.database.write() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '20200101_other'"))
    ran = cli("dataset", "list", "--json")
    assert ran.code == 1
    assert "upgrade" in str(ran.error["hint"]) or "newer" in str(ran.error["hint"])
