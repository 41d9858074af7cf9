from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.cli.running import Cli


def test_a_registry_is_made_here(cli: Cli, tmp_path: Path) -> None:
    ran = cli("init", "--issuer", "ACME Data", "--issuer-url", "https://acme.example", "--json")
    assert ran.code == 0
    home = tmp_path / ".firsthand"
    assert set(ran.json) == {"home", "issuer", "keyid", "log_origin", "public_key", "trust"}
    assert ran.json["issuer"] == {"name": "ACME Data", "url": "https://acme.example"}
    assert ran.json["home"] == str(home)
    assert {path.name for path in home.iterdir()} == {
        "config.json", "issuer.pub", "keys", "registry.db", "storage", "trust.json",
    }  # fmt: skip
    assert stat.S_IMODE((home / "keys/issuer.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "keys").stat().st_mode) == 0o700
    assert "PUBLIC KEY" in Path(ran.json["public_key"]).read_text()


def test_the_screen_says_what_to_keep_safe_and_what_is_next(cli: Cli) -> None:
    ran = cli("init")
    assert "back it up" in ran.out
    assert "(say who you are with --issuer)" in ran.out
    assert "firsthand register FILES --name NAME" in ran.out


def test_a_second_registry_in_the_same_place_is_refused(cli: Cli, tmp_path: Path) -> None:
    cli("init")
    key = (tmp_path / ".firsthand/issuer.pub").read_bytes()
    ran = cli("init", "--json")
    assert ran.code == 1
    assert ran.error["type"] == "ConflictError"
    assert "there is a registry at" in ran.error["message"]
    assert (tmp_path / ".firsthand/issuer.pub").read_bytes() == key


@pytest.mark.parametrize("name", ["  ", "a\nb", "a\x1b[31mb", "x" * 201, "a\u202eb"])
def test_an_issuer_is_plain_text(cli: Cli, tmp_path: Path, name: str) -> None:
    ran = cli("init", "--issuer", name, "--json")
    assert ran.code == 1
    assert ran.error["type"] == "InvalidInputError"
    assert list(tmp_path.iterdir()) == []


def test_home_and_the_environment_choose_the_place(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTHAND_HOME", str(tmp_path / "from the environment"))
    assert cli("init").code == 0
    assert cli("--home", tmp_path / "ünder/a/option", "init").code == 0
    for name in ("from the environment", "ünder/a/option"):
        config = json.loads((tmp_path / name / "config.json").read_bytes())
        assert set(config) == {"database", "issuer", "log"}
    monkeypatch.setenv("FIRSTHAND_ISSUER", "From the environment")
    ran = cli("--home", "relative", "init", "--json")
    assert ran.json["home"] == str(tmp_path / "relative")
    assert ran.json["issuer"]["name"] == "From the environment"


def test_what_is_in_the_way_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/note").write_text("mine")
    for place in ("file", "full", "file/below"):
        ran = cli("--home", place, "init", "--json")
        assert ran.code == 1
        assert ran.error["hint"]
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "full", "note"]


def test_a_registry_is_found_from_a_folder_below(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("init")
    below = tmp_path / "a/b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert cli("dataset", "list", "--json").json == {"datasets": []}


@pytest.mark.parametrize(
    "command",
    [
        ["show", "x"], ["history", "x"], ["dataset", "list"], ["db", "check"], ["db", "upgrade"],
        ["claim", "x", "--origin", "ai", "--reason", "r"],
        ["lineage", "add", "x", "--from", "y", "--kind", "merged"],
        ["register", "f.txt", "--name", "x"], ["plan", "r.yaml"], ["export", "r.yaml", "--out", "s"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_without_a_registry_every_command_says_how_to_make_one(
    cli: Cli, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "r.yaml").write_text("sources: [x]")
    (tmp_path / "f.txt").write_text("text")
    ran = cli(*command, "--json")
    assert ran.code == 1
    assert ran.error["type"] == "NotFoundError"
    assert "firsthand init" in ran.error["hint"]
    ran = cli("--home", "nowhere", *command, "--json")
    assert (ran.code, ran.error["type"]) == (1, "NotFoundError")
    assert "nowhere" in ran.error["message"]


@pytest.mark.parametrize(
    "config",
    ["", "{", "[]", "null", "{}", '{"issuer": null, "database": null}', '{"issuer": {"name": "x"}}', "\xff"],
)  # fmt: skip
def test_a_configuration_that_was_changed_by_hand_is_an_error(
    cli: Cli, tmp_path: Path, config: str
) -> None:
    cli("init")
    (tmp_path / ".firsthand/config.json").write_text(config, "latin-1")
    ran = cli("dataset", "list", "--json")
    assert ran.code == 1
    assert ran.error["type"] == "InvalidInputError"
    assert "config.json" in ran.error["message"]


def test_a_database_that_is_gone_is_an_error(cli: Cli, tmp_path: Path) -> None:
    cli("init")
    (tmp_path / ".firsthand/registry.db").unlink()
    ran = cli("dataset", "list", "--json")
    assert (ran.code, ran.error["type"]) == (1, "UnavailableError")
