"""Where a registry is, and what its configuration says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from registry.errors import InvalidInputError, NotFoundError
from registry.settings import Settings, actor, find_home, home_for_init


def make_home(folder: Path) -> Path:
    home = folder / ".firsthand"
    home.mkdir(parents=True)
    write(home, Settings(home, "Test team").to_json())
    return home


def write(home: Path, value: Any) -> None:
    (home / "config.json").write_text(json.dumps(value), "utf-8")


def test_a_home_is_found_here_and_in_the_nearest_folder_above(tmp_path: Path) -> None:
    outer = make_home(tmp_path)
    inner = make_home(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "c" / "d").mkdir(parents=True)
    assert find_home(None, {}, tmp_path) == outer
    assert find_home(None, {}, tmp_path / "a") == outer
    assert find_home(None, {}, tmp_path / "a" / "b" / "c" / "d") == inner


def test_a_folder_of_that_name_without_a_registry_is_passed_over(tmp_path: Path) -> None:
    outer = make_home(tmp_path)
    (tmp_path / "a" / ".firsthand").mkdir(parents=True)
    assert find_home(None, {}, tmp_path / "a") == outer


def test_the_environment_beats_the_folder_and_the_option_beats_both(tmp_path: Path) -> None:
    make_home(tmp_path)
    environ = {"FIRSTHAND_HOME": str(tmp_path / "env")}
    assert find_home(None, environ, tmp_path) == tmp_path / "env"
    assert find_home(tmp_path / "given", environ, tmp_path) == tmp_path / "given"
    assert find_home(None, {"FIRSTHAND_HOME": ""}, tmp_path) == tmp_path / ".firsthand"
    assert home_for_init(None, environ, tmp_path) == tmp_path / "env"
    assert home_for_init(None, {}, tmp_path) == tmp_path / ".firsthand"


def test_without_a_registry_the_hint_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no registry in") as caught:
        find_home(None, {}, tmp_path)
    assert "firsthand init" in str(caught.value.hint)
    with pytest.raises(NotFoundError, match="no registry at"):
        Settings.load(tmp_path / "nothing", {})
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotFoundError):
        Settings.load(tmp_path / "file", {})


def test_what_is_stored_is_read_back(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    wanted = Settings(home, "ACME Daten GmbH", "https://example.org", "sqlite:///elsewhere.db")
    write(home, wanted.to_json())
    assert Settings.load(home, {}) == wanted
    other = {"FIRSTHAND_DATABASE": "postgresql+psycopg://host/name"}
    assert Settings.load(home, other).database == "postgresql+psycopg://host/name"


def test_everything_of_a_home_is_inside_it(tmp_path: Path) -> None:
    made = Settings(tmp_path, "x")
    files = [
        made.config_file, made.database_file, made.private_key_file, made.public_key_file, made.storage,
    ]  # fmt: skip
    assert all(path.is_relative_to(tmp_path) for path in files)
    assert len(set(files)) == 5


@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[]",
        "7",
        "null",
        "[" * 100_000,
        "{}",
        '{"issuer": {"name": "x", "url": null}}',
        '{"issuer": "x", "database": null}',
        '{"issuer": {"name": 7, "url": null}, "database": null}',
        '{"issuer": {"name": null, "url": null}, "database": null}',
        '{"issuer": {"name": "x", "url": []}, "database": null}',
        '{"issuer": {"name": "x", "url": null}, "database": {"url": "x"}}',
        '{"issuer": {"name": "x", "url": null}, "database": false}',
        "\x00\x01",
    ],
)
def test_a_configuration_that_is_something_else_is_named(tmp_path: Path, content: str) -> None:
    home = make_home(tmp_path)
    (home / "config.json").write_text(content, "utf-8")
    with pytest.raises(InvalidInputError, match="cannot be read") as caught:
        Settings.load(home, {})
    assert "config.json" in caught.value.message
    assert "issuer" in str(caught.value.hint)


def test_a_configuration_in_another_encoding_is_named(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    (home / "config.json").write_bytes(b'{"issuer": {"name": "M\xfcller"}}')
    with pytest.raises(InvalidInputError, match="cannot be read"):
        Settings.load(home, {})


def test_how_long_to_wait_is_said_or_half_a_minute(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    assert Settings.load(home, {}).busy_seconds == 30
    assert Settings.load(home, {"FIRSTHAND_BUSY_SECONDS": "0.5"}).busy_seconds == 0.5


@pytest.mark.parametrize("time", ["soon", "-1", "nan", "inf", "1e9"])
def test_a_time_to_wait_that_is_none_is_refused(tmp_path: Path, time: str) -> None:
    with pytest.raises(InvalidInputError, match="FIRSTHAND_BUSY_SECONDS"):
        Settings.load(make_home(tmp_path), {"FIRSTHAND_BUSY_SECONDS": time})


@pytest.mark.parametrize("find", [home_for_init, find_home])
def test_a_home_whose_path_is_not_utf8_is_refused(find: Any) -> None:
    with pytest.raises(InvalidInputError, match="not valid UTF-8") as caught:
        find(Path("/h\udcf6me"), {})
    assert caught.value.message.isprintable()


def test_who_acts_is_said_or_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    assert actor({"FIRSTHAND_ACTOR": "data team"}) == "data team"
    monkeypatch.setenv("LOGNAME", "somebody")
    assert actor({}) == "somebody"


@pytest.mark.parametrize("name", [" ", "a\nb", "\x1b[31mred", "\udcff", "x" * 201])
def test_an_actor_that_nobody_could_read_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="FIRSTHAND_ACTOR"):
        actor({"FIRSTHAND_ACTOR": name})
