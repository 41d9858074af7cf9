from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from registry.core.dataset import Origin
from registry.core.digest import sha256_hex
from tests.cli.running import Cli
from tests.query.test_whereis import prose
from tests.world import World


@pytest.fixture
def shelf(sqlite_world: World) -> World:
    world = sqlite_world
    world.register("people", [prose(1), prose(2, 2000)], origin=Origin.HUMAN, license="MIT")
    world.register("models", [prose(1)], origin=Origin.AI, generators=("gpt-4",))
    world.export({"sources": ["people"]}, "snap")
    return world


def test_a_text_is_found_and_all_that_is_known_of_it_is_said(shelf: World, cli: Cli) -> None:
    ran = cli("--home", shelf.home, "whereis", prose(1))
    assert ran.code == 0
    assert ran.err == ""
    lines = ran.out.splitlines()
    assert lines[0] == "1. exact: the same text, byte for byte"
    assert "people@1, document 1" in ran.out
    assert "origin: human says tester of people@1" in ran.out
    assert "origin: ai (gpt-4) says tester of models@1" in ran.out
    assert "no date is claimed (E0)" in ran.out
    assert "MIT" in ran.out
    assert "has all documents of people@1, so this text too" in ran.out
    assert lines[-1] == (
        "1 text matches in 3 documents (near: recall 0.997 at 0.8 · passages ≥ 25 tokens guaranteed)"
    )


def test_nothing_found_is_no_failure_and_is_not_called_human(shelf: World, cli: Cli) -> None:
    ran = cli("--home", shelf.home, "whereis", prose(99))
    assert ran.code == 0
    assert ran.out.startswith("no match in 3 documents (near: recall 0.997 at 0.8")
    assert ran.out.endswith("\nthat says nothing about who or what wrote the text\n")
    said = cli("--home", shelf.home, "whereis", prose(99), "--json").json
    assert (said["found"], said["matches"]) == (False, [])


def test_files_and_standard_input_and_hashes_are_asked_about_alike(
    shelf: World, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "page"
    file.write_text(prose(1), "utf-8")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(prose(1).encode())))
    answers = [
        cli("--home", shelf.home, "whereis", *arguments, "--json").json
        for arguments in ([prose(1)], ["--file", file], ["-"])
    ]
    assert answers[0] == answers[1] == answers[2]
    digest = sha256_hex(prose(1).encode())
    by_hash = cli("--home", shelf.home, "whereis", "--hash", f"sha256:{digest}")
    assert "1. exact" in by_hash.out
    assert "only exact matches" in by_hash.err


def test_a_passage_shows_what_is_shared_on_one_line(shelf: World, cli: Cli) -> None:
    words = prose(2, 2000).split()[700:740]
    ran = cli("--home", shelf.home, "whereis", prose(50) + "\n\t" + "\n".join(words) + "\n")
    assert ran.out.startswith("1. passage: 40 tokens in a row are the same\n")
    assert f"“{' '.join(words)}”" in ran.out


def test_what_others_wrote_cannot_steer_the_terminal(sqlite_world: World, cli: Cli) -> None:
    evil = "\x1b[2J\u202e"
    rows: list[Any] = [{"text": prose(1), "model": f"{evil}gpt", "by": "ai"}]
    sqlite_world.register(
        "evil", rows, file=f"{evil}a.jsonl", generator_field="model", origin_field="by",
        license=None,
    )  # fmt: skip
    ran = cli("--home", sqlite_world.home, "whereis", prose(1))
    assert "gpt" in ran.out
    assert evil not in ran.out
    assert cli("--home", sqlite_world.home, "whereis", prose(1), "--json").json["found"]


def test_short_questions_are_told_what_they_cannot_find(shelf: World, cli: Cli) -> None:
    assert "fewer than 8 tokens" in cli("--home", shelf.home, "whereis", "three short words").err
    assert "fewer than 8 tokens" not in cli("--home", shelf.home, "whereis", prose(3)).err


def test_more_than_is_shown_is_counted(sqlite_world: World, cli: Cli) -> None:
    sqlite_world.register("many", [f"{prose(1)} {number}" for number in range(9)])
    ran = cli("--home", sqlite_world.home, "whereis", f"{prose(1)} 3", "--limit", 2)
    assert "not shown: 7 documents (7 near); raise `--limit` to see more" in ran.out


BAD: list[tuple[list[str], str]] = [
    ([""], "is empty"),
    (["--file", "missing"], "cannot be read"),
    (["--file", "."], "cannot be read"),
    (["--file", "latin"], "is not UTF-8: byte 5"),
    (["--file", "empty"], "is empty"),
    (["--hash", "abc"], "is not a content hash"),
    (["text", "--min-similarity", "nan"], "smallest similarity"),
    ([b"\xff".decode("utf-8", "surrogateescape")], "is not UTF-8"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD, ids=[str(at) for at in range(len(BAD))])
def test_bad_questions_are_one_clear_error(
    sqlite_world: World,
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("latin").write_bytes(b"cafe\xe9 and more")
    Path("empty").write_bytes(b"")
    ran = cli("--home", sqlite_world.home, "whereis", *arguments, "--json")
    assert ran.code == 1
    assert says in ran.error["message"]
    assert ran.error["hint"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["text", "--file", "f"],
        ["-", "--hash", "0" * 64],
        ["a", "b"],
        ["a", "--limit", "0"],
        ["a", "--min-similarity", "0"],
    ],
)
def test_one_thing_is_asked_about(sqlite_world: World, cli: Cli, arguments: list[str]) -> None:
    ran = cli("--home", sqlite_world.home, "whereis", *arguments)
    assert ran.code == 2
    assert "hint: " in ran.err


def test_the_document_is_what_the_server_answers(shelf: World, cli: Cli, tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    from registry.api.app import create_app

    printed = cli("--home", shelf.home, "whereis", prose(1), "--json").json
    for match in printed["matches"]:
        for place in match["places"]:
            assert Path(place.pop("base"), place["file"]).is_file()
    app = create_app(shelf.settings)
    with TestClient(app, "http://127.0.0.1:8000", client=("127.0.0.1", 50000)) as client:
        said = client.post("/v1/lookup", content=json.dumps({"texts": [prose(1)]}),
                           headers={"Content-Type": "application/json"}).json()  # fmt: skip
    assert said["answers"][0] | {"searched": said["searched"]} == printed


def test_the_name_of_a_file_is_not_taken_for_its_text(
    shelf: World, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "page.txt"
    file.write_text(prose(1))
    ran = cli("--home", shelf.home, "whereis", str(file))
    assert (ran.code, ran.out) == (1, "")
    assert f"`{file}` is a file here" in ran.err
    assert f"--file {file}" in ran.err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(str(file).encode())))
    assert cli("--home", shelf.home, "whereis", "-").out.startswith("no match")
