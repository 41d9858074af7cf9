"""Tests of `registry.roles` and of registering with a role: evaluation sets, and releases."""

from __future__ import annotations

import pytest

from registry import reindex, roles
from registry.core.dataset import DatasetRef, Origin, Role, Visibility
from registry.core.sketch import EVALUATION_WINDOW
from registry.errors import ConflictError, InvalidInputError, NotFoundError
from registry.query import catalogue
from registry.query.pages import all_datasets
from registry.query.protection import changes, evaluation_ids
from registry.register import Outcome
from tests.brute import differences
from tests.world import World

PAGE = " ".join(f"page{number}" for number in range(60))
QUESTIONS = [" ".join(f"word{number}" for number in range(40))]


def give(world: World, name: str, role: Role = Role.EVALUATION) -> roles.Changed:
    with world.database.write() as session:
        return roles.give(
            session, DatasetRef.parse(name), role, changed_by="tester", now=world.clock()
        )


def take(world: World, name: str, role: Role, reason: str = "it is old") -> roles.Changed:
    with world.database.write() as session:
        return roles.take(
            session,
            DatasetRef.parse(name),
            role,
            reason=reason,
            changed_by="tester",
            now=world.clock(),
        )


def window(world: World, name: str) -> int | None:
    with world.database.read() as session:
        table = catalogue.sketches(session, world.version(name))
    assert table is not None
    return table.window


def evaluations(world: World) -> set[int]:
    with world.database.read() as session:
        return evaluation_ids(session)


def test_a_set_registered_for_evaluation_is_found_by_any_13_tokens(world: World) -> None:
    done = world.register("tests", QUESTIONS, role=Role.EVALUATION)
    assert done.role is Role.EVALUATION
    assert evaluations(world) == {done.version.id}
    assert window(world, "tests") == EVALUATION_WINDOW
    again = give(world, "tests")
    assert (again.given, again.changed, again.lacking) == (True, False, None)
    assert world.problems() == []


@pytest.mark.parametrize("asked", [18, None, 3])
def test_what_is_asked_for_may_find_more_and_not_less(
    sqlite_world: World, asked: int | None
) -> None:
    sqlite_world.register("tests", QUESTIONS, role=Role.EVALUATION, window=asked)
    assert window(sqlite_world, "tests") == (3 if asked == 3 else EVALUATION_WINDOW)


@pytest.mark.parametrize("before", [18, None])
def test_a_role_that_comes_later_says_what_is_lacking_and_rebuilding_makes_up_for_it(
    world: World, before: int | None
) -> None:
    world.register("tests", QUESTIONS, window=before)
    world.register("others", [PAGE])
    lacking = give(world, "tests").lacking
    assert lacking is not None
    assert "25 tokens" in lacking if before else "no passages" in lacking
    assert "`firsthand index rebuild`" in lacking
    done = reindex.rebuild(world.database, world.store, clock=world.clock)
    assert done.sketched == 1  # the other version is left alone
    assert window(world, "tests") == EVALUATION_WINDOW
    assert window(world, "others") == 18
    assert give(world, "tests").lacking is None
    with world.database.read() as session:
        assert differences(session, world.store, [PAGE, *QUESTIONS]) == []
    assert reindex.rebuild(world.database, world.store, clock=world.clock).sketched == 0
    assert world.problems() == []


def test_registering_a_known_version_with_a_role_adds_it(world: World) -> None:
    world.register("tests", QUESTIONS)
    done = world.register("tests", QUESTIONS, role=Role.EVALUATION)
    assert (done.outcome, done.added) == (Outcome.ADDED, ("role `evaluation`",))
    assert evaluations(world) == {done.version.id}
    again = world.register("tests", QUESTIONS, role=Role.EVALUATION)
    assert again.outcome is Outcome.UNCHANGED
    # Registering without a role takes none away.
    assert world.register("tests", QUESTIONS).outcome is Outcome.UNCHANGED
    assert evaluations(world) == {done.version.id}
    assert world.problems() == []


def test_a_dry_run_gives_no_role(sqlite_world: World) -> None:
    sqlite_world.register("tests", QUESTIONS)
    sqlite_world.register("tests", QUESTIONS, role=Role.EVALUATION, dry_run=True)
    assert evaluations(sqlite_world) == set()


def test_a_role_is_taken_with_a_reason_and_stays_on_record(world: World) -> None:
    world.register("tests", QUESTIONS, role=Role.EVALUATION)
    assert take(world, "tests", Role.EVALUATION).changed
    assert evaluations(world) == set()
    with pytest.raises(ConflictError, match="`tests@1` is no evaluation version"):
        take(world, "tests", Role.EVALUATION)
    with world.database.read() as session:
        told = [(it.given, it.reason) for it in changes(session, world.version("tests"))]
    assert told == [(True, None), (False, "it is old")]
    assert world.problems() == []


@pytest.mark.parametrize("reason", ["", "  \n", "\x1b[31mred"])
def test_a_reason_is_one_that_people_can_read(sqlite_world: World, reason: str) -> None:
    sqlite_world.register("tests", QUESTIONS, role=Role.EVALUATION)
    with pytest.raises(InvalidInputError, match="reason"):
        take(sqlite_world, "tests", Role.EVALUATION, reason)
    assert evaluations(sqlite_world) != set()


def test_protection_is_earned_and_not_given(sqlite_world: World) -> None:
    sqlite_world.register("essays", ["By a person."], origin=Origin.HUMAN)
    with pytest.raises(InvalidInputError, match="has to meet a policy") as given:
        give(sqlite_world, "essays", Role.PROTECTED)
    assert given.value.hint == "run `firsthand protect essays`"
    with pytest.raises(InvalidInputError, match="has to meet a policy"):
        sqlite_world.register("other", ["By another."], role=Role.PROTECTED)
    with pytest.raises(NotFoundError):
        give(sqlite_world, "nothing")


def test_lists_name_the_roles_of_the_latest_version(world: World) -> None:
    world.register("tests", QUESTIONS, role=Role.EVALUATION, visibility=Visibility.PUBLIC)
    world.register("essays", ["By a person."])
    world.role("essays", Role.PROTECTED)
    world.register("essays", ["By a person.", "More."])
    with world.database.read() as session:
        found = {row["dataset"]: row["roles"] for row in all_datasets(session)}
    assert found == {"local/tests": ["evaluation"], "local/essays": []}
