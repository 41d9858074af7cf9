from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from registry.duplicates.listing import SCHEMA
from tests.batch.made import brute, groups, story
from tests.cli.running import Cli
from tests.world import World

TEXTS = story(random.Random(8), 60)


@pytest.fixture(autouse=True)
def home(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_HOME", str(sqlite_world.home))
    sqlite_world.register("essays", TEXTS)


def test_the_screen(cli: Cli) -> None:
    ran = cli("duplicates", "essays")
    assert (ran.code, ran.err) == (0, "")
    accepted = {pair for pair in brute(TEXTS) if pair.accepted}
    first, *rest = ran.out.splitlines()
    assert first == f"within essays@1   {len(accepted)} pairs · 60 documents searched"
    said = "\n".join(rest)
    assert "no pair" not in said
    assert f"in {len(groups(accepted))} clusters" in said
    assert "near: recall 0.997 at 0.8, more above; equal texts: all" in said
    assert "sketches estimate it there with a standard error of 0.035" in said
    assert "Rule       near/v1 sketch/v1 128 20x6 ≥0.8" in said
    assert "documents: essays@1 document" in said
    assert "document 0" not in said
    assert "without a word: only equal ones found" in said
    assert "standard error" not in cli("duplicates", "essays", "--exact").out


def test_no_pair_is_no_error(cli: Cli, sqlite_world: World) -> None:
    sqlite_world.register("one", ["alone here"])
    ran = cli("duplicates", "one")
    assert ran.code == 0
    assert ran.out.startswith("within one@1   0 pairs · 1 document searched")
    assert "no pair says nothing about who or what wrote the texts" in ran.out


def test_the_document_and_the_file(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "pairs.parquet"
    ran = cli("duplicates", "essays", "--out", out, "--all", "--json", "--min-similarity", "0.6")
    assert set(ran.json) == {
        "version", "with", "rule", "min_similarity", "exact", "searched", "recall", "pairs",
        "similarity", "documents", "clusters", "capped", "out",
    }  # fmt: skip
    expected = brute(TEXTS, threshold=0.6)
    pairs = ran.json["pairs"]
    assert sum(pairs.values()) == len(expected) == ran.json["out"]["rows"]
    by_step = [item["pairs"] for item in ran.json["similarity"]]
    assert sum(by_step) == pairs["near"] + pairs["rejected"]
    table = pq.read_table(out)
    assert table.schema.equals(SCHEMA)
    assert table.num_rows == len(expected)


def test_between_two(cli: Cli, sqlite_world: World) -> None:
    sqlite_world.register("copy", TEXTS[:7])
    ran = cli("duplicates", "essays", "--with", "copy")
    assert ran.out.startswith("essays@1 · copy@1   ")


def test_too_many_pairs_are_said(cli: Cli, sqlite_world: World, tmp_path: Path) -> None:
    sqlite_world.register("same", ["x"] * 9)
    out = tmp_path / "pairs.parquet"
    ran = cli("duplicates", "same", "--max-pairs", "10", "--out", out)
    assert "1 group of alike texts would make 36 pairs, each more than 10" in ran.out
    assert "only pairs with one text of the group were listed; raise --max-pairs" in ran.out
    assert pq.read_metadata(out).num_rows == 8


def test_progress_as_events(cli: Cli) -> None:
    ran = cli("duplicates", "essays", "--progress", "json", "--exact")
    events = [json.loads(line) for line in ran.err.splitlines()]
    stages = list(dict.fromkeys(event["stage"] for event in events))
    assert {"documents", "texts", "bands", "candidates", "shingles", "compared"} <= set(stages)
    assert all(event["event"] == "stage" for event in events)
    assert any(event["of"] and event["done"] == event["of"] for event in events)


def test_intermediate_results_go_where_they_are_sent(
    cli: Cli, sqlite_world: World, tmp_path: Path
) -> None:
    cli("duplicates", "essays", "--temp", tmp_path / "t")
    assert (tmp_path / "t").is_dir()
    assert not (sqlite_world.store.root / "batch").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--min-similarity", "0"],
        ["--min-similarity", "1.1"],
        ["--memory", "much"],
        ["--memory", "5"],
        ["--max-pairs", "0"],
        ["--all"],
    ],
)
def test_wrong_usage(cli: Cli, wrong: list[str]) -> None:
    ran = cli("duplicates", "essays", *wrong)
    assert (ran.code, ran.out) == (2, "")


def test_too_little_memory(cli: Cli) -> None:
    ran = cli("duplicates", "essays", "--memory", "1MB", "--json")
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")
    assert ran.error["hint"] == "give it 128 MB or more"
