"""Tests of `registry.query.protection`: which versions have a role, as the latest row says."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from registry import ledger
from registry.core.dataset import Role
from registry.errors import UnavailableError
from registry.query.protection import (
    changes,
    evaluation_ids,
    protected_ids,
    role_of,
    roles_of,
)
from tests.world import World


def test_roles_are_of_versions_and_the_latest_row_counts(world: World) -> None:
    one = world.register("essays", ["By a person."]).version
    two = world.register("essays", ["By a person.", "By another."]).version
    world.role("essays@1", Role.PROTECTED, value={"policy": "pre-aigc"})
    world.role("essays@2", Role.PROTECTED)
    world.role("essays@2", Role.EVALUATION)
    world.role("essays@2", Role.PROTECTED, given=False, reason="it was a mistake")
    with world.database.read() as session:
        assert protected_ids(session) == {one.id}
        assert evaluation_ids(session) == {two.id}
        assert [it.role for it in roles_of(session, two)] == [Role.EVALUATION]
        assert role_of(session, two, Role.PROTECTED) is None
        held = role_of(session, one, Role.PROTECTED)
        assert held is not None
        assert held.value == {"policy": "pre-aigc"}
        assert [(it.role, it.given) for it in changes(session, two)] == [
            (Role.PROTECTED, True),
            (Role.EVALUATION, True),
            (Role.PROTECTED, False),
        ]
    assert world.problems() == []


def test_nobody_takes_a_role_away_without_a_reason(world: World) -> None:
    world.register("essays", ["By a person."])
    world.role("essays", Role.PROTECTED, reason=None)
    with pytest.raises(UnavailableError, match="taken_for_a_reason"):
        world.role("essays", Role.PROTECTED, given=False, reason=None)
    assert world.problems() == []


def test_a_role_taken_behind_the_registrys_back_is_found(world: World) -> None:
    version = world.register("essays", ["By a person."]).version
    world.role("essays", Role.PROTECTED)
    with world.database.write() as session:
        session.execute(sa.text("UPDATE role_changes SET role = 'evaluation'"))
    with world.database.read() as session:
        assert [str(item) for item in ledger.discrepancies(session)] == [
            "role_changes row 1: was changed after it was logged"
        ]
        assert protected_ids(session) == set()
        assert evaluation_ids(session) == {version.id}
