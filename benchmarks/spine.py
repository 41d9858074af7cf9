"""Measure register, plan, export and verify against the floor: read Parquet, SHA-256 each text.

    python -m benchmarks.spine FOLDER [--runs 3]

FOLDER holds Parquet files with the columns `text` and `origin` (such as `make_synthetic.py`
writes). Every step runs in a process of its own; printed are CPU seconds (user and system, of all
threads), the ratio to the floor run beside it, and the peak resident memory. Times of a shared
machine mean little; take the ratios.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

FLOOR = """
import hashlib, sys
import pyarrow.parquet as pq
for name in sys.argv[1:]:
    with pq.ParquetFile(name, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=8192, columns=["text"]):
            column = batch.column("text")
            _, offsets, data = column.buffers()
            ends = memoryview(offsets).cast("i")[column.offset : column.offset + len(column) + 1]
            view = memoryview(data)
            for begin, end in zip(ends, ends[1:]):
                hashlib.sha256(view[begin:end]).digest()
"""


def run(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return CPU seconds and peak resident megabytes of a command.

    Raises:
        SystemExit: The command failed.
    """
    pid = os.fork()
    if pid == 0:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a child about to exec
            os.dup2(nowhere.fileno(), 1)
        os.execve(command[0], command, environment)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{command} failed with {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Run every step and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    files = [str(path) for path in sorted(options.folder.glob("*.parquet"))]
    texts = sum(_rows(name) for name in files)
    seen: dict[str, list[tuple[float, float]]] = {}
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as folder:
            for step, result in _steps(files, Path(folder)):
                seen.setdefault(step, []).append(result)
    floor = median(cpu for cpu, _ in seen["floor"])
    start = median(cpu for cpu, _ in seen["start"])
    print(f"{texts:,} documents, {options.runs} runs, medians")
    print(f"{'step':<28}{'CPU s':>8}{'x floor':>9}{'less start':>12}{'RSS MB':>8}")
    for step, results in seen.items():
        cpu = median(cpu for cpu, _ in results)
        peak = max(peak for _, peak in results)
        below = (cpu - start) / floor
        print(f"{step:<28}{cpu:>8.2f}{cpu / floor:>9.2f}{below:>12.2f}{peak:>8.0f}")


def _rows(name: str) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(name).num_rows)


def _steps(files: list[str], folder: Path) -> list[tuple[str, tuple[float, float]]]:
    environment = {**os.environ, "FIRSTHAND_HOME": str(folder / "home"), "FIRSTHAND_ACTOR": "me"}
    firsthand = [sys.executable, "-m", "cli.main"]
    recipe = folder / "mix.yaml"
    recipe.write_text("sources: [synthetic]\nhuman: {at_least: 0.8}\n", "utf-8")
    subprocess.run([*firsthand, "init"], env=environment, check=True, capture_output=True)
    label = ["--origin-field", "origin"]
    key = ["--key", str(folder / "home" / "issuer.pub")]
    snap = str(folder / "snap")
    verify = [*firsthand, "verify", snap, *key]
    return [
        ("floor", run([sys.executable, "-c", FLOOR, *files], environment)),
        ("start", run([*firsthand, "dataset", "list"], environment)),
        (
            "register --origin",
            run([*firsthand, "register", *files, "--name", "a", "--origin", "human"], environment),
        ),
        (
            "register --no-passages",
            run([*firsthand, "register", *files, "--name", "b", "--no-passages"], environment),
        ),
        (
            "register --origin-field",
            run([*firsthand, "register", *files, "--name", "synthetic", *label], environment),
        ),
        ("plan", run([*firsthand, "plan", str(recipe)], environment)),
        ("export", run([*firsthand, "export", str(recipe), "--out", snap], environment)),
        ("floor of the snapshot", _floor_of(Path(snap), environment)),
        ("verify", run(verify, environment)),
        ("verify --level content", run([*verify, "--level", "content"], environment)),
    ]


def _floor_of(snapshot: Path, environment: dict[str, str]) -> tuple[float, float]:
    files = [str(path) for path in sorted((snapshot / "data").glob("*.parquet"))]
    # The texts of a snapshot are `large_string`, whose offsets are 8 bytes wide.
    return run([sys.executable, "-c", FLOOR.replace('"i"', '"q"'), *files], environment)


if __name__ == "__main__":
    main()
