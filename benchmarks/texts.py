"""The documents of the shared corpora, read plainly as their cards say, with no reader of ours.

A card is the file `dataset.json` of a corpus. What numbers are held to must not come from the
program that they are about.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Documents = Iterator[tuple[str, str]]


def documents(folder: Path) -> Documents:
    """Yield the id and the text of each document of a corpus, as the truth files name them."""
    card = json.loads((folder / "dataset.json").read_text("utf-8"))["reader"]
    patterns = card["files"] if "files" in card else [card["glob"]]
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and path.name != "dataset.json":
                yield from _READERS[card["kind"]](path, card)


def _content(path: Path) -> bytes:
    if path.suffix == ".zst":
        with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
            content: bytes = stream.read()
            return content
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def _rows(path: Path, card: dict[str, Any], records: Iterable[dict[str, Any]]) -> Documents:
    fields = [card["text"]] if isinstance(card["text"], str) else card["text"]
    for index, record in enumerate(records):
        values = [record.get(field) or "" for field in fields]
        texts = [card["join"].join(one) if isinstance(one, list) else one for one in values]
        yield f"{path.name}#{index}", "\n".join(texts)


def _json(path: Path, card: dict[str, Any]) -> Documents:
    return _rows(path, card, json.loads(_content(path)))


def _jsonl(path: Path, card: dict[str, Any]) -> Documents:
    lines = _content(path).decode().split("\n")
    return _rows(path, card, (json.loads(line) for line in lines if line.strip()))


def _csv(path: Path, card: dict[str, Any]) -> Documents:
    csv.field_size_limit(sys.maxsize)
    return _rows(path, card, csv.DictReader(io.StringIO(_content(path).decode(), newline="")))


def _parquet(path: Path, card: dict[str, Any]) -> Documents:
    table = pq.read_table(path, columns=["id", card["text"]])
    yield from zip(*(column.to_pylist() for column in table.columns), strict=True)


def _file(path: Path, card: dict[str, Any]) -> Documents:
    try:
        yield path.name, path.read_bytes().decode()
    except UnicodeDecodeError:
        # The corpus of odd encodings: any text does.
        yield path.name, path.read_bytes().decode("latin-1")


def _lines(path: Path, card: dict[str, Any]) -> Documents:
    for index, line in enumerate(path.read_text("utf-8").split("\n")):
        yield f"{path.name}#{index}", line.strip()


def _tar(path: Path, card: dict[str, Any]) -> Documents:
    with tarfile.open(path) as archive:
        for member in archive:
            if file := archive.extractfile(member):
                yield member.name, file.read().decode()


def _columns(path: Path, card: dict[str, Any]) -> Documents:
    for name, texts in json.loads(_content(path)).items():
        if isinstance(texts, list):
            yield from ((f"{path.name}#{name}{index}", text) for index, text in enumerate(texts))


def _nested(path: Path, card: dict[str, Any]) -> Documents:
    """Yield every text of records within records."""

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for inner in value.values():
                yield from texts(inner)

    for index, line in enumerate(filter(None, _content(path).decode().split("\n"))):
        yield from ((f"{path.name}#{index}", text) for text in texts(json.loads(line)))


_READERS: dict[str, Callable[[Path, dict[str, Any]], Documents]] = {
    "json_list": _json,
    "jsonl": _jsonl,
    "csv": _csv,
    "parquet": _parquet,
    "dir": _file,
    "lines": _lines,
    "tar": _tar,
    "fdg_raw": _columns,
    "gsm_solutions": _nested,
}
