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
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from registry import proving, shards
from registry.core.attest import Signer
from registry.core.certificate import ShardStatement, sign
from registry.core.manifest import ShardEntry, Tally, shard_name
from registry.core.merkle import content_root, shards_root
from tests import snapshots

SHARD_ROWS = 250_000
BATCH = 10_000
RUNS = 5


def texts(begin: int, end: int, size: int) -> list[str]:
    """Return texts that are all different, made from their numbers."""
    made = []
    for number in range(begin, end):
        seed = hashlib.sha256(b"%d" % number).hexdigest()
        made.append((f"{number} {seed} " * (size // 70 + 1))[:size])
    return made


def batches(begin: int, end: int, size: int) -> Iterator[pa.RecordBatch]:
    """Give rows as a shard has them."""
    for at in range(begin, end, BATCH):
        rows = [snapshots.row(text) for text in texts(at, min(at + BATCH, end), size)]
        yield from snapshots.table(rows).combine_chunks().to_batches()


def make(folder: Path, rows: int, size: int) -> Signer:
    """Write the snapshot, unless it is there, with its key beside it."""
    signer = snapshots.SIGNER
    snap = folder / "snap"
    (folder / "key.pub").write_text(signer.public.pem, "ascii")
    if (snap / "certificate.json").exists():
        return signer
    (snap / "data").mkdir(parents=True, exist_ok=True)
    example = snapshots.manifest_of([[snapshots.row("x")]])
    entries, hashes, begins = [], list[bytes](), range(0, rows, SHARD_ROWS)
    for index, begin in enumerate(begins):
        end, tree = min(begin + SHARD_ROWS, rows), shards.RecordTree()
        for batch in batches(begin, end, size):
            tree.add(batch)
            hashes += batch.column("content_hash").to_pylist()
        entries.append(ShardEntry(shard_name(index), end - begin, tree.root().hex()))
    whole = Tally(rows, rows * size, rows * size)
    manifest = replace(
        example,
        content_root=content_root(b"".join(sorted(hashes))).hex(),
        record_root=shards_root(bytes.fromhex(entry.record_root) for entry in entries).hex(),
        distinct=rows,
        origins={"human": whole},
        shards=tuple(entries),
    )
    files = {}
    for index, begin in enumerate(begins):
        entry = entries[index]
        path, tally = snap / entry.name, Tally(entry.rows, entry.rows * size, entry.rows * size)
        statement = ShardStatement(
            manifest.root, index, entry, manifest.columns, {"human": tally},
            snapshots.issuer_of(signer),
        )  # fmt: skip
        with pq.ParquetWriter(path, shards.SCHEMA, **shards.writer_options()) as writer:
            for batch in batches(begin, begin + entry.rows, size):
                writer.write_batch(batch)
            writer.add_key_value_metadata(
                {shards.STATEMENT_KEY: sign(signer, statement.to_statement())}
            )
        with path.open("rb") as file:
            files[entry.name] = hashlib.file_digest(file, "sha256").hexdigest()
    said = snapshots.certificate_of(manifest, [[snapshots.row("x")]], files, signer)
    share = replace(said.human_fraction, numerator=rows * size, denominator=rows * size)
    part = replace(said.inputs[0], documents=rows, bytes=rows * size)
    said = replace(said, human_fraction=share, inputs=(part,))
    (snap / "manifest.json").write_bytes(manifest.to_bytes())
    (snap / "certificate.json").write_bytes(sign(signer, said.to_statement()))
    return signer


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
    make(asked.folder, asked.rows, asked.size)
    snap, key = asked.folder / "snap", asked.folder / "key.pub"
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
