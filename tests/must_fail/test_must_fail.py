"""Every attack is answered with its one reason code, and never with a crash or a “valid”."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.must_fail import materialize, suite, world
from tests.must_fail.case import Case

BY_NAME = {case.name: case for case in suite.MUST_FAIL}
NOT_BY_VERIFY = {"E_ROLLBACK"}


@pytest.mark.parametrize("case", suite.MUST_FAIL, ids=lambda it: it.name)
def test_an_attack_has_its_one_answer(
    case: Case, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    suite.skip(case)
    folder = tmp_path / "case"
    given = world.run(suite.shared(tmp_path_factory), folder, case)
    answer = suite.ask(folder, given)
    assert (answer.exit, answer.code) == (case.exit, case.code), answer.lines
    assert all(line.isprintable() for line in answer.lines)
    if answer.report is None:
        return
    document = answer.report.to_json()
    assert json.loads(json.dumps(document)) == document
    assert "INTACT AND SIGNED" not in answer.lines[0]
    if case.exit == 3:
        assert answer.lines[0].startswith(f"REFUSED   {case.code}")
        assert document["declared"] is None
        assert not any("ACME" in line for line in answer.lines)


def test_every_reason_that_verify_can_give_has_an_attack() -> None:
    page = (REPOSITORY / "docs" / "trust.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `(E_[A-Z_]+)` \|", page, re.MULTILINE))
    assert len(documented) > 30
    assert {case.code for case in suite.MUST_FAIL} - {None} == documented - NOT_BY_VERIFY


def test_there_are_enough_attacks_and_each_says_why() -> None:
    assert len(suite.MUST_FAIL) >= 110
    assert len({case.attack for case in suite.MUST_FAIL}) > len(suite.MUST_FAIL) - 3
    for case in (*suite.MUST_FAIL, *suite.MUST_PASS):
        assert case.attack
        assert case.why
        assert set(case.given) <= {"key", "trust", "checkpoint", "log", "superseding_log"}


SAMPLE = (
    "key-substitution",
    "no-key",
    "superseded",
    "forked-log",
    "statistics-of-numbers",
    "trust-with-an-unknown-role",
    "row-of-another-text",
    "path-traversal",
)


@pytest.mark.parametrize("name", SAMPLE)
def test_the_program_gives_the_same_answer(
    name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    case, folder = BY_NAME[name], tmp_path / "case"
    given = world.run(suite.shared(tmp_path_factory), folder, case)
    document = run([sys.executable, "-m", "registry.verify"], folder, given, case.exit)
    if "failures" in document:
        assert [it["code"] for it in document["failures"]][:1] == [case.code][: bool(case.code)]


def test_the_command_gives_the_same_answer(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    case, folder = BY_NAME["certificate-transplant"], tmp_path / "case"
    given = world.run(suite.shared(tmp_path_factory), folder, case)
    command = [sys.executable, "-m", "cli.main", "verify"]
    document = run(command, folder, given, case.exit)
    assert document["failures"][0]["code"] == case.code


def run(command: list[str], folder: Path, given: dict[str, str], code: int) -> dict[str, Any]:
    done = subprocess.run(
        [*command, *suite.words(folder, given), "--json"],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_cases_are_written_for_other_verifiers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = [BY_NAME[name] for name in ("superseded", "nothing-there", "symlinked-shard")]
    monkeypatch.setattr(materialize, "MUST_FAIL", some)
    monkeypatch.setattr(materialize, "MUST_PASS", suite.MUST_PASS[:1])
    made = materialize.materialize(tmp_path / "cases")
    assert [it.name for it in made] == [it.name for it in some] + ["pinned-key"]
    for place in made:
        document = json.loads((place / "case.json").read_text("utf-8"))
        assert document["name"] == place.name
        assert str(tmp_path) not in json.dumps(document)
        answer = suite.ask(place, document["given"])
        assert {"exit": answer.exit, "code": answer.code} == document["expect"]
