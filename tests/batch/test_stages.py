from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from registry.batch.stages import KEPT_SECONDS, Stage, Workspace
from registry.errors import UnavailableError

MADE_OF = {"of": "x", "limit": 5}


def made(text: str, calls: list[str] | None = None) -> Any:
    def make(folder: Path, spill: Path) -> Mapping[str, Any]:
        if calls is not None:
            calls.append(text)
        spill.mkdir()
        (spill / "scratch").write_text("much", "ascii")
        (folder / "file").write_text(text, "ascii")
        return {"length": len(text)}

    return make


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def stage_of(space: Workspace, text: str = "content", calls: list[str] | None = None) -> Stage:
    return space.stage("texts", MADE_OF, made(text, calls))


def test_a_stage_is_made_once(tmp_path: Path) -> None:
    calls: list[str] = []
    for number in range(3):
        with Workspace(tmp_path / "b") as space:
            stage = stage_of(space, calls=calls)
            assert stage.file("file").read_text("ascii") == "content"
            assert stage.facts == {"length": 7}
            assert stage.made == (number == 0)
            assert stage_of(space, calls=calls).made is False
    assert calls == ["content"]
    assert names(stage.folder) == ["file", "manifest.json"], "what was spilled stays"


def test_another_origin_is_another_stage(tmp_path: Path) -> None:
    with Workspace(tmp_path) as space:
        one = stage_of(space)
        two = space.stage("texts", {**MADE_OF, "limit": 6}, made("other"))
        three = space.stage("bands", MADE_OF, made("third"))
        assert len({one.key, two.key, three.key}) == len(names(tmp_path)) == 3


def test_a_failure_leaves_nothing_and_is_the_callers(tmp_path: Path) -> None:
    def make(folder: Path, _: Path) -> Mapping[str, Any]:
        (folder / "half").write_text("half", "ascii")
        raise KeyError("a defect")

    with Workspace(tmp_path) as space:
        with pytest.raises(KeyError):
            space.stage("texts", MADE_OF, make)
        assert names(tmp_path) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    def make(folder: Path, _: Path) -> Mapping[str, Any]:
        (folder / "half").write_text("half", "ascii")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Workspace(tmp_path) as space:
        stage = space.stage("bands", MADE_OF, made("before"))
        with pytest.raises(UnavailableError, match="the disk is full") as caught:
            space.stage("texts", MADE_OF, make)
        assert caught.value.hint is not None
        assert "--temp" in caught.value.hint
        assert names(tmp_path) == [stage.folder.name]


@pytest.mark.parametrize(
    "damage", ["flip", "cut", "gone", "no manifest", "bad manifest", "bad files", "no facts"]
)
def test_a_damaged_stage_is_made_again(tmp_path: Path, damage: str) -> None:
    with Workspace(tmp_path) as space:
        folder = stage_of(space).folder
    manifest = folder / "manifest.json"
    match damage:
        case "flip":
            (folder / "file").write_text("Content", "ascii")
        case "cut":
            (folder / "file").write_text("conten", "ascii")
        case "gone":
            (folder / "file").unlink()
        case "no manifest":
            manifest.unlink()
        case "bad manifest":
            manifest.write_text("[]", "ascii")
        case "bad files":
            manifest.write_text('{"format": 1, "facts": {}, "files": ["file"]}', "ascii")
        case "no facts":
            manifest.write_text('{"format": 1, "files": {}}', "ascii")
    with Workspace(tmp_path) as space:
        stage = stage_of(space)
        assert stage.made
        assert stage.file("file").read_text("ascii") == "content"
    assert names(tmp_path) == [folder.name]


def test_two_runs_at_once_share_one_stage(tmp_path: Path) -> None:
    both = threading.Barrier(2)

    def make(folder: Path, _: Path) -> Mapping[str, Any]:
        both.wait(60)
        (folder / "file").write_text("content", "ascii")
        return {}

    found: list[tuple[bool, str]] = []

    def run() -> None:
        with Workspace(tmp_path) as space:
            stage = space.stage("texts", MADE_OF, make)
            both.wait(60)
            found.append((stage.made, stage.file("file").read_text("ascii")))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(False, "content"), (True, "content")]
    assert len(names(tmp_path)) == 1


def test_what_a_dead_run_left_goes_and_what_a_live_one_makes_stays(tmp_path: Path) -> None:
    dead = tmp_path / f".texts.{'d' * 32}.{'0' * 16}"
    dead.mkdir()
    (dead / "file").write_text("half", "ascii")
    (tmp_path / f".scratch.{'0' * 16}").mkdir()
    live = tmp_path / f".texts.{'e' * 32}.{'0' * 16}"
    live.mkdir()
    handle = os.open(live, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    with Workspace(tmp_path):
        assert names(tmp_path) == [live.name]
    os.close(handle)
    with Workspace(tmp_path):
        assert names(tmp_path) == []


def test_what_nobody_used_for_long_goes_unless_it_is_in_use(tmp_path: Path) -> None:
    with Workspace(tmp_path) as space:
        one = stage_of(space)
        later = one.folder.stat().st_mtime + KEPT_SECONDS
        with Workspace(tmp_path, now=later + 60):
            assert names(tmp_path) == [one.folder.name]
        two = space.stage("bands", MADE_OF, made("x"))
    with Workspace(tmp_path, now=later - 60):
        assert len(names(tmp_path)) == 2
    os.utime(two.folder, (later, later))
    with Workspace(tmp_path, now=later + 60):
        assert names(tmp_path) == [two.folder.name]


def test_folders_of_the_user_are_never_touched(tmp_path: Path) -> None:
    work = [".ssh", ".git", ".texts.old.1", "thesis", "letters.2020", "texts.tar", ".scratch"]
    for name in work:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("years of work", "ascii")
    elsewhere = tmp_path / "thesis"
    (tmp_path / f"texts.{'a' * 32}").symlink_to(elsewhere)
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    before = names(tmp_path)
    with Workspace(tmp_path):
        assert names(tmp_path) == before
    assert all((tmp_path / name / "file").is_file() for name in work)


def test_a_stage_in_use_is_not_dropped(tmp_path: Path) -> None:
    with Workspace(tmp_path) as one, Workspace(tmp_path) as two:
        stage = stage_of(one)
        stage_of(two)
        one.drop(stage)
        assert names(tmp_path) == [stage.folder.name]
        two.drop(stage)
        assert names(tmp_path) == []


def test_a_scratch_folder_goes_in_the_end(tmp_path: Path) -> None:
    with Workspace(tmp_path) as space:
        with space.scratch() as folder, Workspace(tmp_path):
            assert folder.is_dir(), "another run took it for left over"
        assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "ascii")
    with pytest.raises(UnavailableError, match="cannot be worked in"):
        Workspace(tmp_path / "file" / "below").__enter__()
