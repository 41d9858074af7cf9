"""`firsthand overlap` tells, lists and draws which documents versions have in common."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree

import pytest

from registry.query.matrix import comparing
from tests.cli.running import Cli
from tests.index.truth import forget
from tests.query.test_matrix import variant
from tests.world import World

TEXTS = [variant(stem, 0) for stem in range(4)]


@pytest.fixture(autouse=True)
def home(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_HOME", str(sqlite_world.home))
    sqlite_world.register("team/whole", [*TEXTS, "…"])
    sqlite_world.register("part", [*TEXTS[:2], variant(3, 1)])
    sqlite_world.register("else", ["Nothing of it."])


def test_the_screen(cli: Cli) -> None:
    ran = cli("overlap")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "overlap   3 versions · 9 documents · 3 pairs compared, 1 with anything in common",
        "Documents of  that are in   exact  near  either  of documents  of bytes",
        "part@1        team/whole@1      2     1       3       100.0 %   100.0 %",
        "team/whole@1  part@1            2     1       3        60.0 %    74.9 %",
        "Exact  the same bytes; all are found",
        "Near   other texts of a similarity of 0.8 or more; a document may have both",
        "       recall 0.997 there, more above; by sketch, with a standard error of 0.035",
        "       no match says nothing about who or what wrote the texts",
        "       1 document without a word: only equal ones found",
        "Rule   overlap/v1 sketch/v1 128 20x6 >=0.8 hubs 256",
    ]


def test_what_is_missing_is_named_with_the_remedy(cli: Cli, sqlite_world: World) -> None:
    forget(sqlite_world)
    ran = cli("overlap", "part")
    assert ran.code == 0
    assert "0 pairs compared" in ran.out
    assert "Missing  part@1, team/whole@1, else@1: not in the index, so not compared" in ran.out
    assert "firsthand index rebuild" in ran.out
    assert cli("index", "rebuild").code == 0
    assert "2 pairs compared, 1 with anything in common" in cli("overlap", "part").out


def test_what_was_not_compared_is_said(
    cli: Cli, sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "HUBS", 1)
    sqlite_world.register("many", [f"{variant(0, 0)} a{number}" for number in range(4)])
    sqlite_world.register("more", [f"{variant(0, 0)} b{number}" for number in range(4)])
    ran = cli("overlap", "many", "more")
    assert "in 1 pair of versions very many documents are alike" in ran.out


def test_files_are_written_whole_and_beside_the_answer(cli: Cli, tmp_path: Path) -> None:
    table, picture = tmp_path / "new" / "o.csv", tmp_path / "o.svg"
    picture.write_text("an older one", "utf-8")
    ran = cli("overlap", "--csv", table, "--svg", picture, "--json")
    assert (ran.code, ran.json["compared"]) == (0, 3)
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    (row,) = (
        it for it in rows if (it["dataset"], it["in_dataset"]) == ("team/whole", "local/part")
    )
    assert {name: row[name] for name in row if name.endswith("_documents") or name == "texts"} == {
        "texts": "2", "exact_documents": "2", "near_documents": "1", "either_documents": "3",
        "exact_share_documents": "0.4", "near_share_documents": "0.2",
        "either_share_documents": "0.6",
    }  # fmt: skip
    drawn = ElementTree.parse(picture).getroot()
    titles = [item.text or "" for item in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert (
        "part@1 in team/whole@1: 2 of 3 documents equal, 1 near; 3 equal or near, "
        "100 % of the bytes"
    ) in titles
    assert [path.name for path in table.parent.iterdir()] == ["o.csv"]


def test_one_against_all_others_draws_the_others_as_not_compared(cli: Cli, tmp_path: Path) -> None:
    picture = tmp_path / "o.svg"
    assert cli("overlap", "part", "--svg", picture).code == 0
    assert "team/whole@1 in else@1: not compared" in picture.read_text("utf-8")
    assert "part@1 in else@1" not in picture.read_text("utf-8")


@pytest.mark.parametrize("option", ["--csv", "--svg"])
def test_a_place_that_takes_no_file_is_refused_first(cli: Cli, tmp_path: Path, option: str) -> None:
    ran = cli("overlap", option, tmp_path, "--json")
    assert ran.code == 1
    assert ran.error["type"] == "InvalidInputError"
    assert option in ran.error["hint"]


def test_a_word_for_nothing_is_an_error(cli: Cli) -> None:
    ran = cli("overlap", "protected", "--json")
    assert (ran.code, ran.error["message"]) == (1, "`protected` stands for no version")


def test_progress_is_told_beside_the_document(cli: Cli) -> None:
    ran = cli("overlap", "--json", "--progress", "json")
    assert ran.json["compared"] == 3
    events = [line for line in ran.err.splitlines() if '"stage"' in line]
    assert events
    # What is kept takes no time.
    assert cli("overlap", "--progress", "json").err == ""
