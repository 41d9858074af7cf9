"""The demo does what it shows, says so when something is not as it should be, and asks for nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from registry import verify
from registry.core.attest import PublicKey
from tests.conftest import REPOSITORY

DEMO: Final = REPOSITORY / "examples" / "demo.sh"
SCRIPTS: Final = Path(sys.executable).parent


@dataclass(frozen=True)
class Run:
    """A run of the demo."""

    folder: Path
    code: int
    output: str


def run_demo(folder: Path, *, first_on_path: Path = SCRIPTS, **environment: str) -> Run:
    """Run the demo in a folder."""
    done = subprocess.run(
        ["sh", str(DEMO), str(folder)],
        env=os.environ
        | {"PATH": f"{first_on_path}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder.parent)}
        | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return Run(folder, done.returncode, done.stdout)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The demo, run once, with settings around that it must not take over."""
    folder = tmp_path_factory.mktemp("a path") / "with spaces"
    elsewhere = folder.parent / "elsewhere"
    return run_demo(folder, FIRSTHAND_HOME=str(elsewhere), FIRSTHAND_JSON="1", CDPATH="/tmp")


def test_the_demo_goes_through_the_main_job(demo: Run) -> None:
    assert demo.code == 0, demo.output
    story = [
        "$ firsthand init",
        "$ firsthand register gsm8k",
        "3,319 distinct",
        "$ firsthand register solutions",
        "7,914 · 7,902 distinct",
        "$ firsthand register peps",
        "$ firsthand dataset list",
        "$ firsthand show solutions",
        "declared 2,638 human · 5,276 ai",
        "$ firsthand plan mix.yaml --explain",
        "FEASIBLE BY DECLARATION",
        "$ firsthand export mix.yaml --out snap",
        "$ firsthand verify snap",
        "INTACT AND SIGNED",
        "does not prove that any text was written by a person",
        "byte 400000 of copy/data/part-00000.parquet",
        "REFUSED   E_FILE_DIGEST",
        "$ firsthand claim gsm8k --origin assisted",
        "NOT FEASIBLE",
        "$ firsthand history gsm8k",
        "origin corrected as assisted",
    ]
    at = 0
    for line in story:
        at = demo.output.find(line, at)
        assert at >= 0, f"{line} is missing, or not in its place:\n{demo.output}"


def test_its_output_fits_a_terminal(demo: Run) -> None:
    said = [line for line in demo.output.splitlines() if line.startswith(("$ ", "#", " "))]
    prose = [line for line in demo.output.splitlines() if re.match(r"[A-Z0-9].*\.$", line)]
    assert len(prose) > 8
    assert max(map(len, prose)) <= 100
    assert said
    assert "\x1b" not in demo.output


def test_it_leaves_a_registry_to_look_around_in(demo: Run) -> None:
    assert (demo.folder / ".firsthand" / "registry.db").is_file()
    assert not (demo.folder.parent / "elsewhere").exists()


def test_its_snapshot_is_valid_and_its_copy_is_not(demo: Run) -> None:
    pem = (demo.folder / ".firsthand" / "issuer.pub").read_bytes()
    key = PublicKey.parse(pem, name="issuer.pub")
    report = verify.snapshot(demo.folder / "snap", key=key, level=verify.Level.CONTENT)
    assert report.certificate is not None
    fraction = report.certificate.human_fraction
    assert fraction.numerator * 100 >= 80 * fraction.denominator
    copy = verify.examine(demo.folder / "copy", key=key)
    assert [failure.code for failure in copy.failures] == ["E_FILE_DIGEST"]


def test_after_the_correction_a_source_can_give_nothing(demo: Run) -> None:
    """A snapshot of the two other datasets names the third one too, with no documents."""
    firsthand = [str(SCRIPTS / "firsthand"), "--home", str(demo.folder / ".firsthand")]
    recipe, out = REPOSITORY / "examples" / "only-human.yaml", demo.folder / "human"
    subprocess.run([*firsthand, "export", str(recipe), "--out", str(out)], check=True)
    key = str(demo.folder / ".firsthand" / "issuer.pub")
    subprocess.run([*firsthand, "verify", str(out), "--key", key, "--level", "content"], check=True)


def test_a_second_run_starts_over_and_notices_a_verifier_that_accepts_anything(
    demo: Run, tmp_path: Path
) -> None:
    broken = tmp_path / "firsthand"
    broken.write_text(
        f'#!/bin/sh\n[ "$1" = export ] && cp -R "{demo.folder}/snap" snap\nexit 0\n', "utf-8"
    )
    broken.chmod(0o755)
    folder = tmp_path / "again"
    shutil.copytree(demo.folder, folder)
    again = run_demo(folder, first_on_path=tmp_path)
    assert again.code == 1
    assert "demo failed: exit code 0, expected 3: firsthand verify copy" in again.output
    assert "A claim turns out wrong" not in again.output
    assert not (folder / ".firsthand").exists()


def test_it_touches_no_folder_that_it_did_not_make(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work", "utf-8")
    refused = run_demo(mine)
    assert refused.code == 1
    assert "was not made by this demo" in refused.output
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


def test_it_says_what_is_missing(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "printf"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    done = subprocess.run(
        ["sh", str(DEMO), str(tmp_path / "demo")],
        env={"PATH": str(tools)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1
    assert "run `make demo`" in done.stderr
