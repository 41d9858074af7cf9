"""Matches as rows that name both sides, for files and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from registry.check.against import Against
from registry.check.facts import Known
from registry.check.reasons import Reason
from registry.core import words
from registry.core.contents import Rows
from registry.core.dataset import ORIGINS_BY_CAUTION
from registry.matching import Kind, Matches
from registry.query.catalogue import ref_of
from registry.query.standing import EVER, NEVER

_NAME: Final = pa.dictionary(pa.int32(), pa.string())
_TIME: Final = pa.timestamp("us", tz="UTC")
SCHEMA: Final = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("record", pa.int64(), nullable=False),
        pa.field("part", pa.int64(), nullable=False),
        pa.field("content_hash", pa.string(), nullable=False),
        pa.field("origin", pa.string()),
        pa.field("generator", pa.string()),
        pa.field("license", pa.string()),
        pa.field("not_after", _TIME),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("similarity", pa.float64()),
        pa.field("run_tokens", pa.int64()),
        pa.field("shared_tokens", pa.int64()),
        pa.field("compared", pa.bool_(), nullable=False),
        pa.field("words", pa.string()),
        pa.field("their_dataset", pa.string(), nullable=False),
        pa.field("their_version", pa.int64(), nullable=False),
        pa.field("their_row", pa.int64(), nullable=False),
        pa.field("their_file", pa.string(), nullable=False),
        pa.field("their_record", pa.int64(), nullable=False),
        pa.field("their_content_hash", pa.string(), nullable=False),
        pa.field("their_tokens", pa.int64()),
        pa.field("their_evaluation", pa.bool_(), nullable=False),
        pa.field("their_origin", pa.string(), nullable=False),
        pa.field("their_generator", pa.string()),
        pa.field("their_license", pa.string()),
        pa.field("their_not_before", _TIME),
        pa.field("their_not_after", _TIME),
        pa.field("their_grade", pa.string(), nullable=False),
        pa.field("their_dated_by", pa.string()),
    ],
    metadata={b"format": b"firsthand matches/v1"},
)
"""One row per match: first what was checked, then how it matches, then what it matches. Rows and
records count from 1. `run_tokens` is the longest shared run of a passage, estimated from the index
unless `compared`; `shared_tokens` is how many tokens of the document stand in shared runs."""
_WORDS: Final = 240
_DONE: Final = 1 << 16


def rows_of(
    against: Against,
    matches: Matches,
    known: Known,
    reasons: npt.NDArray[np.int8],
    *,
    version: Rows,
    mine: pa.RecordBatch,
    declared: Mapping[str, str],
    files: Sequence[str],
) -> pa.RecordBatch:
    """Return matches with what is known of both sides.

    Args:
        against: What was searched.
        matches: The matches; `question` counts the rows of `mine`.
        known: What is known of their documents.
        reasons: Their reasons.
        version: Their versions.
        mine: The texts, with what the data says of them, and their `content_hash`.
        declared: What was said about all of the data: `origin` and `license`.
        files: The names of its files.
    """
    at = pa.array(matches.question)
    taken = mine.take(at)
    passage = matches.kind == Kind.PASSAGE
    names = dict(against.paths) | {
        item.id: str(ref_of(item).dataset)
        for item in against.versions
        if item.id not in against.paths
    }
    numbers = {item.id: item.number for item in against.versions}
    compared = (matches.kind != Kind.PASSAGE) | matches.verified
    columns: dict[str, Any] = {
        "file": [files[it] for it in taken.column("file").to_pylist()],
        "record": taken.column("record").to_numpy() + 1,
        "part": taken.column("part").to_numpy().astype(np.int64) + 1,
        "content_hash": [it.hex() for it in taken.column("content_hash").to_pylist()],
        "origin": _own(taken, "origin", declared.get("origin")),
        "generator": _own(taken, "generator", None),
        "license": _own(taken, "license", declared.get("license")),
        "not_after": taken.column("not_after") if "not_after" in taken.schema.names else None,
        "kind": [Kind(it).name.lower() for it in matches.kind.tolist()],
        "reason": [str(Reason(it)) for it in reasons.tolist()],
        "similarity": _where(np.round(matches.similarity.astype(np.float64), 4),
                             matches.kind == Kind.NEAR),
        "run_tokens": _where(matches.run, passage),
        "shared_tokens": _where(matches.covered, passage & matches.verified),
        "compared": compared,
        "words": _excerpts(mine.column("text"), matches, passage & matches.verified),
        "their_dataset": [names[it] for it in version.tolist()],
        "their_version": [numbers[it] for it in version.tolist()],
        "their_row": matches.row + 1,
        "their_file": known.file,
        "their_record": known.record + 1,
        "their_content_hash": _hex(known.hashes),
        "their_tokens": _where(matches.of, passage & matches.verified),
        "their_evaluation": np.isin(version, list(against.evaluation)),
        "their_origin": [str(ORIGINS_BY_CAUTION[it]) for it in known.ranks.tolist()],
        "their_generator": [it or None for it in known.generators],
        "their_license": [it or None for it in known.licenses],
        "their_not_before": _times(known.not_before, known.not_before == EVER),
        "their_not_after": _times(known.not_after, known.not_after == NEVER),
        "their_grade": np.where(known.not_after == NEVER, "E0", "E1").astype(object),
        "their_dated_by": [None if it < 0 else known.versions[it] for it in known.first.tolist()],
    }  # fmt: skip
    many = len(matches)
    arrays = [
        pa.nulls(many, field.type)
        if columns[field.name] is None
        else columns[field.name].cast(field.type)
        if isinstance(columns[field.name], pa.Array)
        else pa.array(columns[field.name], field.type)
        for field in SCHEMA
    ]
    return pa.record_batch(arrays, schema=SCHEMA)


def _own(taken: pa.RecordBatch, name: str, declared: str | None) -> Any:
    if name in taken.schema.names:
        return taken.column(name)
    return [declared] * taken.num_rows


def _where(values: npt.NDArray[Any], mask: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(values, mask=~mask)


def _times(values: Rows, missing: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(np.where(missing, 0, values), pa.int64(), mask=missing).cast(_TIME)


def _hex(hashes: npt.NDArray[np.bytes_]) -> list[str]:
    raw = hashes.tobytes().hex()
    return [raw[at : at + 64] for at in range(0, len(raw), 64)]


def _excerpts(texts: pa.Array, matches: Matches, wanted: npt.NDArray[np.bool_]) -> list[str | None]:
    """Return the beginning of what is shared, as it stands in the data."""
    found: list[str | None] = [None] * len(matches)
    last, text = -1, ""
    starts: Rows = np.empty(0, np.int64)
    ends: Rows = np.empty(0, np.int64)
    for at in np.flatnonzero(wanted).tolist():
        question = int(matches.question[at])
        if question != last:
            last, text = question, str(texts[question].as_py())
            starts, ends = _tokens(text)
        begin = int(matches.token[at])
        end = min(begin + int(matches.run[at]), len(ends)) - 1
        shown = text[starts[begin] : ends[end]]
        found[at] = shown if len(shown) <= _WORDS else f"{shown[:_WORDS]}…"
    return found


def _tokens(text: str) -> tuple[Rows, Rows]:
    """Return where the tokens of a text begin and end."""
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    kinds = words.kinds()[points]
    run, alone = kinds == 1, kinds == 2
    before, after = np.zeros(len(run), np.bool_), np.zeros(len(run), np.bool_)
    before[1:], after[:-1] = run[:-1], run[1:]
    return np.flatnonzero(alone | (run & ~before)), np.flatnonzero(alone | (run & ~after)) + 1
