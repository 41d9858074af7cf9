"""The data that is checked: texts with the file and record they are in, as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from registry import readers
from registry.core.dataset import Origin
from registry.core.evidence import DateKind
from registry.core.source import Format, ReadOptions
from registry.places import Place, shown

_SNAPSHOT: Final = ("certificate.json", "manifest.json", "data")
_LABELS: Final = ReadOptions(
    text_fields=("text",),
    origin_field="origin",
    origin_map=tuple((str(origin), origin) for origin in Origin),
    generator_field="generator",
    date_fields=((DateKind.COLLECTED, "not_after"),),
)
"""How the shards of a snapshot say what counts for their documents."""
_MOST_TOLD: Final = 10


@dataclass(slots=True)
class Data:
    """Texts in batches, and what they are called.

    Attributes:
        names: The files, as `file` of a batch counts them.
        batches: Gives batches with the columns of `readers.schema`; can be called once.
        sizes: How many bytes each file has on disk.
        bad: What was left out as not valid: place and reason of the first ones.
        bad_count: How much that is.
        passed: How many files and members of archives were passed over: hidden ones, cards.
        read: How many bytes of the files were read, as far as that is known.
    """

    names: Sequence[str]
    batches: Callable[[], Iterator[pa.RecordBatch]]
    sizes: Sequence[int] = ()
    bad: list[str] = field(default_factory=list)
    bad_count: int = 0
    passed: int = 0
    read: int = 0

    @property
    def size(self) -> int:
        """Return how many bytes there are to read; 0 where nobody knows."""
        return sum(self.sizes)


def from_paths(paths: Sequence[Place | str], options: ReadOptions) -> Data:
    """Return the documents of files and folders, of snapshots, or of standard input.

    The folder of a snapshot stands for its shards, whose labels are read unless the options say
    how files are read.

    Args:
        paths: As for `readers.discover`.
        options: How files become documents.

    Raises:
        InvalidInputError: There is nothing to read.
        UnavailableError: An object store does not answer.
    """
    chosen = [snapshot_data(path) for path in paths]
    if options == ReadOptions() and all(it != path for it, path in zip(chosen, paths, strict=True)):
        options = _LABELS
    found = readers.discover(chosen, options)
    data = Data(
        [shown(file.path) for file in found.files],
        lambda: iter(()),
        [file.size for file in found.files],
        passed=len(found.skipped),
    )
    data.batches = lambda: _read(data, found, options)
    return data


def from_texts(texts: Sequence[str], *, name: str = "texts") -> Data:
    """Return texts that are at hand as data."""
    many = len(texts)
    batch = pa.record_batch(
        {
            "text": pa.array(texts, pa.large_string()),
            "file": pa.array(np.zeros(many, np.int32)),
            "record": pa.array(np.arange(many)),
            "part": pa.array(np.zeros(many, np.int16)),
        }
    )
    return Data([name], lambda: iter([batch] if many else []))


def snapshot_data(path: Place | str) -> Place | str:
    """Return the folder of the shards if a path is the folder of a snapshot, or else the path."""
    if isinstance(path, str) and (path == "-" or "://" in path):
        return path
    if not isinstance(path, str | Path):
        return path
    folder = Path(path)
    there = [(folder / name).exists() for name in _SNAPSHOT]
    return folder / "data" if all(there) else path


def _read(data: Data, found: readers.Discovered, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    rows = [_rows(file) for file in found.files]
    done = 0

    def skipped(skip: readers.Skip) -> None:
        if skip.why is None:
            data.passed += 1
            return
        data.bad_count += 1
        if len(data.bad) < _MOST_TOLD:
            data.bad.append(f"{skip.where}: {skip.why}")

    for batch in readers.documents(found.files, options, on_skip=skipped):
        yield batch
        if batch.num_rows:
            file = batch.column("file")[batch.num_rows - 1].as_py()
            done = sum(data.sizes[:file])
            if rows[file]:
                record = batch.column("record")[batch.num_rows - 1].as_py() + 1
                done += data.sizes[file] * record // rows[file]
            data.read = done
    data.read = data.size


def _rows(file: readers.SourceFile) -> int:
    """Return how many records a file has, where that costs nothing to know."""
    if file.format is not Format.PARQUET or not isinstance(file.path, Path):
        return 0
    try:
        return int(pq.read_metadata(file.path).num_rows)
    except (OSError, pa.ArrowException):
        # Reading it will say what is wrong.
        return 0
