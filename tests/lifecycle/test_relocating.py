"""Files that were moved are found again, and are the same ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry import lifecycle
from registry.core.dataset import DatasetRef, Origin
from registry.errors import ConflictError
from registry.lifecycle import Relocated
from tests.world import World, write_documents

TEXTS = ["One text.", "And another one."]


def relocate(world: World, name: str, target: Path, *, check: bool = False) -> Relocated:
    return lifecycle.relocate(
        world.database,
        world.store,
        DatasetRef.parse(name),
        target,
        relocated_by="tester",
        scratch=world.folder / "scratch",
        clock=world.clock,
        check=check,
    )


@pytest.mark.parametrize("check", [False, True])
def test_texts_are_read_from_where_they_are_now(world: World, check: bool) -> None:
    world.register("letters", TEXTS, origin=Origin.HUMAN)
    (world.folder / "files" / "letters").rename(world.folder / "moved")
    with pytest.raises(ConflictError):
        world.export({"sources": ["letters"]}, "before")
    done = relocate(world, "letters", world.folder / "moved", check=check)
    assert (done.files, done.checked) == (1, check)
    assert world.export({"sources": ["letters"]}, "after").documents == 2
    assert world.problems() == []
    with pytest.raises(ConflictError, match="already"):
        relocate(world, "letters", world.folder / "moved")


def test_one_file_may_have_another_name(world: World) -> None:
    world.register("letters", TEXTS)
    (world.folder / "files" / "letters" / "part-0.jsonl").rename(world.folder / "all.jsonl")
    relocate(world, "letters", world.folder / "all.jsonl", check=True)
    assert world.export({"sources": ["letters"]}).documents == 2


def test_other_files_are_refused(world: World) -> None:
    world.register("letters", TEXTS)
    other = write_documents(world.folder / "other" / "part-0.jsonl", ["Something longer. " * 9])
    with pytest.raises(ConflictError, match="bytes, and had"):
        relocate(world, "letters", other.parent)
    with pytest.raises(ConflictError, match="does not have the files"):
        relocate(world, "letters", world.folder / "nowhere")
    same_size = [TEXTS[0].replace("One", "Two"), TEXTS[1]]
    write_documents(other, same_size)
    with pytest.raises(ConflictError, match="not the one that was registered"):
        relocate(world, "letters", other.parent, check=True)
