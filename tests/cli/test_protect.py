"""Tests of `firsthand keep`, `protect`, `role give` and `role take`, as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.core.dataset import Origin, Role
from registry.core.evidence import DateInterval, DateKind
from tests.cli.running import Cli
from tests.world import World

TEXTS = ["By a person.", "By another."]


@pytest.fixture
def home(sqlite_world: World) -> Path:
    """A registry with texts of 2019, of which nobody said who wrote them."""
    dates = (DateInterval.parse(DateKind.AUTHORED, "2019"),)
    sqlite_world.register("essays", TEXTS, dates=dates)
    return sqlite_world.home


def test_a_refusal_exits_3_and_tells_every_reason(home: Path, cli: Cli) -> None:
    ran = cli("--home", home, "protect", "essays")
    assert ran.code == 3
    assert ran.out.splitlines()[0] == (
        "local/essays@1   not protected: it does not meet pre-aigc, before 2022-11-30, "
        "grade E1 or better"
    )
    assert "  ! 2 documents have no origin: nobody says what made them" in ran.out
    assert "    → `firsthand keep essays@1` reads them again" in ran.out
    assert ran.out.splitlines()[-1] == "nothing was recorded"
    told = cli("--home", home, "protect", "essays", "--json")
    assert told.code == 3
    assert [it["code"] for it in told.json["reasons"]] == ["origin_unknown", "not_kept"]
    assert (told.json["outcome"], told.json["held"]) == ("refused", None)


def test_from_refused_to_protected_to_released(home: Path, cli: Cli, sqlite_world: World) -> None:
    sqlite_world.claim("essays", Origin.HUMAN, reason="I was there")
    kept = cli("--home", home, "keep", "essays", "--json").json
    assert (kept["outcome"], kept["documents"]) == ("kept", 2)
    assert cli("--home", home, "protect", "essays").code == 0
    assert "protected already" in cli("--home", home, "protect", "essays").out
    assert "ROLE" in cli("--home", home, "dataset", "list").out
    refused = cli("--home", home, "protect", "essays", "--cutoff", "2015")
    assert refused.code == 3
    assert "it stays protected as before" in refused.out
    released = cli("--home", home, "protect", "essays", "--release", "--reason", "sold")
    assert (released.code, released.err) == (0, "")
    again = cli("--home", home, "protect", "essays", "--release", "--reason", "sold", "--json")
    assert (again.code, again.error["type"]) == (1, "ConflictError")
    assert "ROLE" not in cli("--home", home, "dataset", "list").out


def test_progress_is_told_on_stderr_and_json_is_alone_on_stdout(home: Path, cli: Cli) -> None:
    ran = cli("--home", home, "keep", "essays", "--progress", "json", "--json")
    assert ran.json["outcome"] == "kept"
    assert '"stage": "keeping"' in ran.err
    ran = cli("--home", home, "keep", "essays", "--progress", "json")
    assert '"stage": "checking"' in ran.err
    assert "the vault has its texts already; all of them were checked" in ran.out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["protect", "essays", "--release"], 2, "say why with `--reason`"),
        (["protect", "essays", "--reason", "so"], 2, "`--reason` belongs to `--release`"),
        (["protect", "essays", "--min-grade", "E9"], 2, "is not one of"),
        (["protect", "essays", "--policy", "none"], 2, "is not"),
        (["protect", "essays", "--cutoff", "soon"], 1, "`soon` is not a date"),
        (["protect", "nothing"], 1, "there is no dataset `nothing`"),
        (["keep", "essays@7"], 1, "there is no version 7"),
        (["role", "give", "essays", "protected"], 2, "is not"),
        (["role", "take", "essays", "evaluation"], 2, "Missing option '--reason'"),
        (["role", "take", "essays", "evaluation", "--reason", "x"], 1, "is no evaluation version"),
    ],
)
def test_what_is_wrong_is_one_message(
    home: Path, cli: Cli, sqlite_world: World, words: list[str], code: int, message: str
) -> None:
    before = sqlite_world.log_size()
    ran = cli("--home", home, *words)
    assert ran.code == code
    assert message in ran.err
    assert ran.out == ""
    assert sqlite_world.log_size() == before


@pytest.mark.parametrize("option", [["--no-passages"], ["--passages", "25"]])
def test_an_evaluation_set_cannot_be_asked_to_be_found_by_less(
    cli: Cli, sqlite_world: World, option: list[str]
) -> None:
    file = sqlite_world.folder / "tests.txt"
    file.write_text("A question of some words.\n", "utf-8")
    ran = cli("--home", sqlite_world.home, "register", file, "--name", "tests",
              "--role", "evaluation", *option)  # fmt: skip
    assert ran.code == 2
    assert f"any 13 tokens: leave out `{option[0]}`" in ran.err


def test_registering_a_known_version_for_evaluation_says_what_it_lacks(
    home: Path, cli: Cli, sqlite_world: World
) -> None:
    file = sqlite_world.folder / "files" / "essays" / "part-0.jsonl"
    words = ["--home", home, "register", file, "--name", "essays", "--role", "evaluation"]
    ran = cli(*words)
    assert "Role          evaluation" in ran.out
    assert "shared runs of 25 tokens or more are found" in ran.out
    assert cli(*words, "--json").json["role_lacking"].startswith("shared runs of 25")
    assert "! shared runs of 25" in cli("--home", home, "show", "essays").out
    assert cli("--home", home, "index", "rebuild").code == 0
    assert "! shared" not in cli("--home", home, "show", "essays").out
    assert str(Role.EVALUATION) in cli("--home", home, "dataset", "list").out
