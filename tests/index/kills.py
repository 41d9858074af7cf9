"""Kill what writes the index wherever it touches the disk or the database, and ask what is left.

    python -m tests.index.kills FOLDER merge|rebuild [--one-in N] [--random COUNT]

As `tests.faults`, whose hooks it uses, with points around every write as well. After each kill the
answers are compared with those of looking at every document: as they are, after the recovery of
the next command, and after the command was repeated; nothing may be left over then.
Prints one line of JSON: the points, and every complaint.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import configure_mappers

from registry import intents, merging, reindex
from registry.blobs import Store
from registry.core.sketch import SketchParams, band_keys
from registry.db.models import Intent, Segment, SketchTable
from registry.db.session import Database, sqlite_url
from registry.index.reading import Index
from tests.faults import KILLED, Tripwire, in_child
from tests.index.making import Catalogue, Documents, random_documents
from tests.index.truth import compare, forget, sketch_all
from tests.sampling import sample
from tests.world import START, Clock, World, migrate

WORDS: Final = [f"w{number}" for number in range(60)]


@dataclass
class Scene:
    """A registry in a folder, and what is done to it until it is killed.

    Attributes:
        folder: The folder.
        make: Makes the registry.
        act: Is killed.
        ask: Compares all answers.
    """

    folder: Path
    make: Callable[[], None]
    act: Callable[[Database, Store], None]
    ask: Callable[[Database, Store], None]

    def opened(self, work: Callable[[Database, Store], None]) -> int:
        database = Database(sqlite_url(self.folder / "registry.db"))
        try:
            work(database, Store(self.folder / "storage"))
        finally:
            database.dispose()
        return 0

    def child(self, work: Callable[[Database, Store], None]) -> str:
        """Do something in a child; return what it complained about."""
        output = self.folder.with_suffix(".out")
        code = in_child(lambda: self.opened(work), output)
        return "" if code == 0 else output.read_text("utf-8")[-2000:]

    def killed(self, deadly: int | None, *, statements: bool) -> tuple[int, list[str]]:
        """Let it run into a point, or through all of them."""
        points = self.folder.with_suffix(".points")

        def work() -> int:
            wire = Tripwire(deadly)
            wire.install(statements=statements)
            os.write = wire.around("write", os.write)
            code = self.opened(self.act)
            passed = list(wire.passed)
            points.write_text(json.dumps(passed), "utf-8")
            return code

        code = in_child(work, self.folder.with_suffix(".out"))
        return code, [] if deadly is not None else json.loads(points.read_text("utf-8"))


def clean(database: Database, store: Store) -> None:
    """Refuse anything that belongs to nothing, after the recovery of the next command."""
    with database.read() as session:
        used = {f"segments/{name}" for name in session.scalars(sa.select(Segment.name))}
        used |= {f"sketches/{row.location.uid}" for row in session.scalars(sa.select(SketchTable))}
        assert not session.scalars(sa.select(Intent)).all()
    there = {f"segments/{path.parent.name}/{path.name}" for path in store.root.glob("segments/*/*")}
    there |= {f"sketches/{path.name}" for path in store.root.glob("sketches/*")}
    assert there == used
    assert not list(store.root.glob("staging/*"))


def recover(database: Database, store: Store) -> None:
    intents.recover(database, store, now=START)


def aftermath(scene: Scene, database: Database, store: Store) -> None:
    """Ask after a kill, after the recovery, and after the command was repeated."""
    for work in (scene.ask, recover, clean, scene.ask, scene.act, scene.ask, clean):
        work(database, store)


def merging_scene(folder: Path) -> Scene:
    """Return four small locations whose segments are merged."""
    documents: list[Documents] = []

    def catalogue(database: Database, store: Store) -> Catalogue:
        made = Catalogue(database, store)
        for number, some in enumerate(documents, 1):
            made.documents[number], made.uids[number] = some, f"{number:032x}"
        return made

    rng = np.random.default_rng(1)
    documents += [random_documents(rng, 12, spread=20) for _ in range(4)]

    def make() -> None:
        folder.mkdir()
        url = sqlite_url(folder / "registry.db")
        migrate(url)
        database = Database(url)
        made = Catalogue(database, Store(folder / "storage"))
        for some in documents:
            made.add(some)
        database.dispose()

    def act(database: Database, store: Store) -> None:
        done = merging.compact(database, store, clock=Clock(), everything=True)
        assert done.problem is None

    def ask(database: Database, store: Store) -> None:
        with database.read() as session, Index.open(session, store) as index:
            catalogue(database, store).compare(index, 24)

    return Scene(folder, make, act, ask)


def rebuilding_scene(folder: Path) -> Scene:
    """Return two datasets that are sketched and indexed anew."""
    rng = random.Random(2)
    texts = {
        name: [" ".join(rng.choices(WORDS, k=rng.randint(0, 30))) for _ in range(6)]
        for name in ("one", "two")
    }

    def make() -> None:
        folder.mkdir()
        url = sqlite_url(folder / "registry.db")
        migrate(url)
        with World(url, folder) as world:
            for name, some in texts.items():
                world.register(name, some, keep=True, jobs=1)
            forget(world)
            shutil.move(world.store.root, folder / "storage")
            reindex.rebuild(world.database, Store(folder / "storage"), clock=Clock())

    def act(database: Database, store: Store) -> None:
        assert not reindex.rebuild(database, store, clock=Clock(), sketches=True).unreadable

    def ask(database: Database, store: Store) -> None:
        compare(database, store, texts)
        found = reindex.check(database, store, rng=np.random.default_rng(1))
        assert not found.problems, found.problems

    return Scene(folder, make, act, ask)


def examine(scene: Scene, chosen: int | None, *, one_in: int) -> tuple[list[str], list[str]]:
    """Kill it at its points, or at some drawn at random; return the points and all complaints.

    Of each kind of point, one in so many is tried, and at least one.

    Points before SQL statements are only among those that are drawn.
    """
    in_child(lambda: scene.make() or 0, scene.folder.with_suffix(".out"))  # type: ignore[func-returns-value]
    saved, statements = scene.folder.with_name("saved"), chosen is not None
    shutil.copytree(scene.folder, saved)
    complaints = [f"at first: {said}" for said in [scene.child(scene.ask)] if said]
    code, points = scene.killed(None, statements=statements)
    if code != 0:
        complaints.append(f"without a kill: {scene.folder.with_suffix('.out').read_text('utf-8')}")
    last = len(points) - 1
    before = [at for at, point in enumerate(points) if point.startswith("before") or at == last]
    numbers = [before[at] for at in sample([points[at] for at in before], one_in)]
    if chosen is not None:
        numbers = random.Random(3).choices(range(len(points)), k=chosen)
    for number in numbers:
        shutil.rmtree(scene.folder)
        shutil.copytree(saved, scene.folder)
        code, _ = scene.killed(number, statements=statements)
        steps = [] if code == KILLED else [f"ended with {code}"]
        said = scene.child(partial(aftermath, scene))
        complaints += [f"{points[number]}: {step}" for step in [*steps, said] if step]
    return points, complaints


def main() -> None:
    """Examine one scene and print the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("scene", choices=["merge", "rebuild"])
    parser.add_argument("--one-in", type=int, default=1)
    parser.add_argument("--random", type=int)
    given = parser.parse_args()
    configure_mappers()
    # Compiled code is loaded here once, and not by each child.
    band_keys(sketch_all(["a text of a few words"]).signatures, SketchParams())
    make = merging_scene if given.scene == "merge" else rebuilding_scene
    points, complaints = examine(
        make(given.folder.resolve() / "scene"), given.random, one_in=given.one_in
    )
    json.dump({"points": points, "complaints": complaints}, sys.stdout)


if __name__ == "__main__":
    main()
