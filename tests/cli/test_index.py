"""`firsthand index`: what it says, and what it exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import Cli
from tests.index.truth import compare, forget
from tests.world import World

TEXTS = ["A text by a person, of some length, about the sea.", "Another one.", "", "Another one."]


@pytest.fixture(autouse=True)
def home(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_HOME", str(world.home))


def test_a_catalogue_of_an_earlier_release_says_what_is_not_indexed(cli: Cli, world: World) -> None:
    world.register("essays", TEXTS)
    forget(world)
    ran = cli("index", "status")
    assert ran.code == 0
    assert "not indexed: 4 documents of essays@1 by content, bands, passages" in ran.out
    assert "an earlier release registered them" in ran.out
    assert "hint: run `firsthand index rebuild`" in ran.err
    assert cli("index", "status", "--json").json["not_indexed"] == 4
    verified = cli("index", "verify")
    assert verified.code == 0
    assert "4 documents not indexed" in verified.out
    rebuilt = cli("index", "rebuild")
    assert (rebuilt.code, rebuilt.out) == (0, "4 documents in 3 files; 4 sketched again\n")
    after = cli("index", "status")
    assert "not indexed" not in after.out
    assert "1 document without a word: only equal ones are found" in after.out
    assert "all documents are indexed" in after.out
    assert "content    4 documents, 4 entries in 1 file" in after.out
    compare(world.database, world.store, {"essays": TEXTS})


def test_what_is_damaged_is_named_with_the_remedy(cli: Cli, world: World) -> None:
    world.register("essays", TEXTS)
    cli("index", "rebuild")
    assert "all as they should be" in cli("index", "verify").out
    (path,) = world.store.root.glob("segments/*/bands-*")
    raw = bytearray(path.read_bytes())
    raw[5] ^= 1
    path.write_bytes(raw)
    ran = cli("index", "verify")
    assert ran.code == 3
    assert f"segments/{path.parent.name}/{path.name}" in ran.out
    assert "is damaged in block 0" in ran.out
    assert "run `firsthand index rebuild`" in ran.out
    (problem,) = cli("index", "verify", "--json").json["problems"]
    assert problem["hint"] == "run `firsthand index rebuild`"
    assert cli("index", "rebuild").code == 0
    assert cli("index", "verify").code == 0
    path.unlink(missing_ok=True)


def test_texts_that_are_gone_are_named_and_exit_3(cli: Cli, world: World) -> None:
    world.register("essays", TEXTS)
    world.register("kept", ["Some other text."], keep=True)
    forget(world)
    (world.folder / "files" / "essays" / "part-0.jsonl").unlink()
    ran = cli("index", "rebuild")
    assert ran.code == 3
    assert "not indexed: 4 documents of essays@1" in ran.out
    assert ran.out.startswith("1 document in ")
    (lost,) = cli("index", "rebuild", "--json").json["unreadable"]
    assert lost["ref"].endswith("essays@1")
    assert "part-0.jsonl" in lost["message"]


def test_merging_says_what_it_did(cli: Cli, world: World) -> None:
    assert cli("index", "compact").out == "nothing to merge\n"
    assert cli("index", "compact", "--json").json == {"merged": 0, "made": 0, "busy": False}


def test_everything_can_be_made_again(cli: Cli, world: World) -> None:
    world.register("essays", TEXTS, keep=True)
    cli("index", "rebuild")
    assert "; 0 sketched again" in cli("index", "rebuild").out
    assert "; 4 sketched again" in cli("index", "rebuild", "--sketches").out


def test_what_was_compared_stays_compared_with_the_same_sketches(cli: Cli, tmp_path: Path) -> None:
    words = " ".join(f"word{number}" for number in range(200))
    for name, texts in {"one": [words], "three": [f"{words} {end}" for end in "abc"]}.items():
        (tmp_path / f"{name}.jsonl").write_text(
            "".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8"
        )
        assert cli("register", tmp_path / f"{name}.jsonl", "--name", name).code == 0
    before = cli("show", "one").out
    # Three texts are near this one: that makes no three texts of one document.
    assert "1 of 1 document is nearly the same as documents of three@1\n" in before
    assert "not compared" not in before
    assert "; 4 sketched again" in cli("index", "rebuild", "--sketches").out
    assert cli("show", "one").out == before
