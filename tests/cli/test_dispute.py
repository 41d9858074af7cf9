from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry.core.dataset import Origin
from tests.cli.running import Cli
from tests.world import World


@pytest.fixture(autouse=True)
def pairs(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_HOME", str(sqlite_world.home))
    records = [{"q": "Why?", "a": "Because."}, {"q": "How?", "a": "Like this."}]
    sqlite_world.register("pairs", records, text_fields=["q", "a"], origin=Origin.HUMAN)


def test_a_dispute_with_evidence_from_the_first_word_to_the_last(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "card.txt").write_text("made by a model")
    ran = cli(
        "dispute", "open", "pairs", "--origin", "ai", "--field", "a", "--claim", "1",
        "--reason", "the card", "--evidence", "card.txt", "--json",
    )  # fmt: skip
    dispute = ran.json["dispute"]
    assert dispute["evidence"] == hashlib.sha256(b"made by a model").hexdigest()
    assert (dispute["id"], dispute["field"], dispute["state"]) == (1, "a", "open")
    assert ran.json["whole"] is None
    # "Why?" and "How?" of "Why?\nBecause." and "How?\nLike this.".
    assert ran.json["human_fraction"]["declared"] == {"numerator": 8, "denominator": 28}
    assert "Disputes      1 open" in cli("show", "pairs").out
    decided = cli("dispute", "resolve", "1", "--uphold", "--role", "owner", "--reason", "so it is")
    assert "ended: no claim\nclaim 1 is about more than the dispute, and stays" in decided.out
    assert "by dispute ai in field a" in cli("show", "pairs").out
    assert "upheld by" in cli("dispute", "list").out


def test_the_whole_document_is_taken_where_the_files_are_gone_and_that_is_said(
    cli: Cli, sqlite_world: World
) -> None:
    for path in (sqlite_world.folder / "files").rglob("*.jsonl"):
        path.unlink()
    ran = cli("dispute", "open", "pairs", "--origin", "ai", "--field", "a", "--reason", "r")
    assert "all of each document is taken for the field" in ran.err
    assert "now counts as 2 ai" in ran.out


@pytest.mark.parametrize(
    "words",
    [
        ("dispute", "resolve", "1", "--role", "r", "--reason", "r"),
        ("dispute", "resolve", "1", "--uphold", "--reject", "--role", "r", "--reason", "r"),
        ("dispute", "open", "pairs", "--origin", "ai", "--license", "MIT", "--reason", "r"),
        ("dispute", "open", "pairs", "--generator", "gpt", "--reason", "r"),
        ("claim", "pairs", "--reason", "r"),
        ("claim", "pairs", "--date", "2021", "--reason", "r"),
        (
            "claim",
            "pairs",
            "--origin",
            "ai",
            "--where",
            "f",
            "--where-sql",
            "true",
            "--reason",
            "r",
        ),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(cli: Cli, words: tuple[str, ...]) -> None:
    assert cli(*words).code == 2


def test_evidence_that_cannot_be_read_records_nothing(cli: Cli, sqlite_world: World) -> None:
    size = sqlite_world.log_size()
    ran = cli("dispute", "open", "pairs", "--reason", "r", "--evidence", "gone", "--json")
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")
    assert sqlite_world.log_size() == size


def test_other_properties_are_claimed_of_what_a_condition_gives(
    cli: Cli, sqlite_world: World
) -> None:
    for option, value in (("--license", "MIT"), ("--language", "en"), ("--date", "captured=2021")):
        ran = cli(
            "claim", "pairs", option, value, "--where-sql", "row = 2", "--reason", "r", "--json"
        )
        assert ran.json["claim"]["value"]["where_sql"] == "row = 2"
        assert ran.json["claim"]["about"] == "1 text"
    stand = sqlite_world.standing("pairs")
    assert [stand.licenses.names[code] for code in stand.licenses.codes] == [(), ("MIT",)]
    assert [stand.languages.names[code] for code in stand.languages.codes] == [(), ("en",)]
    never = stand.not_after == stand.not_after.max()
    assert never.tolist() == [True, False]


def test_the_texts_of_a_conflict_are_claimed(cli: Cli, sqlite_world: World) -> None:
    sqlite_world.register("crawl", ["Why?\nBecause.", "More."], origin=Origin.AI)
    assert cli("conflicts", "--json").json["conflicts"] == [
        it | {"here": it["there"], "there": it["here"],
              "cases": [{"here": "ai", "there": "human", "texts": 1}]}
        for it in cli("conflicts", "pairs", "--json").json["conflicts"]
    ]  # fmt: skip
    ran = cli(
        "claim", "pairs", "--conflict", "1", "--origin", "ai", "--reason", "they agree", "--json"
    )
    value = {"origin": "ai", "conflict": {"property": "origin", "with": "local/crawl@1"}}
    assert ran.json["claim"]["value"] == value
    assert "= crawl@1" not in cli("conflicts", "pairs").out
    assert cli("claim", "pairs", "--conflict", "9", "--origin", "ai", "--reason", "r").code == 1


def test_commands_that_read_look_back(cli: Cli, tmp_path: Path) -> None:
    before = [cli(*words, "--json").json for words in (("show", "pairs"), ("dataset", "list"))]
    size = before[0]["log_size"]
    cli("claim", "pairs", "--origin", "ai", "--reason", "r")
    at = ("--as-of", f"log:{size}")
    assert cli("show", "pairs", *at, "--json").json == before[0]
    assert cli("dataset", "list", *at, "--json").json == before[1]
    assert len(cli("history", "pairs", *at, "--json").json["events"]) == 3
    (tmp_path / "mix.yaml").write_text("sources: [pairs]\nhuman: {at_least: 90%}\n")
    assert cli("plan", "mix.yaml").code == 3
    ran = cli("plan", "mix.yaml", *at)
    assert (ran.code, ran.err.startswith(f"as of log {size}")) == (0, True)
    assert cli("show", "pairs", "--as-of", "yesterday").code == 1
