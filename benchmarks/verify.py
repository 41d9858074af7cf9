"""What `verify --level content` costs, against reading the Parquet and hashing each text.

    python benchmarks/verify.py [--rows 1000000] [--bytes 1000] [--folder DIR] [--repeat 3]

Makes a snapshot of synthetic texts without a registry, then takes
in turn, each in a process of its own: the CPU of reading all columns with pyarrow, page checksums
on, and of a SHA-256 of each text; and that of `verify` at both levels. Prints seconds of CPU, MB/s
and the ratio of the medians. With `--keep` the folder stays for the next run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from registry import shards  # noqa: E402
from registry.core.certificate import (  # noqa: E402
    Certificate,
    HumanFraction,
    Input,
    Issuer,
    Policy,
    ShardStatement,
    sign,
)
from registry.core.manifest import Manifest, ShardEntry, shard_name  # noqa: E402
from registry.core.merkle import shards_root  # noqa: E402
from registry.sorted_hashes import HashSorter  # noqa: E402
from tests import logs  # noqa: E402
from tests.snapshots import SIGNER  # noqa: E402

GROUP = 1 << 14
SHARD_ROWS = GROUP * 15


def words() -> list[str]:
    rng = random.Random(7)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    return [
        "".join(rng.choices(letters, weights=range(26, 0, -1), k=rng.randint(2, 11)))
        for _ in range(20_000)
    ]


def batches(rows: int, size: int) -> Iterator[tuple[int, list[str]]]:
    rng, known = random.Random(11), words()
    for begin in range(0, rows, GROUP):
        count = min(GROUP, rows - begin)
        # One long text, cut at random: as fast as it gets in Python, and no two texts are equal.
        pool = " ".join(rng.choices(known, k=size * 64 // 6))
        texts = []
        for at in range(begin, begin + count):
            start = rng.randrange(len(pool) - 2 * size)
            texts.append(f"{at} {pool[start : start + rng.randint(size // 2, size * 3 // 2)]}")
        yield begin, texts


def make(folder: Path, rows: int, size: int) -> None:
    (folder / "data").mkdir(parents=True)
    entries: list[ShardEntry] = []
    sums: list[shards.Counts] = []
    everything: shards.Counts = {}
    files: dict[str, str] = {}
    sorter = HashSorter()
    issuer = Issuer("Benchmark", None, SIGNER.public.pem)
    parts = [(at, min(SHARD_ROWS, rows - at)) for at in range(0, rows, SHARD_ROWS)]
    pending = batches(rows, size)
    # Written twice, because the statement inside a shard names the root of all of them.
    drafts = []
    for index, (_, count) in enumerate(parts):
        counts: shards.Counts = {}
        tree, tables, have = shards.RecordTree(), list[pa.Table](), 0
        while have < count:
            begin, texts = next(pending)
            hashes = [hashlib.sha256(text.encode()).digest() for text in texts]
            sorter.add(b"".join(hashes))
            n = len(texts)
            origins = ["human" if at % 10 else "ai" for at in range(begin, begin + n)]
            lengths = [len(text.encode()) for text in texts]
            table = pa.Table.from_arrays(
                [
                    pa.array(texts, pa.large_string()),
                    pa.array(hashes, pa.binary(32)),
                    pa.array(["local/crawl"] * n),
                    pa.array([1 + at % 2 for at in range(begin, begin + n)], pa.int64()),
                    pa.array(origins),
                    pa.array(
                        [s if o == "human" else 0 for s, o in zip(lengths, origins, strict=True)],
                        pa.int64(),
                    ),
                    pa.array([None if o == "human" else "gpt-4" for o in origins], pa.string()),
                    pa.array(
                        [datetime(2019, 1 + at % 12, 1, tzinfo=UTC) for at in range(n)], shards.TIME
                    ),
                    pa.array(
                        [datetime(2021, 1 + at % 12, 1, tzinfo=UTC) for at in range(n)], shards.TIME
                    ),
                    pa.array(["E1"] * n),
                    pa.array(["CC-BY-4.0"] * n),
                ],
                schema=shards.SCHEMA,
            )
            batch = table.combine_chunks().to_batches()[0]
            tree.add(batch)
            shards.add(counts, shards.count(batch, pa.array(lengths, pa.int64())))
            tables.append(table)
            have += n
        if have != count:
            raise SystemExit("rows have to be a multiple of the row group")
        path = folder / f"draft-{index}.arrow"
        with pa.ipc.new_file(path, shards.SCHEMA) as out:
            for table in tables:
                out.write_table(table)
        drafts.append(path)
        entries.append(ShardEntry(shard_name(index), tree.rows, tree.root().hex()))
        sums.append(counts)
        shards.add(everything, counts)
    root, distinct = sorter.finish()
    manifest = Manifest(
        plan="0" * 64,
        content_root=root.hex(),
        record_root=shards_root(bytes.fromhex(it.record_root) for it in entries).hex(),
        columns=shards.columns(),
        distinct=distinct,
        empty=0,
        origins=shards.origins(everything),
        shards=tuple(entries),
    )
    for index, draft in enumerate(drafts):
        statement = ShardStatement(
            manifest.root,
            index,
            entries[index],
            shards.columns(),
            shards.origins(sums[index]),
            issuer,
        )
        path = folder / shard_name(index)
        with (
            pq.ParquetWriter(path, shards.SCHEMA, **shards.writer_options()) as out,
            pa.ipc.open_file(draft) as source,
        ):
            for at in range(source.num_record_batches):
                out.write_table(pa.Table.from_batches([source.get_batch(at)]), row_group_size=GROUP)
            out.add_key_value_metadata(
                {shards.STATEMENT_KEY: sign(SIGNER, statement.to_statement())}
            )
        draft.unlink()
        with path.open("rb") as file:
            files[shard_name(index)] = hashlib.file_digest(file, "sha256").hexdigest()
    total = manifest.total
    inputs = []
    for version in (1, 2):
        mine = [tally for kind, tally in everything.items() if kind.version == version]
        documents, size = sum(it.documents for it in mine), sum(it.bytes for it in mine)
        inputs.append(Input("local/crawl", version, "0" * 64, documents, size, "E1", (), version))
    certificate = Certificate(
        manifest=manifest,
        files=files,
        issuer=issuer,
        issued_at="2026-11-21T09:30:00Z",
        human_fraction=HumanFraction("bytes", ("human",), total.human_bytes, total.bytes, None),
        words={},
        inputs=tuple(inputs),
        grades=shards.grades(everything),
        log=logs.beginning().state(),
        exact_duplicates_left_out=0,
        contested=0,
        builder={},
        policy=Policy(),
    )
    (folder / "manifest.json").write_bytes(manifest.to_bytes())
    (folder / "certificate.json").write_bytes(sign(SIGNER, certificate.to_statement()))


def read(folder: Path) -> None:
    """Do what is unavoidable: read every column, and hash every text."""
    sha256 = hashlib.sha256
    for path in sorted((folder / "data").iterdir()):
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as parquet:
            for batch in parquet.iter_batches(8192, use_threads=False):
                column = batch.column("text")
                _, offsets, data = column.buffers()
                ends = memoryview(offsets).cast("q")[
                    column.offset : column.offset + len(column) + 1
                ]
                view = memoryview(data)
                for begin, end in pairwise(ends.tolist()):
                    sha256(view[begin:end]).digest()


def verify(folder: Path, level: str) -> None:
    from registry import verify as verifier

    verifier.snapshot(folder, key=SIGNER.public, level=verifier.Level(level))


def cpu(folder: Path, what: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, "--folder", str(folder), "--one", what],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def one(folder: Path, what: str) -> None:
    before, wall = time.process_time(), time.perf_counter()
    if what == "read":
        read(folder)
    else:
        verify(folder, what)
    # Since the start of this program: what `getrusage` says includes who started it.
    status = Path("/proc/self/status").read_text("ascii")
    peak = int(status.split("VmHWM:")[1].split()[0]) >> 10
    took = {"cpu": time.process_time() - before, "wall": time.perf_counter() - wall, "peak": peak}
    sys.stdout.write(json.dumps(took))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--bytes", type=int, default=1000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(asked.folder, asked.one)
        return
    folder = asked.folder or Path(tempfile.mkdtemp())
    try:
        if not (folder / "certificate.json").exists():
            rows = asked.rows // SHARD_ROWS * SHARD_ROWS or asked.rows
            make(folder, rows, asked.bytes)
        report = json.loads((folder / "manifest.json").read_bytes())
        print(f"{report['documents']:,} rows, {report['bytes'] / 1e6:,.0f} MB of text")
        took: dict[str, list[dict[str, float]]] = {}
        for _ in range(asked.repeat):
            for what in ("read", "content", "files"):
                took.setdefault(what, []).append(cpu(folder, what))
        medians = {what: statistics.median(it["cpu"] for it in runs) for what, runs in took.items()}
        for what, runs in took.items():
            shown = " ".join(f"{it['cpu']:.2f}" for it in runs)
            speed = report["bytes"] / 1e6 / medians[what]
            peak = max(it["peak"] for it in runs)
            print(f"{what:8} CPU {shown} s · {speed:,.0f} MB/s of text · {peak:,.0f} MiB")
        print(f"content / read = {medians['content'] / medians['read']:.2f} (goal: at most 1.5)")
    finally:
        if asked.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
