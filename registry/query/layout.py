"""How the rows of a plan are laid out in shards, and what each row says about its text.

Rows come in the order of the recipe's sources, then of each source's first location. Shards and
row groups are cut by the sizes of the texts, which are known beforehand, so the same plan is
always laid out alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from registry.core.claim import Numbers
from registry.core.dataset import ORIGINS_BY_CAUTION
from registry.core.evidence import Grade
from registry.documents import Hashes, hash_column
from registry.query.standing import EVER, NEVER, Labels
from registry.shards import SCHEMA, TIME

if TYPE_CHECKING:
    from registry.query.plan import Plan, PlannedInput

SHARD_BYTES: Final = 256 << 20
SHARD_ROWS: Final = 1 << 20
GROUP_BYTES: Final = 16 << 20
GROUP_ROWS: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive drawn rows of one input: positions [begin, end) in its `rows`."""

    input: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one row group."""

    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """Return how many rows it has."""
        return sum(piece.end - piece.begin for piece in self.pieces)


class Layout:
    """A plan's rows, cut into shards and row groups.

    Attributes:
        plan: The plan.
        shards: The row groups of each shard; at least one shard.
    """

    def __init__(self, plan: Plan) -> None:
        """Cut the plan."""
        self.plan = plan
        self._sizes: Numbers = np.concatenate(
            [item.standing.bytes[item.rows] for item in plan.inputs]
        )
        self._starts = np.cumsum([0, *(item.documents for item in plan.inputs)])
        self.shards = tuple(
            tuple(
                self._group(begin, end)
                for begin, end in _cuts(self._sizes, first, last, GROUP_BYTES, GROUP_ROWS)
            )
            for first, last in _cuts(self._sizes, 0, len(self._sizes), SHARD_BYTES, SHARD_ROWS)
        )

    @property
    def rows(self) -> int:
        """Return how many rows the snapshot has."""
        return len(self._sizes)

    @property
    def empty(self) -> int:
        """Return how many of its texts have no bytes."""
        return int(np.count_nonzero(self._sizes == 0))

    def hashes(self) -> Iterator[Hashes]:
        """Give the content hashes of all rows, in order, group by group."""
        for groups in self.shards:
            for group in groups:
                for item, rows in self._rows(group):
                    yield item.standing.hashes[rows]

    def sizes(self, group: Group) -> pa.Array:
        """Return the sizes of a group's texts."""
        return pa.concat_arrays(
            [pa.array(item.standing.bytes[rows], pa.int64()) for item, rows in self._rows(group)]
        )

    def words_by_origin(self) -> dict[str, int]:
        """Return the words of each origin that occurs."""
        return self._by_origin([item.standing.words for item in self.plan.inputs])

    def tokens_by_origin(self) -> dict[str, int] | None:
        """Return the tokens of each origin that occurs, where a tokenizer was given."""
        counts = [item.standing.tokens for item in self.plan.inputs]
        known = [count for count in counts if count is not None]
        return self._by_origin(known) if len(known) == len(counts) else None

    def _by_origin(self, amounts: list[Numbers]) -> dict[str, int]:
        sums: dict[str, int] = {}
        for item, amount in zip(self.plan.inputs, amounts, strict=True):
            ranks, drawn = item.standing.view.ranks[item.rows], amount[item.rows]
            for rank in np.unique(ranks):
                name = str(ORIGINS_BY_CAUTION[rank])
                sums[name] = sums.get(name, 0) + int(drawn[ranks == rank].sum())
        return sums

    def provenance(self, group: Group) -> pa.RecordBatch:
        """Return all columns but the text of a group's rows."""
        batches = [_provenance(item, rows) for item, rows in self._rows(group)]
        if not batches:
            return pa.RecordBatch.from_pylist([], schema=_PROVENANCE)
        return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]

    def _rows(self, group: Group) -> Iterator[tuple[PlannedInput, npt.NDArray[np.int64]]]:
        for piece in group.pieces:
            item = self.plan.inputs[piece.input]
            yield item, item.rows[piece.begin : piece.end]

    def _group(self, begin: int, end: int) -> Group:
        pieces = []
        for index, start in enumerate(self._starts[:-1].tolist()):
            low = max(begin, start)
            high = min(end, int(self._starts[index + 1]))
            if low < high:
                pieces.append(Piece(index, low - start, high - start))
        return Group(tuple(pieces))


_PROVENANCE: Final = pa.schema([field for field in SCHEMA if field.name != "text"])


def _cuts(
    sizes: Numbers, begin: int, end: int, most_bytes: int, most_rows: int
) -> list[tuple[int, int]]:
    """Cut [begin, end) where the bytes or rows reach their limit; an empty range is one cut."""
    if begin == end:
        return [(begin, end)]
    sums = np.cumsum(sizes[begin:end])
    cuts, at, spent = [], begin, 0
    while at < end:
        stop = begin + int(np.searchsorted(sums, spent + most_bytes, side="right"))
        stop = min(max(stop, at + 1), at + most_rows, end)
        cuts.append((at, stop))
        spent = int(sums[stop - begin - 1])
        at = stop
    return cuts


def _provenance(item: PlannedInput, rows: npt.NDArray[np.int64]) -> pa.RecordBatch:
    stand, count = item.standing, len(rows)
    ranks = stand.view.ranks[rows]
    origins = pa.array([str(origin) for origin in ORIGINS_BY_CAUTION])
    return pa.RecordBatch.from_arrays(
        [
            hash_column(stand.hashes[rows]),
            pa.repeat(pa.scalar(str(item.ref.dataset)), count),
            pa.repeat(pa.scalar(stand.version.number, pa.int64()), count),
            origins.take(pa.array(ranks)),
            pa.array(stand.view.human_bytes[rows], pa.int64()),
            _joined(stand.generators, rows, ", "),
            _times(stand.not_before[rows], EVER),
            _times(stand.not_after[rows], NEVER),
            _grades(stand.not_after[rows]),
            _joined(stand.licenses, rows, " AND "),
        ],
        schema=_PROVENANCE,
    )


def _grades(not_after: Numbers) -> pa.Array:
    """Return how hard the date is to forge by which a text existed: today the owner's word."""
    grades = pa.array([Grade.E0, Grade.E1], pa.string())
    return grades.take(pa.array((not_after != NEVER).view(np.int8)))


def _joined(labels: Labels, rows: npt.NDArray[np.int64], joiner: str) -> pa.Array:
    """Return the names of each row as one text, null where there are none.

    Several licenses are joined as SPDX does: while it is open which one holds, all terms apply.
    """
    texts = [
        joiner.join(
            _bracketed(name) if joiner == " AND " and len(names) > 1 else name for name in names
        )
        if names
        else None
        for names in labels.names
    ]
    return pa.array(texts, pa.string()).take(pa.array(labels.codes[rows]))


def _bracketed(expression: str) -> str:
    return f"({expression})" if " OR " in expression else expression


def _times(micros: Numbers, missing: int) -> pa.Array:
    return pa.array(micros, pa.int64(), mask=micros == missing).cast(TIME)
