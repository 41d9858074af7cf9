"""Real files for the tests of readers, and short ways to read them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from registry.core.source import ReadOptions
from registry.readers import discover, documents


def jsonl(path: Path, *records: Any) -> Path:
    return written(path, b"".join(orjson.dumps(record) + b"\n" for record in records))


def parquet(path: Path, columns: Mapping[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(dict(columns)), path, **options)
    return path


def csv_bytes(*rows: Sequence[str]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def written(path: Path, content: str | bytes) -> Path:
    """Write a file, compressed if its suffix says so."""
    data = content.encode() if isinstance(content, str) else content
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = zstd(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def zstd(data: bytes) -> bytes:
    compressed: bytes = pa.Codec("zstd").compress(data, asbytes=True)
    return compressed


def batches(*paths: Path, **options: Any) -> list[pa.RecordBatch]:
    read = ReadOptions(**options)
    return list(documents(discover(paths, read).files, read))


def rows(*paths: Path, **options: Any) -> list[dict[str, Any]]:
    return [row for batch in batches(*paths, **options) for row in batch.to_pylist()]


def texts(*paths: Path, **options: Any) -> list[str]:
    return [row["text"] for row in rows(*paths, **options)]
