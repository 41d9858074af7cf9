"""The catalogue as it was: what is asked of a past state is what was answered then."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from registry import assemble, ledger
from registry.core import recipe as recipes
from registry.core.dataset import DatasetRef, Origin, Role
from registry.core.lineage import EdgeKind
from registry.errors import InvalidInputError, NotFoundError, RegistryError
from registry.query import pages
from registry.query.as_of import AsOf, _all, _runs, reading
from registry.query.history import history
from registry.query.show import version_record
from registry.query.texts import reading as again
from tests.world import START, World

TEXTS = [f"Text {number} of a kind, slowly written." for number in range(8)]


def shown(world: World, name: str, as_of: str | None = None) -> bytes:
    """Return what `show` prints of a version, now or of then."""
    wanted = None if as_of is None else AsOf.parse(as_of)
    with reading(world.database, wanted) as session:
        texts = again(world.database, world.store, world.folder / "scratch")
        record = version_record(session, world.store, DatasetRef.parse(name), again=texts)
        return orjson.dumps(record)


def listed(world: World, as_of: str | None = None) -> bytes:
    wanted = None if as_of is None else AsOf.parse(as_of)
    with reading(world.database, wanted) as session:
        events = [
            history(session, DatasetRef.parse(it["dataset"])) for it in pages.all_datasets(session)
        ]
        return orjson.dumps([list(pages.all_datasets(session)), events])


class Life:
    """Does one thing after the other to a registry, whatever comes to somebody's mind.

    Args:
        world: The registry.
        seed: What comes to mind.
    """

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.rng = random.Random(seed)
        self.names: list[str] = []
        self.disputes: list[int] = []
        self.done: dict[str, int] = {}

    def step(self) -> str:
        """Do something that changes the log, and return what it was about."""
        ways: list[Callable[[], str]] = [
            self.register, self.register, self.claim, self.claim, self.dispute, self.dispute,
            self.resolve, self.resolve, self.derive, self.role, self.keep, self.export,
        ]  # fmt: skip
        while True:
            way = self.rng.choice(ways) if self.names else self.register
            size = self.world.log_size()
            try:
                name = way()
            except RegistryError:
                continue
            if self.world.log_size() > size:
                self.done[way.__name__] = self.done.get(way.__name__, 0) + 1
                return name

    def register(self) -> str:
        name = f"set-{self.rng.randrange(6)}"
        texts = self.rng.sample(TEXTS, self.rng.randint(1, 4))
        if self.rng.random() < 0.5:
            texts.append(f"Only here {self.rng.random()}.")
        origin = self.rng.choice([None, Origin.HUMAN, Origin.HUMAN, Origin.AI])
        self.world.register(name, texts, origin=origin, folder=f"files/{self.world.log_size()}")
        version = f"{name}@{len(self.world.versions(name))}"
        self.names = sorted({*self.names, version})
        return version

    def claim(self) -> str:
        name = self.rng.choice(self.names)
        self.world.claim(name, self.rng.choice(list(Origin)), where=self._some(name))
        return name

    def dispute(self) -> str:
        name = self.rng.choice(self.names)
        origin = self.rng.choice(list(Origin))
        challenged = self.rng.choice([None, 1, 2])
        where = self._some(name)
        made = self.world.dispute(name, origin, challenged=challenged, where=where)
        self.disputes.append(made.id)
        return name

    def resolve(self) -> str:
        if not self.disputes:
            raise NotFoundError("there is none")
        done = self.world.resolve(
            self.rng.choice(self.disputes), self.rng.choice(["upheld", "rejected"])
        )
        version = done.resolution.dispute.version
        return f"{version.dataset.name}@{version.number}"

    def derive(self) -> str:
        name, source = self.rng.choice(self.names), self.rng.choice(self.names)
        self.world.derive(name, source, self.rng.choice(list(EdgeKind)))
        return name

    def role(self) -> str:
        name = self.rng.choice(self.names)
        self.world.role(name, self.rng.choice(list(Role)), given=self.rng.random() < 0.7)
        return name

    def keep(self) -> str:
        name = self.rng.choice(self.names)
        self.world.keep(name)
        return name

    def export(self) -> str:
        names = self.rng.sample(self.names, min(2, len(self.names)))
        self.world.export({"sources": names}, f"snap-{self.world.log_size()}")
        return names[0]

    def _some(self, name: str) -> list[str] | None:
        """Return a text that is likely in the version, or none for all."""
        return None if self.rng.random() < 0.4 else [self.rng.choice(TEXTS)]


def live_and_look_back(world: World, seed: int, steps: int) -> None:
    life = Life(world, seed)
    then: list[tuple[int, str, bytes, bytes]] = []
    for _ in range(steps):
        name = life.step()
        then.append((world.log_size(), name, shown(world, name), listed(world)))
    assert len(life.done) == 8, life.done
    for size, name, record, names in then:
        assert shown(world, name, f"log:{size}") == record, (size, name)
        assert listed(world, f"log:{size}") == names, size
    assert world.problems() == []


def test_show_of_then_is_what_show_printed(world: World) -> None:
    live_and_look_back(world, 7, 40)


@pytest.mark.slow
def test_show_after_each_of_200_things_is_what_show_printed(world: World) -> None:
    live_and_look_back(world, 1, 200)


def test_a_time_stands_for_what_was_recorded_by_its_end(world: World) -> None:
    world.register("essays", TEXTS[:2], origin=Origin.HUMAN)
    before = shown(world, "essays")
    early = world.clock.now
    world.clock.advance(days=2)
    world.claim("essays", Origin.AI)
    for text in (
        early.strftime("%Y-%m-%dT%H:%M:%SZ"),
        early.strftime("%Y-%m-%d"),
        (START + dt.timedelta(days=1)).strftime("%Y-%m-%d"),
    ):
        assert shown(world, "essays", text) == before
    assert shown(world, "essays", world.clock.now.strftime("%Y-%m-%d")) == shown(world, "essays")
    with pytest.raises(NotFoundError, match="no dataset `essays`"):
        shown(world, "essays", "2024")


def test_what_is_no_state_is_refused(world: World) -> None:
    world.register("essays", TEXTS[:2])
    for text in ("", "yesterday", "log:", "log:-1", "812", "2026-13-01"):
        with pytest.raises(InvalidInputError, match="is no state of the log"):
            AsOf.parse(text)
    with pytest.raises(NotFoundError, match="the log has 2 entries, not 3"):
        shown(world, "essays", "log:3")
    with pytest.raises(NotFoundError, match="no dataset"):
        shown(world, "essays", "log:0")


def test_a_plan_of_then_draws_what_it_drew(world: World) -> None:
    world.register("essays", TEXTS[:4], origin=Origin.HUMAN)
    world.register("chat", TEXTS[4:], origin=Origin.AI)
    asked: dict[str, Any] = {"sources": ["essays", "chat"], "human": {"at_least": 0.9}}
    first, size = world.plan(asked), world.log_size()
    world.claim("essays", Origin.AI, where=TEXTS[:2])
    with reading(world.database, AsOf.parse(f"log:{size}")) as session:
        texts = again(world.database, world.store, world.folder / "scratch")
        recipe = recipes.parse(dict(asked), name="test.yaml")
        then = assemble.plan(session, world.store, recipe, again=texts)
    assert (then.log_size, then.digest) == (size, first.digest)
    assert world.plan(asked).digest != first.digest


def test_other_sessions_see_the_present(world: World) -> None:
    world.register("essays", TEXTS[:2], origin=Origin.HUMAN)
    world.claim("essays", Origin.AI)
    with reading(world.database, AsOf.parse("log:2")) as past, world.database.read() as now:
        assert (ledger.size(past), ledger.size(now)) == (2, 3)
    for _ in range(12):
        with world.database.read() as now:
            assert ledger.size(now) == 3


def test_rows_that_a_rollback_left_gaps_between_are_found() -> None:
    assert list(_runs([7, 1, 2, 3, 9, 8])) == [(1, 3), (7, 9)]
    assert list(_runs([])) == []
    deep = _all([f"id NOT BETWEEN {at} AND {at}" for at in range(0, 8192, 2)])
    assert max(_depths(deep)) <= 13


def _depths(text: str) -> list[int]:
    depth, found = 0, []
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        found.append(depth)
    return found
