"""`firsthand check`: what it says of new data, and how it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from registry.core.dataset import Origin, Role
from tests.cli.running import Cli
from tests.conftest import FilledWorld
from tests.matching.test_scanner import edited, words
from tests.query.test_whereis import prose
from tests.world import World, write_documents

QUESTIONS = [prose(seed, 30) for seed in range(500, 540)]


def fill(world: World) -> None:
    world.register("people", [prose(seed) for seed in range(20)], origin="human", license="MIT")
    world.register(
        "models",
        [prose(seed) for seed in range(100, 120)],
        origin=Origin.AI,
        generators=("gpt-4",),
        license="CC-BY-NC-4.0",
    )
    world.register("questions", QUESTIONS, origin="human", window=6)
    world.role("questions", Role.EVALUATION)


@pytest.fixture
def shelf(filled_sqlite_world: FilledWorld) -> World:
    return filled_sqlite_world(fill)


def page(piece: str, seed: int = 900) -> str:
    return " ".join([*words(seed, 200), piece, *words(seed + 1, 200)])


def write(folder: Path, *texts: str) -> Path:
    return write_documents(folder / "new.jsonl", texts)


def test_clean_data_ends_with_0_and_says_what_is_missed(
    shelf: World, cli: Cli, tmp_path: Path
) -> None:
    file = write(tmp_path, prose(7000), prose(7001))
    ran = cli("--home", shelf.home, "check", file, "--against", "all")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("CLEAN   2 documents")
    assert "near: recall 0.997 at 0.8" in ran.out
    assert "passages ≥ 13 tokens, guaranteed from 13 on: questions@1" in ran.out
    assert "passages ≥ 25 tokens, guaranteed from 25 on: people@1, models@1" in ran.out
    assert "no match is not a statement about who or what wrote a text" in ran.out


def test_both_sides_of_each_match_are_named_with_its_reason(
    shelf: World, cli: Cli, tmp_path: Path
) -> None:
    asked = [
        page(QUESTIONS[3]),
        prose(101),
        edited(prose(102), 60),
        page(" ".join(words(103, 120)[20:60]), 910),
        prose(5),
        page(" ".join(words(6, 120)[20:60]), 920),
        prose(7000),
    ]
    file, log = write(tmp_path, *asked), shelf.log_size()
    ran = cli(
        "--home", shelf.home, "check", file, "--against", "evals,models", "--against", "people",
        "--origin", "human", "--license", "CC0-1.0", "--json",
    )  # fmt: skip
    assert ran.code == 3
    said = ran.json
    assert said["failed"] == ["contamination", "loss"]
    assert [
        (m["record"], m["kind"], m["reason"], m["their_dataset"], m["their_row"], m["their_origin"])
        for m in said["matches"]
    ] == [
        (1, "passage", "evaluation", "local/questions", 4, "human"),
        (2, "exact", "ai", "local/models", 2, "ai"),
        (3, "near", "ai", "local/models", 3, "ai"),
        (4, "passage", "ai", "local/models", 4, "ai"),
        (5, "exact", "known", "local/people", 6, "human"),
        (6, "passage", "shared", "local/people", 7, "human"),
    ]
    second = said["matches"][1]
    assert (second["origin"], second["license"]) == ("human", "CC0-1.0")
    assert (second["their_generator"], second["their_license"]) == ("gpt-4", "CC-BY-NC-4.0")
    assert said["matches"][3]["words"].split()[:3] == words(103, 120)[20:23]
    assert said["found"] == {
        "documents": 6, "matches": 6, "contamination": 4, "loss": 1,
        "reasons": {"evaluation": 1, "ai": 3, "known": 1, "shared": 1},
    }  # fmt: skip
    # Nothing was registered, and nothing is left in the storage.
    assert shelf.log_size() == log
    assert shelf.problems() == []
    screen = cli("--home", shelf.home, "check", file, "--against", "evals,models,people").out
    assert screen.startswith("NOT CLEAN: contamination, loss   7 documents")
    assert "shares 30 tokens in a row with questions@1 document 4" in screen
    assert "ai · ai (gpt-4) · CC-BY-NC-4.0 · no date (E0)" in screen


def test_a_text_by_a_model_is_told_of_also_where_a_closer_one_of_the_version_is_human(
    sqlite_world: World, cli: Cli, tmp_path: Path
) -> None:
    text = prose(1)
    # Many close ones are human, and the one that a model wrote is the least close of all.
    people = [f"{text} w{number}" for number in range(7)]
    documents = [{"text": it, "origin": "human"} for it in [text, *people]]
    documents.append({"text": edited(text, 70), "origin": "ai"})
    sqlite_world.register("both", documents, origin_field="origin")
    for asked in (text, people[0] + " more"):
        ran = cli(
            "--home", sqlite_world.home, "check", write(tmp_path, asked), "--against", "both",
            "--fail-on", "contamination", "--json",
        )  # fmt: skip
        assert (ran.code, ran.json["failed"]) == (3, ["contamination"])
        assert (ran.json["found"]["reasons"]["ai"], ran.json["found"]["loss"]) == (1, 1)


@pytest.mark.parametrize(
    ("fail_on", "against", "code"),
    [
        ("contamination", "models", 3),
        ("loss", "models", 0),
        ("none", "models", 0),
        ("loss", "people", 3),
        ("contamination", "people", 0),
        ("contamination,loss", "people,models", 3),
    ],
)
def test_what_fails_is_what_was_asked_for(
    shelf: World, cli: Cli, tmp_path: Path, fail_on: str, against: str, code: int
) -> None:
    file = write(tmp_path, prose(5), prose(101))
    ran = cli(
        "--home", shelf.home, "check", file, "--against", against, "--fail-on", fail_on, "--json"
    )
    assert ran.code == code
    assert ran.json["clean"] is (code == 0)
    assert ran.json["found"]["matches"] > 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--against", "people", "--fail-on", "rain"],
        ["--against", "people", "--fail-on", ""],
        ["--against", "people", "--min-run", "7"],
        [],
    ],
)
def test_a_wrong_option_ends_with_2(
    shelf: World, cli: Cli, tmp_path: Path, arguments: list[str]
) -> None:
    assert cli("--home", shelf.home, "check", write(tmp_path, "a"), *arguments).code == 2


def test_what_is_not_there_is_one_error(shelf: World, cli: Cli, tmp_path: Path) -> None:
    file = write(tmp_path, "a text")
    for arguments, said in (
        ((file, "--against", "nobody"), "nobody"),
        ((tmp_path / "gone.jsonl", "--against", "people"), "does not exist"),
        ((file, "--against", "./gone"), "does not exist"),
        ((file, "--against", "protected"), "there is nothing to compare with"),
        ((file, "--against", "people,,models"), "empty part"),
    ):
        ran = cli("--home", shelf.home, "check", *arguments)
        assert ran.code == 1, ran.out
        assert said in ran.err
        assert "hint:" in ran.err


def test_an_incomplete_search_is_said_and_is_not_clean(
    shelf: World, cli: Cli, tmp_path: Path
) -> None:
    shelf.register("plain", [prose(3000)], window=None)
    file = write(tmp_path, prose(7000))
    ran = cli("--home", shelf.home, "check", file, "--against", "people,plain")
    assert ran.code == 3
    assert ran.out.startswith("NOT CLEAN: incomplete")
    assert "passages of plain@1 were not searched for: its passages are not in the index" in ran.out
    said = cli(
        "--home", shelf.home, "check", file, "--against", "plain", "--allow-incomplete", "--json"
    )
    assert said.code == 0
    assert said.json["searched"]["not_searched"][0]["what"] == "passages"
    # An evaluation set that was registered as any other finds runs of 25 tokens only.
    shelf.register("tests", QUESTIONS)
    shelf.role("tests", Role.EVALUATION)
    ran = cli("--home", shelf.home, "check", file, "--against", "tests")
    assert ran.code == 3
    assert "shared runs of 13 to 24 tokens of tests@1 were not searched for" in ran.out
    assert "`--passages 13`" in ran.out


def test_items_that_begin_alike_and_were_not_all_compared_are_said(
    sqlite_world: World, cli: Cli, tmp_path: Path
) -> None:
    begin = words(7, 12)
    items = [" ".join([*begin, *words(1000 + number, 40)]) for number in range(300)]
    sqlite_world.register("items", items, window=6)
    sqlite_world.role("items", Role.EVALUATION)
    file = write(tmp_path, page(" ".join(begin)))
    ran = cli("--home", sqlite_world.home, "check", file, "--against", "evals", "--json")
    assert (ran.code, ran.json["failed"]) == (3, ["incomplete"])
    (gap,) = ran.json["searched"]["not_searched"]
    assert gap["why"] == "1 text shares eight tokens with more of its items than are compared"


def test_what_was_not_looked_at_is_never_called_clean(
    shelf: World, cli: Cli, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    ran = cli("--home", shelf.home, "check", empty, "--against", "all")
    assert (ran.code, ran.out) == (1, "")
    assert "there is no document to check" in ran.err
    empty.write_bytes(b"{bad\n")
    skip = ("--on-bad-input", "skip")
    ran = cli("--home", shelf.home, "check", empty, "--against", "all", *skip)
    assert (ran.code, ran.out) == (1, "")
    assert "and 1 records were not valid" in ran.err
    # Nothing is protected: nobody shall think that it was compared with.
    file = write(tmp_path / "new", prose(7000))
    ran = cli("--home", shelf.home, "check", file, "--against", "protected,evals")
    assert (ran.code, ran.out) == (1, "")
    assert "`protected` stands for no version" in ran.err
    (tmp_path / "new" / "README.md").write_text(prose(5))
    ran = cli("--home", shelf.home, "check", tmp_path / "new", "--against", "all")
    assert ran.code == 0
    assert "Left out  1 file: hidden ones, cards" in ran.out


def test_passages_of_texts_that_are_gone_are_told_as_such(
    shelf: World, cli: Cli, tmp_path: Path
) -> None:
    long, short = " ".join(words(103, 120)[10:110]), " ".join(words(104, 120)[10:30])
    file = write(tmp_path, page(long), page(short, 930))
    for path in (shelf.folder / "files" / "models").iterdir():
        path.unlink()
    ran = cli("--home", shelf.home, "check", file, "--against", "models", "--json")
    assert ran.code == 3
    (match,) = ran.json["matches"]
    assert (match["record"], match["compared"], match["words"]) == (1, False, None)
    assert ran.json["failed"] == ["contamination", "incomplete"]
    (gap,) = ran.json["searched"]["not_searched"]
    assert gap["what"] == "short passages"


def test_folders_and_snapshots_are_compared_with_and_compared(
    shelf: World, cli: Cli, tmp_path: Path
) -> None:
    shelf.export({"sources": ["people", "models"]}, "snap")
    snap = shelf.folder / "snap"
    mine = write(tmp_path, prose(101), prose(7000))
    tests = tmp_path / "my tests"
    write_documents(tests / "items.jsonl", [QUESTIONS[1]])
    ran = cli("--home", shelf.home, "check", mine, "--against", snap, "--json")
    assert ran.code == 3
    assert [m["reason"] for m in ran.json["matches"]] == ["evaluation"]
    assert ran.json["sources"][0]["dataset"] == str(snap)
    ran = cli("--home", shelf.home, "check", snap, "--against", "models", "--json")
    assert ran.json["data"]["documents"] == 40
    assert ran.json["found"]["contamination"] == 20
    assert {m["origin"] for m in ran.json["matches"]} == {"ai"}
    piece = " ".join(QUESTIONS[1].split()[4:18])
    other = write(tmp_path / "other", page(piece))
    ran = cli("--home", shelf.home, "check", other, "--against", f"{tests},models", "--json")
    assert [(m["their_dataset"], m["run_tokens"]) for m in ran.json["matches"]] == [
        (str(tests), 14)
    ]


def test_standard_input_is_checked(shelf: World, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = orjson.dumps({"text": prose(101)}) + b"\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
    ran = cli("--home", shelf.home, "check", "-", "--format", "jsonl", "--against", "ai", "--json")
    assert ran.code == 3
    assert ran.json["found"]["contamination"] == 1


def test_odd_texts_are_checked(shelf: World, cli: Cli, tmp_path: Path) -> None:
    huge = " ".join(words(40, 300_000))
    texts = [
        "",
        " ",
        "one",
        "…",
        "a\u0000b",
        huge,
        "\U0001f600" * 1000,
        "中文" * 20,
        page(prose(101)),
    ]
    file = write(tmp_path, *texts)
    (tmp_path / "empty.jsonl").write_bytes(b"")
    ran = cli(
        "--home", shelf.home, "check", file, tmp_path / "empty.jsonl", "--against", "all", "--json"
    )
    assert ran.code == 3, ran.err
    assert [m["record"] for m in ran.json["matches"]] == [9]
    assert ran.json["data"]["documents"] == 9
    assert ran.json["data"]["without_tokens"] == 4
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "nothing.jsonl").write_bytes(b"")
    ran = cli("--home", shelf.home, "check", tmp_path / "none", "--against", "all", "--json")
    assert ran.code == 1
    assert "there is no document to check" in ran.out + ran.err


def test_broken_encodings_are_refused_or_left_out_and_said(
    shelf: World, cli: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_bytes(b'{"text": "gr\xfc\xdfe"}\n' + orjson.dumps({"text": prose(101)}) + b"\n")
    against = ("--against", "models")
    ran = cli("--home", shelf.home, "check", file, *against)
    assert (ran.code, ran.out) == (1, "")
    assert "UTF-8" in ran.err
    ran = cli("--home", shelf.home, "check", file, *against, "--on-bad-input", "skip", "--json")
    assert ran.code == 3
    assert ran.json["data"]["bad_input"]["count"] == 1


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "onload")]


def test_a_report_has_all_matches_and_a_page_that_nothing_can_break_out_of(
    shelf: World, cli: Cli, tmp_path: Path
) -> None:
    evil = "<script>alert(1)</script> \" onload='x' & \u202e \x1b[31m"
    hostile = tmp_path / "<img src=x onerror=alert(1)>&amp;.jsonl"
    text = page(" ".join([*words(103, 120)[10:40], evil, *words(103, 120)[40:60]]))
    shelf.register(
        "<b>"[1:2] + "ad", [f"{prose(103)} {evil}"], origin="ai", generators=("<i>m</i>",)
    )
    write_documents(hostile, [text, *[prose(seed) for seed in range(100, 120)]])
    out = tmp_path / "out"
    ran = cli(
        "--home", shelf.home, "check", hostile, "--against", "all", "--report", out, "--limit", "3",
        "--json",
    )  # fmt: skip
    assert ran.code == 3
    assert sorted(it.name for it in out.iterdir()) == [
        "matches.jsonl", "matches.parquet", "report.html", "report.json",
    ]  # fmt: skip
    assert orjson.loads((out / "report.json").read_bytes()) == ran.json
    table = pq.read_table(out / "matches.parquet")
    lines = [orjson.loads(it) for it in (out / "matches.jsonl").read_bytes().splitlines()]
    assert table.num_rows == len(lines) == ran.json["found"]["matches"] > 20
    assert lines[:3] == ran.json["matches"]
    html = (out / "report.html").read_text("utf-8")
    parsed = _Elements()
    parsed.feed(html)
    assert not {"script", "img", "b", "i", "iframe", "link"} & {*parsed.tags}
    assert parsed.links == []
    assert "default-src &#x27;none&#x27;" in html
    assert "\u202e" not in html
    assert "\x1b" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    # A second report replaces the first, and leaves other files alone.
    (out / "mine.txt").write_text("mine", "utf-8")
    clean = write(tmp_path, prose(7000))
    assert cli("--home", shelf.home, "check", clean, "--against", "all", "--report", out).code == 0
    assert pq.read_table(out / "matches.parquet").num_rows == 0
    assert (out / "mine.txt").read_text("utf-8") == "mine"
    assert len(list(out.iterdir())) == 5


def test_a_report_that_cannot_be_written_is_an_error_and_leaves_nothing(
    shelf: World, cli: Cli, tmp_path: Path
) -> None:
    file = write(tmp_path, prose(101))
    ran = cli("--home", shelf.home, "check", file, "--against", "ai", "--report", file)
    assert ran.code == 1
    assert "is not a folder" in ran.err


def test_a_full_disk_ends_the_check_and_leaves_no_part_of_a_report(
    shelf: World, tmp_path: Path
) -> None:
    """A limit on the size of files stands for a disk without room."""
    file = write(tmp_path, *[page(prose(100 + at % 20), at) for at in range(400)])
    out = tmp_path / "out"
    program = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from cli.main import main\n"
        "import registry.core.sketch as s, numpy as np\n"
        "s.sketch(np.zeros(1, np.uint8), np.array([0, 1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = ["--home", shelf.home, "check", file, "--against", "models", "--report", out]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert list(out.iterdir()) == []


def test_ctrl_c_ends_the_check_and_leaves_nothing(shelf: World, tmp_path: Path) -> None:
    out, temp = tmp_path / "out", tmp_path / "temp"
    temp.mkdir()
    arguments = [
        "--home", shelf.home, "check", "-", "--format", "jsonl", "--against", "models",
        "--report", out,
    ]  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "cli.main", *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(temp)},
    ) as running:  # fmt: skip
        assert running.stdin is not None
        line = orjson.dumps({"text": page(prose(101))}) + b"\n"
        while not out.exists() and running.poll() is None:
            running.stdin.write(line * 100)
            running.stdin.flush()
            time.sleep(0)
        running.send_signal(signal.SIGINT)
        running.stdin.close()
        code = running.wait(60)
    assert code in (130, -signal.SIGINT)
    assert list(out.iterdir()) == []
    assert list(temp.iterdir()) == []


def test_the_gravest_matches_are_listed_first(shelf: World, cli: Cli, tmp_path: Path) -> None:
    shared = page(" ".join(words(6, 120)[20:60]), 920)
    file = write(tmp_path, shared, prose(5), prose(101), QUESTIONS[3])
    ran = cli("--home", shelf.home, "check", file, "--against", "all", "--json", "--limit", "3",
              "--report", tmp_path / "out")  # fmt: skip
    found = json.loads(ran.out)
    listed = [(it["reason"], it["record"]) for it in found["matches"]]
    assert listed == [("evaluation", 4), ("ai", 3), ("known", 2)]
    lines = (tmp_path / "out" / "matches.jsonl").read_text().splitlines()
    assert [json.loads(line)["record"] for line in lines] == [1, 2, 3, 4]
