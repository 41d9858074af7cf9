"""Real files for the tests of readers, and short ways to read them."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from registry.core.source import ReadOptions
from registry.readers import Skip, discover, documents


def jsonl(path: Path, *records: Any) -> Path:
    return written(path, b"".join(orjson.dumps(record) + b"\n" for record in records))


def parquet(path: Path, columns: Mapping[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(dict(columns)), path, **options)
    return path


def csv_bytes(*rows: Sequence[str], tabs: bool = False) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter="\t" if tabs else ",").writerows(rows)
    return out.getvalue().encode()


def written(path: Path, content: str | bytes) -> Path:
    """Write a file, compressed if its suffix says so."""
    data = content.encode() if isinstance(content, str) else content
    if path.suffix in (".gz", ".tgz"):
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = zstd(data)
    elif path.suffix == ".bz2":
        data = bz2.compress(data)
    elif path.suffix == ".xz":
        data = lzma.compress(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def arrow(path: Path, columns: Mapping[str, Any], *, stream: bool = False, rows: int = 9) -> Path:
    """Write an Arrow file or stream in batches of some rows."""
    table = pa.table(dict(columns))
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as out, make(out, table.schema) as writer:
        writer.write_table(table, rows)
    return path


def tar(path: Path, *members: tuple[str | tarfile.TarInfo, str | bytes]) -> Path:
    """Write an archive, compressed if its suffix says so."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for named, content in members:
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(named) if isinstance(named, str) else named
            if info.isreg():
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return written(path, out.getvalue())


def zstd(data: bytes) -> bytes:
    compressed: bytes = pa.Codec("zstd").compress(data, asbytes=True)
    return compressed


def batches(*paths: Path, **options: Any) -> list[pa.RecordBatch]:
    read = ReadOptions(**options)
    return list(documents(discover(paths, read).files, read))


def rows(*paths: Path, **options: Any) -> list[dict[str, Any]]:
    return [row for batch in batches(*paths, **options) for row in batch.to_pylist()]


def skips(*paths: Path, **options: Any) -> tuple[list[str], list[Skip]]:
    """Read and return the texts, and what was passed over."""
    read = ReadOptions(**options)
    passed: list[Skip] = []
    found = documents(discover(paths, read).files, read, on_skip=passed.append)
    return [text for batch in found for text in batch["text"].to_pylist()], passed


def texts(*paths: Path, **options: Any) -> list[str]:
    return [row["text"] for row in rows(*paths, **options)]
