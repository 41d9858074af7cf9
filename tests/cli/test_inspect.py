from __future__ import annotations

import gzip
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.running import Cli
from tests.conftest import REPOSITORY
from tests.readers.making import arrow, csv_bytes, jsonl, tar, written
from tests.readers.test_warc import INFO, ONE, PAGE, TWO

SENTENCE = "A sentence of some length about nothing much"


def records(count: int = 30, **more: Any) -> list[dict[str, Any]]:
    return [{"text": f"{SENTENCE}, number {n}."} | more for n in range(count)]


def prompts(count: int = 30) -> list[dict[str, str]]:
    return [
        {"instruction": f"Do thing number {n} for me.", "input": "", "output": f"{SENTENCE} {n}."}
        for n in range(count)
    ]


def make_text_field(path: Path) -> None:
    jsonl(path / "a.jsonl", *records())
    jsonl(path / "sub/b.jsonl", *records(), {"text": None}, {"text": ""})


def make_prompts(path: Path) -> None:
    written(path / "a.json.gz", orjson.dumps(prompts()))


def make_columns(path: Path) -> None:
    texts = [f"{SENTENCE} {n}" for n in range(9)]
    written(path / "a.json", orjson.dumps({"human": texts, "model": texts[::-1]}))


def make_chat(path: Path) -> None:
    talk = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]
    jsonl(path / "chat.jsonl", *({"messages": talk, "id": n} for n in range(9)))


def make_lists(path: Path) -> None:
    poems = [
        {"author": "A", "title": "T", "paragraphs": [f"line {n}", "another"]} for n in range(9)
    ]
    written(path / "poems.json", orjson.dumps(poems))


def make_parquet(path: Path) -> None:
    path.mkdir()
    pq.write_table(
        pa.table({"uid": ["a", "b", "c"], "essay": [f"{SENTENCE} {n}" for n in range(3)]}),
        path / "a.parquet",
    )


def make_arrow(path: Path) -> None:
    path.mkdir()
    arrow(path / "a.arrow", {"body": [f"{SENTENCE} {n}" for n in range(3)], "n": [1, 2, 3]})


def make_csv(path: Path) -> None:
    rows = [["", "Title", "Generation"], *([str(n), "T", f"{SENTENCE} {n}"] for n in range(9))]
    written(path / "a.csv.gz", csv_bytes(*rows))


def make_files(path: Path) -> None:
    for n in range(3):
        written(path / f"essay {n}.txt", f"{SENTENCE}\n\n{n}\n")


def make_lines(path: Path) -> None:
    for name in ("train", "valid"):
        written(path / f"{name}.txt", "".join(f"{SENTENCE} {n}.\n\n" for n in range(30)))


def make_one_file(path: Path) -> None:
    written(path / "list.txt", "".join(f"{SENTENCE} {n}.\n" for n in range(30)))


def make_tar(path: Path) -> None:
    path.mkdir()
    tar(path / "a.tar.gz", ("a.md", "one text"), ("b.md", "another text"), (".c", "hidden"))


def make_tar_of_records(path: Path) -> None:
    path.mkdir()
    tar(path / "a.tar", ("a.jsonl", b"".join(orjson.dumps(it) + b"\n" for it in prompts())))


def make_warc(path: Path) -> None:
    written(path / "crawl.warc.gz", INFO + ONE + PAGE + TWO)


def make_no_suffix(path: Path) -> None:
    written(path / "one", "some text")
    written(path / "two", "some more text")


def make_wrong_suffix(path: Path) -> None:
    written(path / "a.json", b"".join(orjson.dumps(it) + b"\n" for it in records()))


def make_broken_lines(path: Path) -> None:
    jsonl(path / "a.jsonl", *records())
    with (path / "a.jsonl").open("ab") as file:
        file.write(b'{"text": "cut\n{"text": "\xff"}\n')


def make_not_utf8(path: Path) -> None:
    written(path / "a.txt", "naïve café".encode("latin-1"))
    written(path / "b.txt", "plain")


def make_utf16(path: Path) -> None:
    written(path / "a.txt", "ein Text".encode("utf-16"))


def make_latin_csv(path: Path) -> None:
    written(path / "a.csv", "name,essay\nÄ,ein längerer Text steht hier\n".encode("latin-1"))


def make_damaged(path: Path) -> None:
    jsonl(path / "good.jsonl", *records())
    (path / "bad.jsonl.gz").write_bytes(gzip.compress(b'{"text": "x"}\n' * 99)[:-9])
    (path / "worse.parquet").write_bytes(b"PAR1 no")


def make_mixture(path: Path) -> None:
    jsonl(path / "data.jsonl", *records())
    written(path / "notes.txt", "how this came about")


def make_odd_names(path: Path) -> None:
    jsonl(
        path / "it's $HOME; `x`.jsonl", *({"a field": text["text"], "n": 1} for text in records())
    )


def make_loop(path: Path) -> None:
    jsonl(path / "a.jsonl", *records())
    (path / "again").symlink_to(path)


def make_unnamed_field(path: Path) -> None:
    jsonl(path / "a.jsonl", *({"a,b": item["text"], "n": 1} for item in records()))


def make_odd_fields(path: Path) -> None:
    jsonl(
        path / "a.jsonl", *({"x\x1b[31m": "is red", "we`ird": item["text"]} for item in records())
    )


def make_nested_text(path: Path) -> None:
    jsonl(path / "a.jsonl", *({"text": {"body": item["text"]}} for item in records()))


def make_types(path: Path) -> None:
    path.mkdir()
    table = {
        "body": [SENTENCE, None],
        "at": pa.array([1, 2], pa.timestamp("ns")),
        "raw": [b"\xff", b"a"],
        "map": pa.array([[("k", "v")], []], pa.map_(pa.string(), pa.string())),
        "part": pa.array(["x", "x"]).dictionary_encode(),
    }
    pq.write_table(pa.table(table), path / "a.parquet")


def make_shapes(path: Path) -> None:
    written(path / "a.json", orjson.dumps(records(5)))
    written(path / "b.json", orjson.dumps(records(4)))
    written(path / "c.json", orjson.dumps({"text": ["x y z", "z y x"]}))


CASES = {
    name.removeprefix("make_"): make for name, make in list(globals().items()) if name.startswith("make_")
}  # fmt: skip
OPTIONS = {
    "text_field": [],
    "prompts": ["--text-field", "instruction,input,output"],
    "columns": ["--orient", "columns", "--split-field", "human=unknown,model=unknown"],
    "chat": ["--text-field", "messages[-1].content"],
    "lists": ["--text-field", "paragraphs"],
    "parquet": ["--text-field", "essay"],
    "arrow": ["--text-field", "body"],
    "csv": ["--text-field", "Generation"],
    "files": [],
    "lines": ["--lines"],
    "one_file": ["--lines"],
    "tar": [],
    "tar_of_records": ["--text-field", "instruction,input,output"],
    "warc": [],
    "no_suffix": ["--format", "text"],
    "wrong_suffix": ["--format", "jsonl"],
    "broken_lines": ["--on-bad-input", "skip"],
    "not_utf8": ["--on-bad-input", "skip"],
    "utf16": ["--encoding", "utf-16"],
    "latin_csv": ["--encoding", "cp1252", "--text-field", "essay"],
    "damaged": [],
    "mixture": [],
    "odd_names": ["--text-field", "a field"],
    "loop": [],
    "unnamed_field": [],
    "odd_fields": ["--text-field", "we`ird"],
    "nested_text": ["--text-field", "text.body"],
    "types": ["--text-field", "body"],
    "shapes": [],
}


def test_every_case_has_its_options() -> None:
    assert set(CASES) == set(OPTIONS)


@pytest.mark.parametrize("case", CASES)
def test_the_line_to_run_next_runs_and_counts_the_same(cli: Cli, tmp_path: Path, case: str) -> None:
    CASES[case](tmp_path / "My Data")
    looked = cli("inspect", "My Data", "--json")
    assert looked.code == 0, looked.out
    report = looked.json
    command = report["command"]
    assert command[:2] == ["firsthand", "register"]
    name = command.index("--name")
    assert command[name + 1] == "my-data"
    assert command[name + 2 :] == OPTIONS[case]

    cli("init")
    done = cli(*command[1:], "--json")
    assert done.code == 0, done.out
    counts = report["counts"]
    for key in ("documents", "distinct", "empty", "bytes", "words"):
        assert counts[key] == done.json[key], key

    shown = cli("inspect", "My Data")
    assert shlex.split(shown.out.splitlines()[-1].removeprefix("Next")) == command


def test_the_line_survives_a_shell(cli: Cli, tmp_path: Path) -> None:
    make_odd_names(tmp_path)
    line = cli("inspect", *tmp_path.glob("*.jsonl")).out.splitlines()[-1].removeprefix("Next")
    cli("init")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", line], env=os.environ | {"PATH": path}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_registry_is_needed_or_made(cli: Cli, tmp_path: Path) -> None:
    make_text_field(tmp_path / "data")
    assert cli("inspect", "data").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_no_database_is_loaded(tmp_path: Path) -> None:
    make_text_field(tmp_path / "data")
    code = (
        "import sys\nfrom cli.main import main\ncode = main(['inspect', 'data'])\n"
        "assert not {'sqlalchemy', 'sqlite3', 'alembic'} & set(sys.modules)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_nothing_is_ever_taken_for_human(cli: Cli, tmp_path: Path) -> None:
    """Not even where the data says so: the line to run claims no origin."""
    jsonl(tmp_path / "a.jsonl", *records(9, label="human", origin="human", fake=0))
    report = cli("inspect", "a.jsonl", "--json").json
    assert report["command"][-2:] == ["--name", "a"]
    added = [item["flags"] for item in report["guess"]["may_add"]]
    assert ["--origin-field", "label"] in added
    assert ["--origin-field", "fake", "--origin-map", "0=ORIGIN"] in added
    for case, make in CASES.items():
        make(tmp_path / case)
        words = " ".join(cli("inspect", case, "--json").json["command"])
        assert "=human" not in words
        assert "--origin" not in words


def test_the_reason_of_the_guess_is_told(cli: Cli, tmp_path: Path) -> None:
    make_prompts(tmp_path / "p")
    out = cli("inspect", "p").out
    assert "`output` answers `instruction`: together they are one document" in out
    assert "--origin-by-field instruction=ORIGIN,input=ORIGIN,output=ORIGIN" in out


def test_prompts_that_come_back_are_not_the_text(cli: Cli, tmp_path: Path) -> None:
    for model in ("one", "two", "three"):
        made = [
            item | {"output": f"{model}: {item['output']}", "generator": model}
            for item in prompts()
        ]
        jsonl(tmp_path / f"d/{model}.jsonl", *made)
    report = cli("inspect", "d", "--json").json
    assert report["command"][-2:] == ["--text-field", "output"]
    assert {"flags": ["--generator-field", "generator"], "reason": "if it names the model"} in report["guess"]["may_add"]  # fmt: skip


def test_a_guess_can_be_corrected(cli: Cli, tmp_path: Path) -> None:
    make_prompts(tmp_path / "p")
    report = cli("inspect", "p", "--text-field", "output", "--name", "team/p", "--json").json
    assert report["command"][-4:] == ["--name", "team/p", "--text-field", "output"]
    assert report["guess"]["reason"] == "as you said"


def test_every_problem_is_told_not_only_the_first(cli: Cli, tmp_path: Path) -> None:
    make_damaged(tmp_path / "d")
    jsonl(tmp_path / "d/odd.jsonl",
        {"text": "a\0b", "id": 1, "n": 1}, {"text": "c\N{REPLACEMENT CHARACTER}", "id": 1, "n": "x"},
        {"text": "\N{ZERO WIDTH NO-BREAK SPACE}mark", "id": 2}, {"text": "x" * (1 << 21), "id": 3},
        {"text": "  ", "id": 4}, {"text": "['a list']", "id": 5}, {"text": "<html>", "id": 6})  # fmt: skip
    (tmp_path / "d/empty.jsonl").touch()
    report = cli("inspect", "d", "--json").json
    assert sorted(Path(item["file"]).name for item in report["refused"]) == [
        "bad.jsonl.gz", "worse.parquet",
    ]  # fmt: skip
    found = {problem["what"].partition(":")[0]: problem for problem in report["problems"]}
    assert list(found["texts with NUL characters"]["where"]) == [f"{tmp_path}/d/odd.jsonl:1"]
    for what in (
        "replacement characters (U+FFFD)",
        "texts that begin with a byte order mark, which stays in the text",
        "documents of more than 1 MiB",
        "texts of blanks only",
        "texts that look like HTML",
        "an empty file",
        "the field `n` holds values of several types",
    ):
        assert found[what]["count"] >= 1


def test_duplicate_ids_and_dates_are_counted(cli: Cli, tmp_path: Path) -> None:
    made = [
        item | {"doc_id": n // 2, "created_at": f"20{n % 20:02}-05-06"}
        for n, item in enumerate(records(40))
    ]
    made[3]["created_at"] = "yesterday"
    jsonl(tmp_path / "a.jsonl", *made)
    report = cli("inspect", "a.jsonl", "--json").json
    [doubled] = [it for it in report["problems"] if "`doc_id`" in it["what"]]
    assert doubled["count"] == 20
    [dated] = report["dates"]
    assert dated["field"] == "created_at"
    assert (dated["first"], dated["documents"], dated["not_dates"]) == (
        "2000-05-06T00:00:00Z",
        39,
        1,
    )
    assert dated["last"].startswith("2019-05-06T23:59:59")
    assert {"--date-field"} <= {word for it in report["guess"]["may_add"] for word in it["flags"]}


def test_text_files_show_what_each_way_would_give(cli: Cli, tmp_path: Path) -> None:
    make_lines(tmp_path / "d")
    assert cli("inspect", "d", "--json").json["text_files"] == {
        "files": 2, "lines": 60, "paragraphs": 60, "complete": True,
    }  # fmt: skip
    assert cli("inspect", "d", "--paragraphs", "--json").json["command"][-1] == "--paragraphs"


def test_encodings_that_fit_are_named_with_counts(cli: Cli, tmp_path: Path) -> None:
    make_not_utf8(tmp_path / "d")
    out = cli("inspect", "d").out
    assert "`a.txt` is not valid UTF-8 at byte 2 of the file" in out
    assert "`cp1252` 1" in out


def test_scripts_are_shares_of_letters(cli: Cli, tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", {"text": "abc"}, {"text": "где"}, {"text": "世界"})
    scripts = {
        it["script"]: it["share"] for it in cli("inspect", "a.jsonl", "--json").json["scripts"]
    }
    assert scripts == {"Latin": 0.375, "Cyrillic": 0.375, "Han": 0.25}


def test_a_sample_says_that_it_is_one(cli: Cli, tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", *records(50))
    ran = cli("inspect", "a.jsonl", "--sample", "20")
    assert "of the first 20 documents only: 20 · 20 distinct" in ran.out
    counts = cli("inspect", "a.jsonl", "--sample", "20", "--json").json["counts"]
    assert (counts["documents"], counts["complete"]) == (20, False)


def test_samples_are_the_same_every_time_and_show_control_characters(
    cli: Cli, tmp_path: Path
) -> None:
    jsonl(tmp_path / "a.jsonl", *records(50), {"text": "\x1b[31mred\nnext"})
    assert cli("inspect", "a.jsonl").out == cli("inspect", "a.jsonl").out
    assert "\\x1b[31mred\\nnext" in cli("inspect", "a.jsonl").out


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", "[1, 2]", "is a number, not an object"),
        ("a.json", '{\n"a": 1\n}', "one object with the fields `a`"),
        ("a.jsonl", "", "there are no records"),
        ("a.jsonl", '{"n": 1}\n', "no field holds texts"),
        ("a.parquet", "no", "cannot be read as Parquet"),
        ("a.warc", PAGE, "has no record that is text"),
        ("a.bin", b"\0\1\2", "does not tell its format"),
        ("a.txt.gz", b"", ""),
    ],
)
def test_what_cannot_be_read_ends_with_1_and_the_reason(
    cli: Cli, tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    data = content.encode() if isinstance(content, str) else content
    (tmp_path / name).write_bytes(data)
    ran = cli("inspect", name)
    assert ran.code == 1
    assert reason in ran.out
    assert ran.out.endswith("nothing can be registered as it is: see above\n")
    assert cli("inspect", name, "--json").json["command"] == []


def test_names_that_cannot_be_typed_are_no_command(cli: Cli, tmp_path: Path) -> None:
    jsonl(tmp_path / "a\x1b[31m.jsonl", *records(3))
    ran = cli("inspect", tmp_path / "a\x1b[31m.jsonl")
    assert ran.code == 1
    assert "names with control characters, which cannot be typed" in ran.out


def test_what_is_skipped_is_listed_also_beside_what_is_refused(cli: Cli, tmp_path: Path) -> None:
    make_damaged(tmp_path / "d")
    make_text_field(tmp_path / "e")
    for name in ("README.md", ".hidden", ".git/config", "sub/README"):
        for folder in ("d", "e"):
            written(tmp_path / folder / name, "{}")
    (tmp_path / "e/sub/README").unlink()
    for folder in ("d", "e"):
        skipped = cli("inspect", folder, "--json").json["skipped"]
        assert sorted(skipped) == [
            str(tmp_path / folder / it) for it in (".git", ".hidden", "README.md")
        ]


def test_why_a_folder_is_not_named_is_told(cli: Cli, tmp_path: Path) -> None:
    make_loop(tmp_path / "d")
    ran = cli("inspect", "d")
    assert "is a link back to" in ran.out
    assert ran.out.endswith("register d/a.jsonl --name d\n")


def test_standard_input_is_refused(cli: Cli, tmp_path: Path) -> None:
    assert "standard input can be read only once" in cli("inspect", "-").out


def test_a_missing_path_and_a_wrong_name_are_errors(cli: Cli, tmp_path: Path) -> None:
    assert "does not exist" in cli("inspect", "nothing").out
    jsonl(tmp_path / "a.jsonl", *records(2))
    assert cli("inspect", "a.jsonl", "--name", "No Name").code == 1


SETS = ["alpaca_eval_a", "codealpaca", "gsm8k_model_solutions", "ud_sentences", "uchendu2020_a"]


@pytest.mark.parametrize("name", SETS)
def test_real_sets_are_counted_as_they_are(cli: Cli, shared_data: Path, name: str) -> None:
    card = orjson.loads((shared_data / name / "dataset.json").read_bytes())
    counts = cli("inspect", shared_data / name, "--json").json["counts"]
    assert counts["documents"] == card["documents"]
    assert counts["distinct"] == card["distinct_texts"]
    assert counts["empty"] == card["empty_documents"]
