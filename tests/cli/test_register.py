from __future__ import annotations

import io
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from tests.cli.running import Cli

KEYS = {
    "role", "role_lacking",
    "dataset", "version", "outcome", "added", "documents", "distinct", "exact_duplicates", "empty",
    "bytes", "words", "content_root", "files", "skipped", "bad_input", "same_content", "dry_run", "reused_files",
    "index", "uncompacted", "known", "uncompared",
}  # fmt: skip


@pytest.fixture(autouse=True)
def registry(cli: Cli) -> None:
    cli("init")


def jsonl(path: Path, *records: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return path


def test_a_dataset_is_registered(cli: Cli, tmp_path: Path) -> None:
    jsonl(tmp_path / "d/a.jsonl", {"text": "One two."}, {"text": "One two."}, {"text": ""})
    (tmp_path / "d/dataset.json").write_text("{}")
    ran = cli("register", "d", "--name", "team/essays", "--origin", "human", "--json")
    assert ran.code == 0
    assert set(ran.json) == KEYS
    assert ran.json | {"content_root": None} == {
        "dataset": "team/essays", "version": 1, "outcome": "registered", "added": [],
        "documents": 3, "distinct": 2, "exact_duplicates": 1, "empty": 1, "bytes": 16, "words": 4,
        "content_root": None, "files": 1, "skipped": [str(tmp_path / "d/dataset.json")],
        "bad_input": {"count": 0, "listed": []}, "same_content": [],
        "dry_run": False, "reused_files": 0, "uncompacted": None, "uncompared": None,
        "role": None, "role_lacking": None, "known": {
            "overlaps": {"compared": True, "count": 0, "listed": []},
            "most_repeated": ran.json["known"]["most_repeated"],
            "contested": {"documents": 0, "texts": 0},
        },
        "index": {"scheme": "sketch/v1", "sketched": 2, "without_tokens": 1, "passages": 25},
    }  # fmt: skip


def test_again_is_nothing_and_more_is_added(cli: Cli, tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", {"text": "x"})
    cli("register", "a.jsonl", "--name", "essays")
    again = cli("register", "a.jsonl", "--name", "essays", "--json").json
    assert (again["outcome"], again["added"], again["version"]) == ("unchanged", [], 1)
    more = cli("register", "a.jsonl", "--name", "essays", "--license", "MIT", "--json").json
    assert (more["outcome"], more["added"]) == ("added", ["license claim `MIT`"])
    other = cli("register", "a.jsonl", "--name", "copy", "--json").json
    assert other["same_content"] == ["local/essays@1"]


def test_the_screen_names_what_was_found(cli: Cli, tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", {"text": "One two."})
    ran = cli("register", "a.jsonl", "--name", "essays")
    assert ran.out.startswith("local/essays@1   registered\n")
    assert "Next          firsthand show essays" in ran.out


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../b", "/etc/passwd", ".hidden", "A", "a b", "x" * 5000, "a\x1b[31m", "a\n", "x@1", "", "a|b", "ä"],
)  # fmt: skip
def test_names_that_are_none(cli: Cli, tmp_path: Path, name: str) -> None:
    jsonl(tmp_path / "a.jsonl", {"text": "x"})
    ran = cli("register", "a.jsonl", "--name", name, "--json")
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")
    assert ran.error["hint"]
    assert cli("dataset", "list", "--json").json == {"datasets": []}


@pytest.mark.parametrize(
    "options",
    [
        ["--origin", "Human"], ["--origin", "humanoid"], ["--origin", ""],
        ["--origin-map", "0=Human"], ["--origin-map", "0"], ["--origin-map", "=human"],
        ["--split-field", "a=mixed"], ["--split-field", "a"], ["--date-field", "written=x"],
        ["--format", "xml"], ["--access", "stolen"], ["--visibility", "secret"], ["--nope"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_exits_2(cli: Cli, tmp_path: Path, options: list[str]) -> None:
    jsonl(tmp_path / "a.jsonl", {"text": "x", "a": "y"})
    ran = cli("register", "a.jsonl", "--name", "essays", *options, "--json")
    assert ran.code == 2
    assert ran.error["type"] == "UsageError"
    assert "--help" in ran.error["hint"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--origin", "human", "--origin-field", "by"], "the origin is given for all documents and also per document"),
        (["--origin", "human", "--generator", "gpt"], "generators are named, but the origin is `human`"),
        (["--generator", "gpt"], "the origin is `not given`"),
        (["--origin-map", "x=human"], "`--origin-map` needs `--origin-field`"),
        (["--origin-field", "by"], "the field `by` is `Human`, and that is no origin"),
        (["--origin-field", "by", "--origin-map", "human=human"], "`--origin-map` does not say what it means"),
        (["--published", "2022..2021"], "end before they begin"),
        (["--published", "soon"], "`soon` is not a date"),
        (["--published", "9999-12-31T23:59:59"], "is not a date"),
        (["--license", " "], "the license is empty"),
        (["--license", "MIT\n"], "has control characters"),
        (["--source", "\x1b[2J"], "the source is empty or has control characters"),
        (["--owner", "a\x1b[2J"], "the owner is empty or has control characters"),
        (["--first-use", "\udcff"], "the first use is empty or has control characters"),
        (["--text-field", "nope"], "has the field `nope`"),
        (["--lines"], "`--lines` is for text files"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_and_nothing_recorded(
    cli: Cli, tmp_path: Path, options: list[str], says: str
) -> None:
    jsonl(tmp_path / "a.jsonl", {"text": "x", "by": "Human"})
    ran = cli("register", "a.jsonl", "--name", "essays", *options, "--json")
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")
    assert says in ran.error["message"]
    assert cli("dataset", "list", "--json").json == {"datasets": []}


def test_a_doubled_label_is_refused_with_its_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "x", "by": "ai", "by": "human"}\n')
    ran = cli("register", "a.jsonl", "--name", "essays", "--origin-field", "by", "--json")
    assert ran.code == 1
    assert "a.jsonl:1` has the key `by` twice" in ran.error["message"]


@pytest.mark.parametrize(
    "name", ["with spaces.jsonl", "ünï.jsonl", "a;b.jsonl", "new\nline.jsonl", "\x1b[31m.jsonl"]
)
def test_files_of_any_name(cli: Cli, tmp_path: Path, name: str) -> None:
    jsonl(tmp_path / name, {"text": "x"})
    assert cli("register", name, "--name", "essays", "--json").json["documents"] == 1
    assert cli("show", "essays").code == 0
    assert cli("history", "essays").code == 0
    (tmp_path / name).write_text("{")
    ran = cli("register", name, "--name", "essays")
    assert ran.code == 1


def test_an_option_that_looks_like_a_file_needs_the_usual_dashes(cli: Cli, tmp_path: Path) -> None:
    jsonl(tmp_path / "--json", {"text": "x"})
    ran = cli("register", "--format", "jsonl", "--name", "essays", "--", "--json")
    assert ran.code == 0


@pytest.mark.parametrize("path", ["nowhere", "", "\x1b[31m", "a.bin"])
def test_files_that_are_not_there_or_not_known(cli: Cli, tmp_path: Path, path: str) -> None:
    (tmp_path / "a.bin").write_text("x")
    ran = cli("register", path, "--name", "essays", "--json")
    assert (ran.code, ran.error["type"]) == (1, "InvalidInputError")


def test_everything_a_registrant_can_say_is_shown(cli: Cli, tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", {"text": "x"})
    said = {
        "owner": "Ada", "access": "licensed", "crawler": "bot", "opt-out-policy": "robots",
        "opt-out-date": "2021", "personal-data": "none", "purchase": "shop", "first-use": "2022",
        "url-field": "url",
    }  # fmt: skip
    options = [part for name, value in said.items() for part in (f"--{name}", value)]
    cli("register", "a.jsonl", "--name", "d", "--source", "https://x.example", *options, "--keep")
    record = cli("show", "d", "--json").json
    assert record["acquisition"] == [{k.replace("-", "_"): v for k, v in said.items()}]
    assert record["locations"][0]["sources"] == ["https://x.example"]
    assert record["locations"][0]["kept"] is True
    assert "Missing" not in cli("show", "d").out


def tar(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"{name}.txt")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_what_is_not_valid_is_left_out_only_when_asked_and_recorded(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "d").mkdir()
    tar(tmp_path / "d/b.tar.gz", one=b"One.", two=b"tw\xff", **{".hidden": b"x"})
    (tmp_path / "d/a.txt").write_text("Zero.")
    refused = cli("register", "d", "--name", "essays", "--json")
    assert (refused.code, refused.error["type"]) == (1, "InvalidInputError")
    assert "b.tar.gz!two.txt` is not valid UTF-8 at byte 2" in refused.error["message"]
    assert "--on-bad-input skip" in refused.error["hint"]
    assert cli("dataset", "list", "--json").json == {"datasets": []}

    ran = cli("register", "d", "--name", "essays", "--on-bad-input", "skip", "--json").json
    assert (ran["documents"], ran["files"]) == (2, 2)
    assert ran["skipped"] == [f"{tmp_path}/d/b.tar.gz!.hidden.txt"]
    assert ran["bad_input"]["count"] == 1
    (why,) = ran["bad_input"]["listed"]
    assert "b.tar.gz!two.txt` is not valid UTF-8" in why
    with closing(sqlite3.connect(tmp_path / ".firsthand/registry.db")) as database:
        ((files,),) = database.execute("SELECT files FROM locations")
    assert [file.get("skipped") for file in orjson.loads(files)] == [
        None,
        {"count": 1, "listed": [why]},
    ]
    again = cli("register", "d", "--name", "essays", "--on-bad-input", "skip")
    assert "nothing to add" in again.out
    assert "Left out      1 record or file that is not valid" in again.out
    assert f"left out: {why}" in again.err
    (place,) = cli("show", "essays", "--json").json["locations"]
    assert (place["files"], place["left_out"]) == (2, 1)
    shown = cli("show", "essays").out
    assert f"Left out      1 record or file that is not valid at {tmp_path}/d\n" in shown


RECIPE = "{sources: [a, b], human: {at_least: 100 %}, seed: 1}"


def test_what_was_read_in_new_ways_is_read_again_for_an_export(cli: Cli, tmp_path: Path) -> None:
    tar(tmp_path / "a.tar.gz", one=b"Eins \xfc.", two=b"Zwei.\n\nDrei.")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/x").mkdir()
    (tmp_path / "b/x/dataset.json").write_text('{"t": [["Vier.", "Vier."], ["Sechs."]]}')
    (tmp_path / "b/y.json").write_text('{"t": [["Sieben."]]}')
    archive = ["--paragraphs", "--encoding", "latin-1", "--origin", "human"]
    assert cli("register", "a.tar.gz", "--name", "a", *archive).code == 0
    columns = ["--orient", "columns", "--text-field", "t", "--origin", "human"]
    assert cli("register", "b", "--name", "b", *columns).code == 0
    (tmp_path / "r.yaml").write_text(RECIPE)
    exported = cli("export", "r.yaml", "--out", "snap")
    assert exported.code == 0, exported.err
    found = sorted(
        row["text"]
        for file in (tmp_path / "snap/data").iterdir()
        for row in pq.read_table(file).to_pylist()
    )
    assert found == ["Drei.", "Eins ü.", "Sechs.", "Sieben.", "Vier.\nVier.", "Zwei."]
