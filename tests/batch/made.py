"""Versions made of texts, and what is alike among them found by looking at every pair."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from registry.batch import ROW_BITS, Asked, Found, Source, find, sql
from registry.batch.engine import Engine, Limits
from registry.batch.sources import Ids, Signatures
from registry.batch.stages import Workspace
from registry.core.sketch import SketchParams, sketch
from registry.documents import hash_texts, text_buffers

PARAMS = SketchParams()
LIMITS = Limits(memory=256 << 20, threads=2)


def source(texts: Sequence[str], number: int = 1) -> Source:
    """A version that has these texts."""
    column = pa.array(texts, pa.large_string())
    data, ends = text_buffers(column)
    made = sketch(np.frombuffer(data, np.uint8), ends, params=PARAMS)
    hashes = hash_texts(column)

    def rows() -> Iterator[pa.RecordBatch]:
        whole = pa.record_batch(
            [
                pa.array([hashes[at : at + 32] for at in range(0, len(hashes), 32)], pa.binary(32)),
                pa.array(made.tokens),
            ],
            names=["content_hash", "words"],
        )
        for begin in range(0, len(texts), 7):
            yield whole.slice(begin, 7)

    def signatures() -> Iterator[tuple[int, Signatures]]:
        for begin in range(0, len(texts), 11):
            yield begin, made.signatures[begin : begin + 11]

    def some(wanted: Ids) -> Iterator[pa.Array]:
        assert (np.diff(wanted) > 0).all()
        for begin in range(0, len(wanted), 5):
            yield column.take(pa.array(wanted[begin : begin + 5]))

    identity = (str(number), hash_texts(pa.array(["\n".join(texts)])).hex())
    return Source(number, len(texts), identity, rows, signatures, some)


def edited(rng: random.Random, text: str, share: float) -> str:
    """A text some of whose words are others."""
    return " ".join(
        f"w{rng.randrange(10**6)}" if rng.random() < share else word for word in text.split()
    )


def story(rng: random.Random, size: int, prefix: str = "") -> list[str]:
    """Texts of which many are edits or copies of others."""
    texts: list[str] = []
    while len(texts) < size:
        kind = rng.random()
        if texts and kind < 0.2:
            texts.append(rng.choice(texts))
        elif texts and kind < 0.6:
            texts.append(edited(rng, rng.choice(texts), rng.choice([0.002, 0.01, 0.03, 0.1])))
        elif kind < 0.63:
            texts.append(rng.choice(["", " \n", "!", "短い"]))
        else:
            words = (f"{prefix}{rng.randrange(2000)}" for _ in range(rng.randrange(3, 120)))
            texts.append(" ".join(words))
    return texts


def shingles(text: str) -> set[str]:
    """The shingles of a text of ASCII words."""
    words = text.lower().split()
    return (
        {" ".join(words[at : at + 5]) for at in range(max(1, len(words) - 4))} if words else set()
    )


def jaccard(one: str, two: str) -> float:
    """The true similarity of two texts."""
    a, b = shingles(one), shingles(two)
    return len(a & b) / len(a | b) if a | b else 0.0


@dataclass(frozen=True)
class Pair:
    """A pair of documents, each as (version, row)."""

    left: tuple[int, int]
    right: tuple[int, int]
    similarity: float
    accepted: bool
    kind: str


def brute(
    mine: Sequence[str],
    theirs: Sequence[str] | None = None,
    *,
    threshold: float = 0.8,
    exact: bool = False,
) -> set[Pair]:
    """Every pair that must be found: equal texts, and those that share a band."""
    every = [(1, row, text) for row, text in enumerate(mine)]
    every += [(2, row, text) for row, text in enumerate(theirs or ())]
    column = pa.array([text for _, _, text in every], pa.large_string())
    data, ends = text_buffers(column)
    made = sketch(np.frombuffer(data, np.uint8), ends, params=PARAMS)
    pairs = set()
    for one, two in itertools.combinations(range(len(every)), 2):
        (side, row, text), (other, other_row, other_text) = every[one], every[two]
        if theirs is not None and side == other:
            continue
        left, right = (side, row), (other, other_row)
        if text == other_text:
            pairs.add(Pair(left, right, 1.0, True, "exact"))
            continue
        if not made.tokens[one] or not made.tokens[two]:
            continue
        if (made.bands[one] == made.bands[two]).any():
            share = float((made.signatures[one] == made.signatures[two]).mean())
            found = jaccard(text, other_text) if exact else share
            pairs.add(Pair(left, right, found, found >= threshold, "near"))
    return pairs


def groups(pairs: set[Pair]) -> set[frozenset[tuple[int, int]]]:
    """What hangs together by accepted pairs."""
    group: dict[tuple[int, int], set[tuple[int, int]]] = {}
    for pair in pairs:
        if pair.accepted:
            joined = group.get(pair.left, {pair.left}) | group.get(pair.right, {pair.right})
            for member in joined:
                group[member] = joined
    return {frozenset(members) for members in group.values()}


def place(document: int) -> tuple[int, int]:
    """A document as (version, row)."""
    return document >> ROW_BITS, document & ((1 << ROW_BITS) - 1)


def listed(found: Found, space: Workspace, *, everything: bool = True) -> list[Pair]:
    """The pairs that a run lists."""
    asked = found.asked
    query = sql.listing(asked.pair_limit, between=asked.between, everything=everything)
    with Engine(space.root, space.root / "spill", LIMITS) as engine:
        found.see(engine)
        rows = [row for batch in engine.stream(query) for row in batch.to_pylist()]
    return [
        Pair(
            place(row["left_document"]),
            place(row["right_document"]),
            row["similarity"],
            row["accepted"],
            row["kind"],
        )
        for row in rows
    ]


def clustered(found: Found, space: Workspace) -> set[frozenset[tuple[int, int]]]:
    """The clusters of a run, each of which is named by its smallest document."""
    with Engine(space.root, space.root / "spill", LIMITS) as engine:
        found.see(engine)
        rows = engine.all("SELECT cluster, document FROM clusters")
    members: dict[int, set[int]] = {}
    for cluster, document in rows:
        members.setdefault(cluster, set()).add(document)
    assert all(cluster == min(those) for cluster, those in members.items())
    return {frozenset(map(place, those)) for those in members.values()}


def run(asked: Asked, folder: Path) -> tuple[list[Pair], set[frozenset[tuple[int, int]]], Found]:
    """Run, and return what was found."""
    with Workspace(folder) as space:
        found = find(asked, space)
        return listed(found, space), clustered(found, space), found
