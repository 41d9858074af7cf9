"""A registration that is killed at any moment goes on, and gives what it would have given."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import REPOSITORY

DOCUMENTS: Final = 100_000
KILLS: Final = 100
_FIRSTHAND: Final = [sys.executable, "-m", "cli.main"]


def write(folder: Path) -> Path:
    """Write 100 MB that do not compress, in files of about 10 MB."""
    folder.mkdir()
    rng = np.random.default_rng(7)
    for number in range(10):
        raw = rng.integers(0, 256, (DOCUMENTS // 10, 512), np.uint8)
        table = pa.table({"text": [row.tobytes().hex() for row in raw]})
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=2000)
    for path in folder.iterdir():
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return folder


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "FIRSTHAND_HOME": str(home), "FIRSTHAND_ACTOR": "me"}


def firsthand(home: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [*_FIRSTHAND, *arguments],
        cwd=REPOSITORY,
        env=environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if "--json" in arguments else done.stdout


def sketches(home: Path) -> list[Any]:
    """Return what the catalogue says of sketches: their digest is that of all of them."""
    with contextlib.closing(sqlite3.connect(home / "registry.db")) as base:
        return base.execute("SELECT documents, sketched, digest FROM sketch_tables").fetchall()


def killed(home: Path, arguments: list[str], seconds: float) -> bool:
    """Run a command and kill it after some seconds; return whether that was in time."""
    process = subprocess.Popen(
        [*_FIRSTHAND, *arguments],
        cwd=REPOSITORY,
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_a_registration_killed_at_random_moments_goes_on(tmp_path: Path) -> None:
    source = write(tmp_path / "source")
    fresh = tmp_path / "fresh"
    firsthand(fresh, "init")
    command = ["register", str(source), "--name", "a", "--origin", "human", "--jobs", "2"]
    whole = tmp_path / "whole"
    shutil.copytree(fresh, whole)
    begun = time.monotonic()
    expected = firsthand(whole, *command, "--json")
    seconds = time.monotonic() - begun
    assert expected["documents"] == DOCUMENTS
    rng = random.Random(11)
    went_on = in_time = 0
    for _ in range(KILLS):
        home = tmp_path / "home"
        shutil.copytree(fresh, home)
        in_time += killed(home, command, rng.uniform(0, seconds))
        made = firsthand(home, *command, "--json")
        went_on += made["reused_files"] > 0 and made["outcome"] == "registered"
        same = ("version", "documents", "distinct", "bytes", "words", "content_root", "files")
        assert [made[key] for key in same] == [expected[key] for key in same]
        firsthand(home, "db", "check")
        firsthand(home, "index", "verify")
        assert sketches(home) == sketches(whole)
        left = [
            path.name
            for part in ("staging", "unfinished")
            for path in (home / "storage" / part).glob("*")
        ]
        assert left == []
        for part in ("documents", "sketches", "segments"):
            assert len(list((home / "storage" / part).iterdir())) == 1
        shutil.rmtree(home)
    assert in_time > KILLS / 2
    assert went_on > 0
    print(f"{in_time} killed in time, {went_on} went on with what had been read")  # noqa: T201
