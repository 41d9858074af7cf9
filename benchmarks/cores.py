"""Measure what a second core gains: for a registration, and for work that needs no coordination.

    python -m benchmarks.cores FOLDER [--runs 3]

FOLDER holds Parquet files with the columns `text` and `origin`. Everything is run on one core and
on two of them, alternately; printed are wall-clock seconds and their ratio. The *floor* is that of
`benchmarks.spine`, on two cores as two processes with half of the files each: what it gains is all
that this machine has to give, because virtual cores share caches, memory and often a core.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.spine import FLOOR


def seconds(commands: list[list[str]], cores: set[int], environment: dict[str, str]) -> float:
    """Return how long commands take that are run at the same time on some cores.

    Raises:
        SystemExit: One failed.
    """
    begun = time.monotonic()
    running = [
        subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509 - no threads here
        )
        for command in commands
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise SystemExit(f"{commands[0][:4]} failed")
    return time.monotonic() - begun


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    files = [str(path) for path in sorted(options.folder.glob("*.parquet"))]
    one, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise SystemExit("there is only one core")
    two = {one, others[0]}
    halves = [[sys.executable, "-c", FLOOR, *files[at::2]] for at in range(2)]
    whole = [[sys.executable, "-c", FLOOR, *files]]
    taken: dict[str, list[tuple[float, float]]] = {"floor": [], "register": []}
    for _ in range(options.runs):
        taken["floor"].append((seconds(whole, {one}, {}), seconds(halves, two, {})))
        taken["register"].append((_register(files, {one}), _register(files, two)))
    print(f"{'':<10}{'one core, s':>13}{'two cores, s':>14}{'gain':>7}")
    for name, pairs in taken.items():
        first, second = (median(column) for column in zip(*pairs, strict=True))
        gain = median(before / after for before, after in pairs)
        print(f"{name:<10}{first:>13.2f}{second:>14.2f}{gain:>7.2f}")


def _register(files: list[str], cores: set[int]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        home = str(Path(folder) / "home")
        environment = {**os.environ, "FIRSTHAND_HOME": home, "FIRSTHAND_ACTOR": "me"}
        firsthand = [sys.executable, "-m", "cli.main"]
        subprocess.run([*firsthand, "init"], env=environment, check=True, capture_output=True)
        command = [*firsthand, "register", *files, "--name", "a", "--origin-field", "origin"]
        return seconds([command], cores, environment)


if __name__ == "__main__":
    main()
