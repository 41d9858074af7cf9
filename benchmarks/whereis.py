"""Measure `whereis` over HTTP: one client, warm, on this machine; and what it finds.

    python -m benchmarks.whereis FOLDER [--documents 100000] [--questions 300] [--keep]

A registry of generated documents is made below FOLDER, one for each number of documents, and kept
for the next run. Then `firsthand serve` answers random questions, one after the other, over one
connection: exact texts, texts with some words changed (`near`: about 0.85 similar), 25 to 60 words
pasted into other text (`passage`), and texts that are in no document (`absent`). Printed are
latencies in milliseconds and how many questions were answered right. `server` is what the server's
own process took of the processor for each question.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

WORDS = 50_000
BLOCK = 10_000
FIRSTHAND = [sys.executable, "-m", "cli.main"]


def vocabulary() -> np.ndarray[Any, Any]:
    """Return made-up words, all different."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    sizes = rng.integers(2, 9, WORDS)
    return np.array(
        ["".join(rng.choice(letters, size)) + str(at % 97) for at, size in enumerate(sizes)]
    )


class Corpus:
    """Documents of 30 to 250 words, each made from its number alone."""

    def __init__(self, documents: int) -> None:
        self.documents = documents
        self._words = vocabulary()

    def words(self, number: int) -> list[str]:
        """Return the words of a document; numbers past the last give ones that are not there."""
        rng = np.random.default_rng((1, number))
        # Some words are frequent, as in language.
        chosen = (WORDS * rng.random(rng.integers(30, 251)) ** 3).astype(int)
        return [str(word) for word in self._words[chosen]]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give all documents."""
        for begin in range(0, self.documents, BLOCK):
            numbers = range(begin, min(begin + BLOCK, self.documents))
            texts = [" ".join(self.words(number)) for number in numbers]
            origins = ["human" if number % 3 else "ai" for number in numbers]
            yield pa.record_batch({"text": texts, "origin": origins})


def make(home: Path, corpus: Corpus, *, keep: bool) -> None:
    """Make the registry."""
    source = home.with_suffix(".parquet")
    with pq.ParquetWriter(source, next(corpus.batches()).schema, compression="zstd") as writer:
        for batch in corpus.batches():
            writer.write_batch(batch)
    environment = {**os.environ, "FIRSTHAND_HOME": str(home), "FIRSTHAND_ACTOR": "me"}
    for command in (
        ["init"],
        ["register", str(source), "--name", "made", "--origin-field", "origin", "--license", "MIT"]
        + ["--keep"] * keep,
    ):
        begin = time.perf_counter()
        subprocess.run([*FIRSTHAND, *command], env=environment, check=True, capture_output=True)
        print(f"{command[0]}: {time.perf_counter() - begin:.1f} s")


class Server:
    """`firsthand serve`, and one connection to it."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [*FIRSTHAND, "--home", str(home), "serve", "--port", "0"],
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert self._process.stderr
        url = next(it for it in self._process.stderr.readline().split() if it.startswith("http"))
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"))
        self._watched = psutil.Process(self._process.pid)

    def ask(self, text: str) -> tuple[float, dict[str, Any]]:
        """Return how many milliseconds an answer took, and the answer."""
        body = json.dumps({"texts": [text]})
        begin = time.perf_counter()
        self._connection.request("POST", "/v1/lookup", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        raw = answer.read()
        took = time.perf_counter() - begin
        if answer.status != 200:
            raise SystemExit(raw.decode())
        return took * 1000, json.loads(raw)["answers"][0]

    @property
    def spent(self) -> float:
        """Return the milliseconds of the processor that the server has used."""
        used = self._watched.cpu_times()
        return 1000 * float(used.user + used.system)

    @property
    def resident(self) -> float:
        """Return its resident memory in MB."""
        return float(self._watched.memory_info().rss) / 1e6

    def close(self) -> None:
        """End it."""
        self._connection.close()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


def questions(corpus: Corpus, seed: int) -> Iterator[tuple[str, str, int | None]]:
    """Give questions without end: their kind, the text, and the number of the document it is of."""
    rng = np.random.default_rng((2, seed))
    while True:
        number = int(rng.integers(corpus.documents))
        words = corpus.words(number)
        yield "exact", " ".join(words), number
        edited = list(words)
        # A word in 75 changes 5 of 75 shingles: a similarity of about 0.87.
        for at in rng.choice(len(words), max(1, len(words) // 75), replace=False):
            edited[at] = "edited"
        yield "near", " ".join(edited), number
        size = int(rng.integers(25, min(60, len(words)) + 1))
        begin = int(rng.integers(len(words) - size + 1))
        other = corpus.words(corpus.documents + int(rng.integers(1 << 40)))
        pasted = [*other[:20], *words[begin : begin + size], *other[20:60]]
        yield "passage", " ".join(pasted), number
        yield "absent", " ".join(corpus.words((1 << 41) + int(rng.integers(1 << 40)))), None


def right(kind: str, answer: dict[str, Any], number: int | None) -> bool:
    """Return whether an answer names the document."""
    if number is None:
        return not answer["found"]
    return any(
        place["row"] == number + 1 for match in answer["matches"] for place in match["places"]
    )


def measure(server: Server, corpus: Corpus, count: int, seed: int) -> None:
    """Ask so many questions of each kind, and print the table."""
    took: dict[str, list[float]] = {}
    spent: dict[str, float] = {}
    good: dict[str, int] = {}
    for kind, text, number in questions(corpus, seed):
        if len(took.get(kind, ())) == count:
            break
        before = server.spent
        milliseconds, answer = server.ask(text)
        spent[kind] = spent.get(kind, 0) + server.spent - before
        took.setdefault(kind, []).append(milliseconds)
        good[kind] = good.get(kind, 0) + right(kind, answer, number)
    print(f"{'question':<10}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'server':>9}{'right':>13}")
    rows: dict[str, list[float]] = {**took, "all": [it for each in took.values() for it in each]}
    for kind, each in rows.items():
        p50, p99 = np.percentile(each, [50, 99])
        used = (sum(spent.values()) if kind == "all" else spent[kind]) / len(each)
        found = sum(good.values()) if kind == "all" else good[kind]
        print(
            f"{kind:<10}{p50:>9.2f}{p99:>9.2f}{max(each):>9.2f}{used:>9.2f}"
            f"{found:>7,} of {len(each):,}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--keep", action="store_true", help="keep the texts in the vault")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(options.documents)
    home = options.folder / f"whereis-{options.documents}{'-kept' * options.keep}"
    if not home.is_dir():
        make(home, corpus, keep=options.keep)
    server = Server(home)
    try:
        cold, _ = server.ask(next(questions(corpus, 9))[1])
        print(f"{options.documents:,} documents; the first answer, cold: {cold:.0f} ms")
        # Warm: what the server keeps of the document tables and the index is there.
        for _, text, _ in islice(questions(corpus, 8), 400):
            server.ask(text)
        measure(server, corpus, options.questions, 7)
        print(f"resident: {server.resident:.0f} MB")
    finally:
        server.close()


if __name__ == "__main__":
    main()
