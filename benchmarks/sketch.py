"""Measure `sketch/v1` beside others' MinHash, on more cores, and on the way from Parquet files.

    python -m benchmarks.sketch CORPORA [--peers FOLDER] [--parquet FOLDER] [--runs 7]

CORPORA are the shared corpora. With `--peers` datasketch, rensa and Daft are measured as well, each
in a virtual environment of its own below FOLDER, which pip fills when it is not there. Every
engine is a process that waits for its turn; turns alternate, so that all see the same minutes, and
the best turn of each counts. Figures are MB of UTF-8 per CPU second (all threads) unless they
say otherwise. Peers get what favors them: their own splitting at spaces, and characters as tokens
for Chinese. With `--parquet` the `text` columns of the files of another folder are decoded, and
decoded and sketched.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = {
    "datasketch": ["datasketch==2.0.0", "xxhash"],
    "rensa": ["rensa"],
    "daft": ["daft"],
}
# The name of an engine and the environment it runs in.
ENGINES: Final = {
    "firsthand": "",
    "firsthand, no passages": "",
    "datasketch sha1": "datasketch",
    "datasketch xxh3": "datasketch",
    "rensa, 5-grams": "rensa",
    "daft murmur3": "daft",
    "daft xxh3": "daft",
}
CORPORA: Final = {
    "English": ("novels_en", 2500),
    "Chinese": ("alpaca_zh", 850),
    "Arabic": ("openiti_arabic", 1400),
}
SLOW_BYTES: Final = 2_000_000
BYTES: Final = 16_000_000
# Short, and often tried: on a shared machine both cores are free for a moment only.
_REPEATED: Final = 2
_TRIES: Final = 20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--parquet", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    pythons = {"": sys.executable} | (_environments(options.peers) if options.peers else {})
    for name, (corpus, characters) in CORPORA.items():
        texts = _pieces(options.corpora / corpus, characters)
        peers(name, texts, pythons, options.runs)
        if name == "English":
            cores(texts, options.runs)
    start(options.runs)
    if options.parquet:
        decoding(sorted(options.parquet.glob("*.parquet")), options.runs)


def _pieces(folder: Path, characters: int) -> list[str]:
    """Return the documents of a corpus, joined and cut alike."""
    from benchmarks.texts import documents

    text = "\n".join(text for _, text in documents(folder))[:BYTES]
    return [text[begin : begin + characters] for begin in range(0, len(text), characters)]


def _environments(folder: Path) -> dict[str, str]:
    """Return the interpreter of each peer's environment, made where there is none."""
    for name, packages in PACKAGES.items():
        if not (folder / name).is_dir():
            venv.create(folder / name, with_pip=True)
            pip = [str(folder / name / "bin" / "python"), "-m", "pip", "install", "-q"]
            subprocess.run([*pip, *packages], check=True)
    return {name: str(folder / name / "bin" / "python") for name in PACKAGES}


# --- beside others ---


def peers(name: str, texts: list[str], pythons: dict[str, str], runs: int) -> None:
    """Print what each engine does with the texts of one language."""
    size = sum(len(text.encode()) for text in texts)
    few = texts[: max(1, len(texts) * SLOW_BYTES // size)]
    engines = [engine for engine, where in ENGINES.items() if where in pythons]
    workers, sizes = {}, {}
    for engine in engines:
        given = texts if ENGINES[engine] in {"", "daft"} else few
        sizes[engine] = sum(len(text.encode()) for text in given)
        workers[engine] = _Worker(pythons[ENGINES[engine]], engine, given, name == "Chinese")
    best = dict.fromkeys(engines, float("inf"))
    for _ in range(runs):
        for engine, worker in workers.items():
            best[engine] = min(best[engine], worker.turn())
    for worker in workers.values():
        worker.close()
    speed = {engine: sizes[engine] / best[engine] / 1e6 for engine in engines}
    base = speed.get("datasketch sha1", float("nan"))
    print(f"\n{name}: {len(texts):,} documents of {size / len(texts):,.0f} bytes")
    print(f"{'engine':<26}{'MB/CPU s':>10}{'x datasketch sha1':>20}")
    for engine in engines:
        print(f"{engine:<26}{speed[engine]:>10.1f}{speed[engine] / base:>20.1f}")
    if "daft" in pythons:
        daft = max(speed["daft murmur3"], speed["daft xxh3"])
        print(f"firsthand x the faster Daft: {speed['firsthand'] / daft:.2f}")


class _Worker:
    """A process that does one turn at a time and says how many CPU seconds it took."""

    def __init__(self, python: str, engine: str, texts: list[str], characters: bool) -> None:
        here = Path(__file__).resolve()
        command = [python, str(here), "--turns", engine]
        environment = os.environ | ({"PYTHONPATH": str(here.parents[1])})
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._say(json.dumps([texts, characters]))

    def _say(self, line: str) -> float:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def turn(self) -> float:
        return self._say("again")

    def close(self) -> None:
        self._process.communicate()


def _turns(engine: str) -> None:
    """Serve turns: the first line holds the texts, each further line asks for one."""
    texts, characters = json.loads(sys.stdin.readline())
    work = _PREPARED[engine](texts, characters)
    work()
    print(0, flush=True)
    for _ in sys.stdin:
        begun = time.process_time()
        work()
        print(time.process_time() - begun, flush=True)


def _firsthand(window: int | None) -> Callable[[list[str], bool], Callable[[], object]]:
    def prepare(texts: list[str], characters: bool) -> Callable[[], object]:
        from registry.core import sketch

        data, offsets = _laid(texts)
        return lambda: sketch.sketch(data, offsets, window=window)

    return prepare


def _datasketch(name: str) -> Callable[[list[str], bool], Callable[[], object]]:
    def prepare(texts: list[str], characters: bool) -> Callable[[], object]:
        import datasketch

        options = {}
        if name == "xxh3":
            import xxhash

            options["hashfunc"] = lambda shingle: xxhash.xxh3_64_intdigest(shingle) & 0xFFFFFFFF

        def one(text: str) -> object:
            made = datasketch.MinHash(128, **options)
            made.update_batch([shingle.encode() for shingle in _shingles(text, characters)])
            return made.hashvalues

        return lambda: [one(text) for text in texts]

    return prepare


def _rensa(texts: list[str], characters: bool) -> Callable[[], object]:
    import rensa

    def work() -> object:
        shingles = [_shingles(text, characters) for text in texts]
        return rensa.RMinHash.digest_matrix_from_token_sets(shingles, 128, 1)

    return work


def _daft(function: str) -> Callable[[list[str], bool], Callable[[], object]]:
    def prepare(texts: list[str], characters: bool) -> Callable[[], object]:
        import daft

        spaced = [" ".join(text) for text in texts] if characters else texts
        frame = daft.from_pydict({"text": spaced}).collect()
        made = daft.col("text").minhash(num_hashes=128, ngram_size=5, hash_function=function)
        return lambda: frame.select(made).collect()

    return prepare


def _shingles(text: str, characters: bool) -> list[str]:
    tokens: Sequence[str] = text if characters else text.lower().split()
    return [" ".join(tokens[at : at + 5]) for at in range(max(1, len(tokens) - 4))]


_PREPARED: Final[dict[str, Callable[[list[str], bool], Callable[[], object]]]] = {
    "firsthand": _firsthand(18),
    "firsthand, no passages": _firsthand(None),
    "datasketch sha1": _datasketch("sha1"),
    "datasketch xxh3": _datasketch("xxh3"),
    "rensa, 5-grams": _rensa,
    "daft murmur3": _daft("murmurhash3"),
    "daft xxh3": _daft("xxhash3_64"),
}


# --- stages and cores ---


def _laid(texts: list[str]) -> tuple[Any, Any]:
    import numpy as np

    encoded = [text.encode() for text in texts]
    data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    return data, np.cumsum([0, *map(len, encoded)], dtype=np.int64)


def cores(texts: list[str], runs: int) -> None:
    """Print what parts of the work cost, and what a second thread and a second process gain."""
    from registry.core import sketch, words

    data, offsets = _laid(texts)
    middle = len(texts) // 2
    halves = [offsets[: middle + 1], offsets[middle:]]
    parts: dict[str, Callable[[], object]] = {
        "everything": lambda: sketch.sketch(data, offsets),
        "no passages": lambda: sketch.sketch(data, offsets, window=None),
        "256 permutations": lambda: sketch.sketch(
            data, offsets, params=sketch.SketchParams(256, 32, 8)
        ),
        "words.count": lambda: words.count(data, offsets),
    }
    best = dict.fromkeys(parts, float("inf"))
    tokens = int(sketch.sketch(data, offsets).tokens.sum())
    for _ in range(runs):
        for name, work in parts.items():
            begun = time.process_time()
            work()
            best[name] = min(best[name], time.process_time() - begun)
    print(f"\n{'part':<26}{'MB/CPU s':>10}{'ns per token':>14}")
    for name, seconds in best.items():
        print(f"{name:<26}{len(data) / seconds / 1e6:>10.0f}{seconds / tokens * 1e9:>14.2f}")

    workers = [_Worker(sys.executable, "firsthand", texts, False) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        ways: list[Callable[[], object]] = [
            lambda: [sketch.sketch(data, offsets) for _ in range(_REPEATED)],
            lambda: list(pool.map(lambda half: sketch.sketch(data, half), halves * _REPEATED)),
            lambda: list(pool.map(_several, workers)),
        ]
        walls = [float("inf")] * len(ways)
        used = [float("inf")] * len(ways)
        for _ in range(runs * _TRIES):
            for index, work in enumerate(ways):
                begun = time.process_time()
                walls[index] = min(walls[index], _wall(work))
                used[index] = min(used[index], time.process_time() - begun)
    for worker in workers:
        worker.close()
    one, two, apart = walls
    print(f"\ntwo threads x one: {one / two:.2f}; two processes x one: {2 * one / apart:.2f}")
    print(f"CPU seconds for the same work, two threads / one: {used[1] / used[0]:.2f}")


def _several(worker: _Worker) -> list[float]:
    return [worker.turn() for _ in range(_REPEATED)]


def start(runs: int) -> None:
    """Print what a process pays before its first sketch."""
    code = (
        "import time, numpy as np; from registry.core import sketch; begun = time.process_time();"
        "sketch.sketch(np.frombuffer(b'a', np.uint8), np.array([0, 1]));"
        "print(time.process_time() - begun)"
    )
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
        for _ in range(runs)
    ]
    print(f"\nfirst sketch of a process: {min(seconds):.2f} CPU s")


def _wall(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


# --- from Parquet files ---


def decoding(files: list[Path], runs: int) -> None:
    """Print what sketching leaves of the speed of decoding."""
    from registry.core import sketch

    def units() -> Iterator[tuple[Path, int]]:
        import pyarrow.parquet as pq

        for path in files:
            for group in range(pq.read_metadata(path).num_row_groups):
                yield path, group

    def decode(unit: tuple[Path, int], sketched: bool, window: int | None = None) -> int:
        import numpy as np
        import pyarrow.parquet as pq

        size = 0
        with pq.ParquetFile(unit[0]) as file:
            for batch in file.iter_batches(
                8192, row_groups=[unit[1]], columns=["text"], use_threads=False
            ):
                _, ends, data = batch.column(0).buffers()
                offsets = np.frombuffer(ends, dtype=np.int32)[: len(batch) + 1]
                size += int(offsets[-1] - offsets[0])
                if sketched:
                    text = np.frombuffer(data, dtype=np.uint8)
                    sketch.sketch(text, offsets.astype(np.int64), window=window)
        return size

    every = list(units())
    size = sum(decode(unit, False) for unit in every)
    with ThreadPoolExecutor(2) as pool:
        ways: dict[str, Callable[[], object]] = {
            "decode": lambda: [decode(unit, False) for unit in every],
            "decode and sketch": lambda: [decode(unit, True) for unit in every],
            "… and passages": lambda: [decode(unit, True, 18) for unit in every],
            "decode, two threads": lambda: list(pool.map(lambda unit: decode(unit, False), every)),
            "both, two threads": lambda: list(pool.map(lambda unit: decode(unit, True), every)),
        }
        walls, used = (dict.fromkeys(ways, float("inf")) for _ in range(2))
        for _ in range(runs):
            for name, work in ways.items():
                begun = time.process_time()
                walls[name] = min(walls[name], _wall(work))
                used[name] = min(used[name], time.process_time() - begun)
    print(f"\n{'Parquet':<22}{'MB/s':>8}{'of decoding':>13}{'MB/CPU s':>10}{'of decoding':>13}")
    for name in ways:
        wall, cpu = walls[name], used[name]
        print(
            f"{name:<22}{size / wall / 1e6:>8.0f}{walls['decode'] / wall:>13.0%}"
            f"{size / cpu / 1e6:>10.0f}{used['decode'] / cpu:>13.0%}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--turns"]:
        _turns(sys.argv[2])
    else:
        main()
