"""`register --from`, `--dry-run` and `--progress`: many sources, and how far they are."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import sys
from pathlib import Path

import pytest

from cli.progress import watcher
from registry.intake.run import Phase, Progress
from tests.cli.running import Cli


@pytest.fixture(autouse=True)
def registry(cli: Cli, tmp_path: Path) -> None:
    cli("init")
    for name in ("one", "two"):
        folder = tmp_path / "lists" / name
        folder.mkdir(parents=True)
        path = folder / "a.jsonl"
        path.write_text(f'{{"text": "of {name}", "by": "m"}}\n{{"text": "", "by": "h"}}\n')
        os.utime(path, (1_600_000_000, 1_600_000_000))


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "lists" / "sources.yaml"
    path.write_text(text, "utf-8")
    return path


def test_paths_are_relative_to_the_list_and_defaults_hold(cli: Cli, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "defaults: {license: MIT, origin: human}\n"
        "sources:\n"
        "- {name: one, paths: one}\n"
        "- name: t/two\n"
        "  paths: ['two/*.jsonl']\n"
        "  license: null\n"
        "  origin: null\n"
        "  origin_field: by\n"
        "  origin_map: {h: human, m: ai}\n",
    )
    ran = cli("register", "--from", path, "--json")
    assert ran.code == 0
    assert ran.json["totals"] == {
        "sources": 2, "registered": 2, "added": 0, "unchanged": 0, "failed": 0, "documents": 4,
        "bytes": 12,
    }  # fmt: skip
    one, two = (cli("show", name, "--json").json for name in ("one", "t/two"))
    assert (one["licenses"], two["licenses"]) == (["MIT"], [])
    counts = {origin: sums["documents"] for origin, sums in two["origins"].items()}
    assert counts == {"human": 1, "ai": 1}
    assert list(one["origins"]) == ["human"]


def test_the_folder_of_the_list_is_no_pattern(cli: Cli, tmp_path: Path) -> None:
    for name, text in (("set [12]", "right"), ("set 1", "wrong"), ("set [12]/deep", "right")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jsonl").write_text(f'{{"text": "{text}"}}\n')
    path = tmp_path / "set [12]" / "sources.yaml"
    path.write_text("sources: [{name: a, paths: '*.jsonl'}, {name: b, paths: '**/a.jsonl'}]")
    ran = cli("register", "--from", path, "--json")
    assert (ran.code, ran.json["totals"]["documents"], ran.json["totals"]["bytes"]) == (0, 3, 15)


def test_what_fails_does_not_stop_the_others(cli: Cli, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "sources:\n"
        "- {name: gone, paths: nowhere}\n"
        "- {name: odd, paths: one, text_field: body}\n"
        "- {name: piped, paths: '-'}\n"
        "- {name: contradicts, paths: one, origin: human, origin_field: by}\n"
        "- {name: one, paths: one}\n",
    )
    ran = cli("register", "--from", path)
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "local/gone   not registered",
        "local/odd   not registered",
        "local/piped   not registered",
        "local/contradicts   not registered",
        "local/one@1   registered · 2 documents · 6 bytes",
        "5 sources: 1 registered, 4 failed · 2 documents · 6 bytes",
    ]
    assert f"error: local/gone: `{tmp_path}/lists/nowhere` does not exist" in ran.err
    assert "no record of" in ran.err
    assert "standard input" in ran.err
    assert len(cli("dataset", "list", "--json").json["datasets"]) == 1
    assert cli("db", "check").code == 0


def test_done_again_everything_is_unchanged_and_nothing_is_read(cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path, "sources: [{name: one, paths: one}, {name: two, paths: two}]")
    assert cli("register", "--from", path).code == 0
    again = cli("register", "--from", path, "--json").json
    assert again["totals"]["unchanged"] == 2
    assert [it["registration"]["reused_files"] for it in again["sources"]] == [1, 1]
    reread = cli("register", "--from", path, "--reread", "--json").json
    assert [it["registration"]["reused_files"] for it in reread["sources"]] == [0, 0]


def test_a_dry_run_of_a_list_records_nothing(cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path, "sources: [{name: one, paths: one}, {name: two, paths: two}]")
    ran = cli("register", "--from", path, "--dry-run")
    assert (ran.code, "would be registered" in ran.out) == (0, True)
    assert cli("dataset", "list", "--json").json["datasets"] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no list of sources: expected the key `sources`"),
        ("sources: []", "`sources`"),
        ("sources: [{name: a}]", "at `sources.0.paths`: this key is missing"),
        ("sources: [{name: a, path: b, paths: c}]", "unknown key `sources.0.path`"),
        ("sources: [{name: ../a, paths: c}]", "sources.0.name"),
        ("sources: [{name: a@2, paths: c}]", "versions are numbered by the registry"),
        ("sources: [{name: a, paths: b}, {name: local/a, paths: c}]", "named twice"),
        ("sources: [{name: a, paths: b, keep: yes}]", "expected `true` or `false`"),
        ("sources: [{name: a, paths: b, authored: 2022-13-01}]", "sources.0.authored"),
        ("defaults: {paths: x}\nsources: [{name: a, paths: b}]", "cannot have the key `paths`"),
        ("sources: [{name: a, name: b, paths: c}]", "stands twice"),
    ],
)
def test_a_list_that_cannot_be_followed_is_refused_whole(
    cli: Cli, tmp_path: Path, text: str, message: str
) -> None:
    ran = cli("register", "--from", write(tmp_path, text), "--json")
    assert (ran.code, message in ran.error["message"]) == (1, True), ran.error
    assert ran.error["hint"]


@pytest.mark.parametrize(
    "more", [["one"], ["--name", "a"], ["--origin", "human"], ["--keep"], ["--orient", "records"]]
)
def test_what_a_list_says_is_not_said_beside_it(cli: Cli, tmp_path: Path, more: list[str]) -> None:
    path = write(tmp_path, "sources: [{name: one, paths: one}]")
    ran = cli("register", *more, "--from", path)
    assert (ran.code, "write it into the list" in ran.err) == (2, True)


def test_a_list_that_is_not_there_is_not_found(cli: Cli) -> None:
    ran = cli("register", "--from", "no.yaml", "--json")
    assert (ran.code, ran.error["type"]) == (1, "NotFoundError")


@pytest.mark.parametrize("arguments", [[], ["one"], ["--name", "a"]])
def test_without_a_list_files_and_a_name_are_needed(cli: Cli, arguments: list[str]) -> None:
    ran = cli("register", *arguments)
    assert (ran.code, ran.out) == (2, "")


# Progress.


def test_events_are_json_lines_on_stderr(cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path, "sources: [{name: one, paths: one}, {name: two, paths: nowhere}]")
    ran = cli("register", "--from", path, "--progress", "json", "--json")
    events = [json.loads(line) for line in ran.err.splitlines() if line.startswith("{")]
    assert [(event["event"], event["dataset"]) for event in events] == [
        ("begin", "local/one"), ("progress", "local/one"), ("end", "local/one"),
        ("begin", "local/two"), ("end", "local/two"),
    ]  # fmt: skip
    assert events[1]["documents"] == 2
    assert (events[1]["read_bytes"], events[1]["files"]) == (events[1]["total_bytes"], 1)
    assert [event["outcome"] for event in events if event["event"] == "end"] == [
        "registered", "failed"
    ]  # fmt: skip


def test_a_command_that_fails_says_so_as_an_event(cli: Cli) -> None:
    ran = cli("register", "nowhere", "--name", "a", "--progress", "json")
    events = [json.loads(line) for line in ran.err.splitlines() if line.startswith("{")]
    assert [event["event"] for event in events] == ["begin", "end"]
    assert events[1]["outcome"] == "failed"


@pytest.mark.parametrize("mode", ["auto", "none"])
def test_nothing_is_told_where_nobody_watches(cli: Cli, mode: str) -> None:
    assert cli("register", "lists/one", "--name", "a", "--progress", mode).err == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    now = 100.0
    monkeypatch.setattr("cli.progress.time.monotonic", lambda: now)
    watch = watcher("auto")
    watch.source("local/a", 2, 3)
    now = 110.0
    so_far = Progress(Phase.READING, 1200, 50_000_000, 3, 9, 30_000_000, 90_000_000, 10_000_000)
    watch.update(so_far)
    watch.update(dataclasses.replace(so_far, documents=1201))
    now = 120.0
    watch.update(dataclasses.replace(so_far, phase=Phase.INDEXING))
    watch.end("registered")
    assert screen.getvalue().split("\r\x1b[K") == [
        "",
        "2/3 local/a · 3/9 files · 1,200 documents · 50.0 MB · 5.00 MB/s · 0:30 left",
        "2/3 local/a · indexing 1,200 documents",
        "",
    ]
