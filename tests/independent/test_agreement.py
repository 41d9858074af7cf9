"""Two verifiers, written apart, say the same of every attack and of what the command line exports.

`verifier.py` was written from docs/trust.md and the schemas alone. Where the two differ, one of them or
the page is wrong. It does not check time stamps, so the cases that turn on one are not compared.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.independent import verifier

ALSO: dict[str, set[str]] = {}
"""Cases in which the page allows more than one first code, and which; each with its reason.

There is none now: every difference was settled by a sentence in docs/trust.md.
"""


def run(*words: str | Path, cwd: Path, state: Path) -> subprocess.CompletedProcess[str]:
    """Run a module of the repository as a program, which shares nothing with this process."""
    there = os.environ | {"PYTHONPATH": str(REPOSITORY), "FIRSTHAND_STATE": str(state)}
    there = {k: v for k, v in there.items() if k not in ("FIRSTHAND_HOME", "FIRSTHAND_KEY")}
    command = [sys.executable, "-m", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=there, capture_output=True, text=True, check=False)


def ask(given: dict[str, Any]) -> tuple[int, str | None]:
    """The exit code and first reason code of the second verifier."""
    exit_code, codes, _ = verifier.verify(
        given["path"],
        key=given.get("key"),
        trust=given.get("trust"),
        level=given.get("level") or "files",
        kept=given.get("checkpoint"),
        copy=given.get("log"),
        text=given.get("text"),
    )
    return exit_code, codes[0] if codes else None


# ------------------------------------------------------------------ the suite of attacks


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of all cases."""
    folder = tmp_path_factory.mktemp("suite")
    made = run("tests.must_fail.materialize", folder / "cases", cwd=REPOSITORY, state=folder)
    assert made.returncode == 0, made.stderr
    return sorted(path.parent for path in folder.glob("cases/*/*/case.json"))


def test_every_case_has_the_same_answer(suite: list[Path]) -> None:
    different = {}
    for folder in suite:
        case = json.loads((folder / "case.json").read_text())
        if list(folder.rglob("*.tsr")):
            continue
        given = {
            name: value if name == "level" else folder / value
            for name, value in case["given"].items()
        }
        expected = (case["expect"]["exit"], case["expect"]["code"])
        found = ask(given)
        if found != expected and found[1] not in ALSO.get(folder.name, set()):
            different[folder.name] = (expected, found)
    assert not different
    assert len(suite) > 300


# ------------------------------------------------------------------ what the command line makes


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home, two snapshots of which one takes the other's place, proofs, and a copy of the log."""
    place = tmp_path_factory.mktemp("exported")

    def firsthand(*words: str) -> None:
        made = run("cli.main", *words, cwd=place, state=place / "state")
        assert made.returncode == 0, made.stderr

    for name, count in (("letters", 300), ("more", 40)):
        (place / name).mkdir()
        for number in range(count):
            (place / name / f"{number}.txt").write_text(
                f"{name}, the {number}th: naïve café 漢字.\n"
            )
    (place / "letters" / "empty.txt").write_text("")
    firsthand("init", "--issuer", "ACME Data", "--issuer-url", "https://acme.example")
    firsthand("register", "letters", "--name", "letters", "--origin", "human", "--license", "MIT")
    firsthand("register", "more", "--name", "more", "--origin", "ai", "--generator", "gpt-9")
    (place / "r.yaml").write_text("sources: [letters, more]\nsize: 12 kB\nhuman: {at_least: 60%}\n")
    firsthand("export", "r.yaml", "--out", "snap")
    firsthand("prove", "snap", "--row", "260", "--with-text", "--out", "row.proof")
    firsthand("prove", "snap", "--hash", "00" * 32, "--out", "absent.proof")
    shutil.copy(place / ".firsthand/log/checkpoint", place / "kept")
    firsthand("register", "more", "--name", "again", "--origin", "unknown")
    firsthand("log", "checkpoint")
    firsthand("log", "publish", "log")
    return place


def same(place: Path) -> dict[str, Any]:
    return {}


def pending(place: Path) -> dict[str, Any]:
    (place / "snap/certificate.tlog-proof").unlink()
    return {}


def flipped(name: str, at: int) -> Callable[[Path], dict[str, Any]]:
    def bend(place: Path) -> dict[str, Any]:
        data = bytearray((place / name).read_bytes())
        data[at] ^= 1
        (place / name).write_bytes(data)
        return {"path": name} if name.endswith(".proof") else {}

    return bend


def missing(name: str) -> Callable[[Path], dict[str, Any]]:
    def bend(place: Path) -> dict[str, Any]:
        (place / name).unlink()
        return {}

    return bend


def given(**changed: str | None) -> Callable[[Path], dict[str, Any]]:
    return lambda place: changed


SHARD = "snap/data/part-00000.parquet"
EXPORTED: dict[str, tuple[Callable[[Path], dict[str, Any]], int]] = {
    "as it is": (same, 0),
    "every row": (given(level="content"), 0),
    "without a key": (given(key=None), 1),
    "a trust file": (given(key=None, trust=".firsthand/trust.json"), 0),
    "a newer log": (given(log="log"), 0),
    "a newer log, and a checkpoint": (given(log="log", checkpoint="kept"), 0),
    "the checkpoint of the proof": (given(checkpoint="kept"), 0),
    "a newer checkpoint, and no copy": (given(checkpoint="log/checkpoint"), 1),
    "no proof": (pending, 0),
    "a lone shard": (given(path=SHARD), 0),
    "a row": (given(path="row.proof"), 0),
    "a row, and a newer log": (given(path="row.proof", log="log"), 0),
    "an absence": (given(path="absent.proof"), 0),
    "an absence of another text": (given(path="absent.proof", text="kept"), 3),
    "a bit of a shard": (flipped(SHARD, 2000), 3),
    "a bit of the manifest": (flipped("snap/manifest.json", 300), 3),
    "a bit of the certificate": (flipped("snap/certificate.json", 300), 3),
    "a bit of a proof": (flipped("row.proof", 9000), 3),
    "a shard is missing": (missing(SHARD), 3),
    "a tile is missing": (lambda place: missing("log/tile/0/000.p/5")(place) | {"log": "log"}, 3),
}


@pytest.mark.parametrize("name", EXPORTED)
def test_the_command_line_says_the_same(name: str, exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path, dirs_exist_ok=True)
    bend, expected = EXPORTED[name]
    words = {"path": "snap", "key": ".firsthand/issuer.pub"} | bend(tmp_path)
    words = {key: value for key, value in words.items() if value is not None}
    if "trust" in words:
        words.pop("key", None)
    options = [f"--{key}={value}" for key, value in words.items() if key != "path"]
    told = run(
        "cli.main", "verify", words["path"], "--json", *options, cwd=tmp_path, state=tmp_path
    )
    codes = [failure["code"] for failure in json.loads(told.stdout)["failures"]]
    paths = {k: v if k == "level" else tmp_path / v for k, v in words.items()}
    found = ask(paths)
    assert found == (told.returncode, codes[0] if codes else None)
    assert found[0] == expected


def test_it_shares_no_code_with_the_first() -> None:
    script = (
        "import sys, tests.independent.verifier;"
        "print([m for m in sys.modules if m.split('.')[0] in ('registry', 'cli', 'rfc8785')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
