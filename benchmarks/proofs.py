"""Measure proofs of one row and of absence: making and checking them.

    python -m benchmarks.proofs FOLDER [--rows 1000000] [--size 1000] [--file firsthand-verify.pyz]

A signed snapshot of generated texts is made below FOLDER and kept for the next run. Then proofs of
a row in the middle, with its text, and of a text that is not there are made and checked; each
check is a process of its own, from the start of Python to its end, and the best of five is
printed as CPU seconds (user and system). With `--file` the one file of `make verifier` checks them.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.verify import make
from registry import proving
from tests.snapshots import SIGNER

RUNS = 5


def cpu(command: list[str]) -> tuple[float, float]:
    """Return the least CPU and wall seconds of a command that must succeed."""
    found = []
    for _ in range(RUNS):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found.append((took, time.perf_counter() - started))
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure proofs of one row and of absence.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--file", type=Path)
    asked = parser.parse_args()
    snap, key = asked.folder / "snap", asked.folder / "key.pub"
    if not (snap / "certificate.json").exists():
        make(snap, asked.rows, asked.size)
    key.write_text(SIGNER.public.pem, "ascii")
    program = [sys.executable, "-m", "cli.main", "verify"]
    if asked.file is not None:
        program = [sys.executable, str(asked.file)]
    size = sum(path.stat().st_size for path in (snap / "data").iterdir())
    print(f"{asked.rows:,} rows of {asked.size:,} bytes, {size / 1e6:,.0f} MB of Parquet")
    for name in ("row", "absent"):
        began = os.times()
        if name == "row":
            data = proving.row(snap, asked.rows // 2, with_text=True).to_bytes()
        else:
            data = proving.absent(snap, hashlib.sha256(b"nowhere").digest()).to_bytes()
        ended = os.times()
        path = asked.folder / f"{name}.proof"
        path.write_bytes(data)
        made = ended.user + ended.system - began.user - began.system
        checked, wall = cpu([*program, str(path), "--key", str(key)])
        print(
            f"{name:<7} {len(data):>7,} bytes   made in {made:5.2f} s CPU   "
            f"checked in {checked:.2f} s CPU, {wall:.2f} s wall"
        )
    print(f"all of it took {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
