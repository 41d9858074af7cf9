"""Register a million documents, find what repeats among them, then register one per cent more.

    python -m benchmarks.million FOLDER [--home DIR] [--more FOLDER]

FOLDER and the one of `--more` hold what `make_synthetic.py` writes: Parquet files with the columns
`id` and `text`, and `truth/pairs-*.parquet`. Every command runs in processes of its own; printed
are CPU seconds (user and system, of all of them), the largest resident memory of any one process,
and bytes on disk by kind. Found pairs are compared with the truth, whose similarity is computed
anew in plain Python under the tokens of `sketch/v1`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import regex

from registry.core.sketch import SketchParams

TOKEN = regex.compile(r"[\p{L}\p{M}\p{Nd}]+")
"""What a token is, but for scripts without spaces, which the synthetic texts do not use."""


@dataclass(frozen=True)
class Cost:
    """What a command took: CPU seconds, seconds, and the peak memory of its largest process."""

    cpu: float
    seconds: float
    peak: int


class Run:
    """Runs commands in one registry."""

    def __init__(self, home: Path) -> None:
        self.environment = {
            **os.environ,
            "FIRSTHAND_HOME": str(home),
            "FIRSTHAND_ACTOR": "me",
            "FIRSTHAND_JSON": "1",
        }

    def __call__(self, *words: str | Path) -> tuple[Any, Cost]:
        """Run a command; return what it printed, and what it took.

        Raises:
            SystemExit: It failed.
        """
        command = [sys.executable, "-m", "cli.main", *map(str, words)]
        with tempfile.TemporaryFile() as printed:
            begun = time.monotonic()
            pid = os.posix_spawn(
                command[0],
                command,
                self.environment,
                file_actions=[(os.POSIX_SPAWN_DUP2, printed.fileno(), 1)],
            )
            peak, done = 0, 0
            while not done:
                done, status, usage = os.wait4(pid, os.WNOHANG)
                if not done:
                    peak = max(peak, _largest(pid))
                    time.sleep(0.05)
            printed.seek(0)
            said = json.load(printed)
        if status:
            raise SystemExit(f"{command} failed with {status}: {said}")
        cpu = usage.ru_utime + usage.ru_stime
        # Of its own the system knows the peak exactly, with those of processes it waited for.
        return said, Cost(cpu, time.monotonic() - begun, max(peak, usage.ru_maxrss * 1024))


def _largest(pid: int) -> int:
    try:
        one = psutil.Process(pid)
        return max(p.memory_info().rss for p in [one, *one.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


class Texts:
    """The synthetic documents by row, as many as are asked for."""

    def __init__(self, folder: Path) -> None:
        self._files = sorted(folder.glob("part-*.parquet"))
        ids = [pq.read_table(path, columns=["id"]).column(0) for path in self._files]
        self._starts = np.cumsum([0, *map(len, ids)])
        self._rows = {one: row for row, one in enumerate(pa.chunked_array(
            [chunk for column in ids for chunk in column.chunks]).to_pylist())}  # fmt: skip

    def row(self, one: Any) -> int:
        """Return the row of an id."""
        return self._rows[one]

    def shingles(self, rows: set[int]) -> dict[int, frozenset[int]]:
        """Return the shingles of documents, as hashes of Python."""
        found = {}
        for row, text in self._read(np.array(sorted(rows), np.int64)):
            words = TOKEN.findall(text.lower())
            found[row] = frozenset(
                hash(tuple(words[at : at + 5])) for at in range(max(1, len(words) - 4))
            )
        return found

    def _read(self, rows: Any) -> Iterator[tuple[int, str]]:
        for path, begin, end in zip(self._files, self._starts, self._starts[1:], strict=False):
            mine = rows[np.searchsorted(rows, begin) : np.searchsorted(rows, end)]
            texts = pq.read_table(path, columns=["text"]).column(0).take(pa.array(mine - begin))
            yield from zip(mine.tolist(), texts.to_pylist(), strict=True)


def accuracy(folder: Path, found: dict[tuple[float, bool], Path]) -> None:
    """Compare pairs that were found with the truth of the generator."""
    texts = Texts(folder)
    truth = pa.concat_tables(
        pq.read_table(path) for path in sorted((folder / "truth").glob("pairs-*.parquet"))
    )
    true: set[tuple[int, int]] = set()
    cluster: dict[int, int] = {}
    for one, two in zip(truth["id_a"].to_pylist(), truth["id_b"].to_pylist(), strict=True):
        base, copy = texts.row(one), texts.row(two)
        true.add((min(base, copy), max(base, copy)))
        cluster[base] = cluster[copy] = base
    listed = {key: _rows(path) for key, path in found.items()}
    every = true.union(*listed.values())
    shingles = texts.shingles({row for pair in every for row in pair})
    similarity = {}
    for one, two in every:
        a, b = shingles[one], shingles[two]
        similarity[one, two] = len(a & b) / len(a | b)
    params = SketchParams()
    print(f"\n{'':<24}{'true':>9}{'found':>9}{'recall':>9}{'expected':>10}{'precision':>11}")
    for (threshold, exact), pairs in listed.items():
        wanted = {pair for pair in true if similarity[pair] >= threshold}
        expected = np.mean([params.recall(similarity[pair]) for pair in wanted])
        right = sum(
            similarity[pair] >= threshold and cluster.get(pair[0], -1) == cluster.get(pair[1], -2)
            for pair in pairs
        )
        name = f"J >= {threshold:g}{' --exact' if exact else ', signatures'}"
        print(
            f"{name:<24}{len(wanted):>9,}{len(pairs):>9,}{len(wanted & pairs) / len(wanted):>9.4f}"
            f"{expected:>10.4f}{right / len(pairs):>11.4f}"
        )


def _rows(path: Path) -> set[tuple[int, int]]:
    table = pq.read_table(path, columns=["left_row", "right_row"])
    return set(zip(table["left_row"].to_pylist(), table["right_row"].to_pylist(), strict=True))


def sizes(home: Path, documents: int) -> None:
    """Print the bytes on disk, by kind."""
    print(f"\n{'on disk':<28}{'bytes':>16}{'a document':>12}")
    storage = home / "storage"
    kinds = {path.name: list(path.rglob("*")) for path in sorted(storage.iterdir())}
    for kind in ("content", "bands", "passages"):
        kinds[f"  segments: {kind}"] = list((storage / "segments").rglob(f"*{kind}*"))
    kinds["database"] = list(home.glob("registry.db*"))
    for name, paths in kinds.items():
        size = sum(path.stat().st_size for path in paths if path.is_file())
        print(f"{name:<28}{size:>16,}{size / documents:>12.1f}")


def main() -> None:
    """Run every step and print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--more", type=Path, help="one per cent more documents")
    parser.add_argument("--home", type=Path, help="where the registry goes; it must not exist")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder.parent) as folder:
        home = options.home or Path(folder) / "home"
        run = Run(home)
        run("init")
        _, start = run("dataset", "list")
        files = sorted(options.folder.glob("part-*.parquet"))
        done, first = run("register", *files, "--name", "million", "--origin-field", "origin")
        show("register", first)
        sizes(home, done["documents"])
        print()
        found = {}
        for threshold in (0.7, 0.8):
            for exact in (False, True):
                out = Path(folder) / f"{threshold}-{exact}.parquet"
                words = ["--min-similarity", str(threshold), "--out", str(out)]
                words += ["--exact"] if exact else []
                _, cost = run("duplicates", "million", *words)
                show(f"duplicates {threshold}{' --exact' if exact else ''}", cost)
                found[threshold, exact] = out
        if options.more is not None:
            files = sorted(options.more.glob("part-*.parquet"))
            print()
            one = Path(folder) / "one.txt"
            one.write_text("one document of a few words, alone in its dataset\n", "utf-8")
            _, least = run("register", one, "--name", "one")
            show("register a single one", least)
            done, more = run("register", *files, "--name", "more", "--origin-field", "origin")
            show(f"register {done['documents']:,} more", more)
            show("start of any command", start)
            less = (more.cpu - least.cpu) / (first.cpu - least.cpu)
            print(f"of the first: {more.cpu / first.cpu:.2%}, beyond a single one {less:.2%}")
            _, cost = run("duplicates", "more", "--with", "million")
            show("duplicates more --with", cost)
        # Last: what this process holds then would count as that of those it starts.
        accuracy(options.folder, found)


def show(what: str, cost: Cost) -> None:
    """Print what a step took."""
    print(
        f"{what:<28}{cost.cpu:>9.1f} CPU s{cost.seconds:>9.1f} s"
        f"{cost.peak / 1e6:>9.0f} MB in its largest process",
        flush=True,
    )


if __name__ == "__main__":
    main()
