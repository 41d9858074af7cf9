"""Plan a deduplication, and hold what it takes against DuckDB's bare join on the same bands.

    python -m benchmarks.dedup DATASET [--home DIR] [--memory SIZE ...] [--min-similarity SHARE]

DATASET is registered in the registry at `--home`. For each `--memory`, `firsthand dedup --plan`
runs in a process of its own with an empty folder of stages; printed are its CPU seconds (user and
system), the peak of its resident memory, the most that its engine had on disk because memory did
not suffice, and whether what it printed is the same as before. Then the bands of all different
texts are written once more, and DuckDB, with the memory and threads it takes by itself, counts the
different pairs of texts that share one: that is the join, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import psutil

from registry import batch
from registry.batch import Asked, candidates
from registry.batch.bench import Bench
from registry.batch.engine import Limits
from registry.batch.stages import Stage, Workspace
from registry.blobs import Store
from registry.core.dataset import DatasetRef
from registry.core.sketch import SketchParams
from registry.home import open_database
from registry.query import catalogue, compared
from registry.settings import Settings

COUNT = """
SELECT count(*) FROM (
  SELECT DISTINCT one.text_id, two.text_id
  FROM read_parquet('{bands}', filename = true) one
  JOIN read_parquet('{bands}', filename = true) two
  ON one.filename = two.filename AND one.band_key = two.band_key AND one.text_id < two.text_id
) pairs
"""
JOIN = """
import sys, time, duckdb
begun = time.process_time()
engine = duckdb.connect()
engine.execute('SET enable_progress_bar = false')
(pairs,) = engine.execute(sys.argv[1]).fetchone()
print(pairs, time.process_time() - begun)
"""


def run(command: list[str], environment: dict[str, str], spill: Path) -> tuple[str, Any, int]:
    """Run a command; return what it printed, what it used, and the most that lay in a folder."""
    with tempfile.TemporaryFile() as printed:
        pid = os.posix_spawn(
            command[0],
            command,
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, printed.fileno(), 1)],
        )
        most, done = 0, 0
        while not done:
            done, status, usage = os.wait4(pid, os.WNOHANG)
            most = max(most, _spilled(spill))
            time.sleep(0.02)
        printed.seek(0)
        said = printed.read().decode()
    if status:
        code = os.waitstatus_to_exitcode(status)
        if code != 3:
            raise SystemExit(f"{command} failed with {code}: {said}")
    return said, usage, most


def _spilled(root: Path) -> int:
    """Return how many bytes an engine has on disk for want of memory."""
    found = 0
    for path in root.glob(".*/spill/*"):
        try:
            found += path.stat().st_blocks * 512
        except OSError:
            continue
    return found


def bands(home: Path, name: str, work: Path) -> str:
    """Write the bands of all different texts of a dataset, and return the pattern of the files."""
    settings = Settings.load(home)
    database, store = open_database(settings), Store(settings.storage)
    params = SketchParams()
    with database.read() as session:
        side = compared.side(session, catalogue.version(session, DatasetRef.parse(name)))
    source = compared.source(database, store, side, work)
    folder = work / "bands"
    folder.mkdir()
    with Workspace(work / "stages") as space:
        texts: Stage = batch.texts(Asked([source], params=params), space)
        bench = Bench(work, folder, work / "spill", Limits(), lambda _, __: None)
        candidates.bands(texts, {source.number: source}, params, bench, between=False)
    database.dispose()
    return str(folder / "band-*.parquet")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("--home", type=Path, default=Path(".firsthand"))
    parser.add_argument("--memory", nargs="*", default=["2GB", "500MB", "128MB"])
    parser.add_argument("--min-similarity", default="0.8")
    given = parser.parse_args()
    environment = {**os.environ, "FIRSTHAND_HOME": str(given.home.resolve())}
    first: Any = None
    best = float("inf")
    for memory in given.memory:
        with tempfile.TemporaryDirectory() as temp:
            words = ["dedup", given.dataset, "--plan", "--json", "--memory", memory]
            words += ["--min-similarity", given.min_similarity, "--temp", temp]
            command = [sys.executable, "-m", "cli.main", *words]
            begun = time.monotonic()
            said, usage, spilled = run(command, environment, Path(temp))
        found = json.loads(said)
        first = found if first is None else first
        cpu = usage.ru_utime + usage.ru_stime
        best = min(best, cpu)
        print(
            f"memory {memory:>6}   {cpu:6.1f} CPU s   {time.monotonic() - begun:6.1f} s   "
            f"{usage.ru_maxrss / 1024:6.0f} MB resident   {spilled / 1e6:8.1f} MB spilled   "
            f"{found['removed']['documents']:,} of {found['documents']:,} go   "
            f"{'the same' if found == first else 'ANOTHER RESULT'}"
        )
    with tempfile.TemporaryDirectory() as work:
        files = bands(given.home, given.dataset, Path(work))
        join = [sys.executable, "-c", JOIN, COUNT.format(bands=files)]
        said, usage, _ = run(join, dict(os.environ), Path(work))
    pairs, cpu = said.split()[-2:]
    print(
        f"DuckDB {duckdb.__version__}, bare join   {float(cpu):6.1f} CPU s   "
        f"{usage.ru_maxrss / 1024:6.0f} MB resident   {int(pairs):,} pairs"
    )
    print(f"dedup takes {best / float(cpu):.2f} times as long as the bare join")
    print(f"cores {psutil.cpu_count()}, load {psutil.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
