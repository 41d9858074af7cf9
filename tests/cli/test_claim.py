from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry.core.dataset import Origin
from tests.cli.running import Cli
from tests.world import World


@pytest.fixture(autouse=True)
def essays(sqlite_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_HOME", str(sqlite_world.home))
    sqlite_world.register("essays", ["one", "two", "three"], origin=Origin.HUMAN)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_claim_about_all_documents(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_ACTOR", "Grace")
    ran = cli(
        "claim",
        "essays",
        "--origin",
        "ai",
        "--reason",
        "looked",
        "--generator",
        "m2",
        "--generator",
        "m1",
        "--json",
    )
    assert ran.code == 0
    assert set(ran.json) == {
        "dataset", "version", "number", "claim", "origins", "human_fraction",
    }  # fmt: skip
    claim = ran.json["claim"]
    assert claim["value"] == {"origin": "ai", "generators": ["m1", "m2"]}
    assert (claim["kind"], claim["claimed_by"], claim["reason"]) == (
        "correction",
        "Grace",
        "looked",
    )
    assert (claim["about"], claim["selection"]) == ("all", None)
    assert ran.json["human_fraction"]["declared"] == {"denominator": 11, "numerator": 0}


def test_a_claim_about_some_documents(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text(
        f"# these two\n{sha('one')}  one.txt\n\nsha256:{sha('two').upper()}\n{sha('one')}\n"
    )
    ran = cli("claim", "essays", "--origin", "ai", "--reason", "r", "--where", "bad.txt", "--json")
    assert ran.json["claim"]["about"] == "2 texts"
    assert {name: sums["documents"] for name, sums in ran.json["origins"].items()} == {
        "human": 1,
        "ai": 2,
    }
    screen = cli("claim", "essays", "--origin", "human", "--reason", "r", "--where", "bad.txt")
    assert "now counts as 1 human · 2 ai" in screen.out


def test_whoever_claims_human_against_others_is_told_that_it_does_not_count(cli: Cli) -> None:
    cli("claim", "essays", "--origin", "ai", "--reason", "r")
    ran = cli("claim", "essays", "--origin", "human", "--reason", "no!")
    assert ran.code == 0
    assert "now counts as 3 ai" in ran.out
    assert "a more cautious claim about the same documents still counts" in ran.out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the list names no document"),
        ("# nothing\n", "the list names no document"),
        ("one\n", "line 1 does not begin with a SHA-256"),
        (f"{sha('one')}\n{sha('one')[:-1]}\n", "line 2 does not begin with a SHA-256"),
        (f"{sha('four')}\n{sha('one')}\n", f"1 of 2 listed texts are not in `essays@1`, the first is {sha('four')}"),
    ],
)  # fmt: skip
def test_a_list_that_is_none(cli: Cli, tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "list.txt").write_text(content)
    ran = cli("claim", "essays", "--origin", "ai", "--reason", "r", "--where", "list.txt", "--json")
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")
    assert says in ran.error["message"]
    assert cli("show", "essays", "--json").json["origins"].keys() == {"human"}


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (["--origin", "ai", "--reason", " "], "InvalidInputError"),
        (["--origin", "ai", "--reason", "\x1b[2J"], "InvalidInputError"),
        (["--origin", "human", "--reason", "r", "--generator", "m"], "InvalidInputError"),
        (["--origin", "ai", "--reason", "r", "--where", "nowhere"], "InvalidInputError"),
        (["--origin", "ai", "--reason", "r", "--where", "."], "InvalidInputError"),
    ],
)  # fmt: skip
def test_claims_that_are_refused(cli: Cli, options: list[str], kind: str) -> None:
    ran = cli("claim", "essays", *options, "--json")
    assert (ran.code, ran.error["type"]) == (1, kind)


@pytest.mark.parametrize(
    "options",
    [["--origin", "Human", "--reason", "r"], ["--reason", "r"], ["--origin", "ai"], []],
    ids=str,
)
def test_wrong_usage_exits_2(cli: Cli, options: list[str]) -> None:
    ran = cli("claim", "essays", *options, "--json")
    assert (ran.code, ran.error["type"]) == (2, "UsageError")


def test_the_same_claim_twice_is_a_conflict(cli: Cli) -> None:
    cli("claim", "essays", "--origin", "ai", "--reason", "r")
    ran = cli("claim", "essays", "--origin", "ai", "--reason", "again", "--json")
    assert (ran.code, ran.error["type"]) == (1, "ConflictError")
    assert "history essays" in ran.error["hint"]


def test_lineage_is_added_once_and_without_a_circle(cli: Cli, sqlite_world: World) -> None:
    sqlite_world.register("clean", ["one"])
    ran = cli(
        "lineage",
        "add",
        "clean",
        "--from",
        "essays@1",
        "--kind",
        "filtered",
        "--note",
        "n",
        "--json",
    )
    assert ran.json == {
        "version": "local/clean@1", "source": "local/essays@1", "kind": "filtered", "note": "n",
    }  # fmt: skip
    again = cli("lineage", "add", "clean", "--from", "essays", "--kind", "filtered", "--json")
    assert again.error["type"] == "ConflictError"
    back = cli("lineage", "add", "essays", "--from", "clean", "--kind", "merged", "--json")
    assert back.error["type"] == "ConflictError"
    own = cli("lineage", "add", "essays", "--from", "essays", "--kind", "merged", "--json")
    assert own.error["type"] == "ConflictError"
    screen = cli("lineage", "add", "clean", "--from", "essays", "--kind", "copied")
    assert screen.out == "local/clean@1 was copied from local/essays@1\n"
    wrong = cli("lineage", "add", "clean", "--from", "essays", "--kind", "stolen", "--json")
    assert wrong.code == 2
