"""MinHash signatures, band keys and passages of documents: the scheme `sketch/v1`.

`docs/sketch-v1.md` defines the scheme and lists test vectors. The loops are in
`registry.core.kernel` and are loaded with numba, which takes a third of a second, by the first call
that needs them; importing this module is cheap. What is done with sketches, such as finding those
that share a band, is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

import numpy as np
import numpy.typing as npt

from registry.core import case_table, words
from registry.core.kernel.job import (
    BAND_KEYS,
    DONE,
    JOB,
    LANES,
    MORE_TEXT,
    SPARE,
    TEXT,
    workspace,
)
from registry.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from registry.core.kernel.machine import Kernel

SCHEME: Final = "sketch/v1"
UNICODE_VERSION: Final = words.UNICODE_VERSION

SHINGLE: Final = 5
SEED: Final = 1
PASSAGE: Final = 8
"""How many tokens a passage hash covers."""
WINDOW: Final = 18
"""Of how many passage hashes in a row one is kept at least, unless something else is asked for."""

EVALUATION_WINDOW: Final = 6
"""The same for evaluation sets: any 13 tokens that another text shares with them are found."""

MOST_PERMUTATIONS: Final = 1024
MOST_WINDOW: Final = 1024

_EMPTY: Final = np.uint32(0xFFFFFFFF)
# Where tokens end is kept in 32 bits.
_LONGEST_TEXT: Final = 1 << 32
_TAIL: Final = 128

_Bytes = npt.NDArray[np.uint8]
_Integers = npt.NDArray[np.int64]
_Slots = npt.NDArray[np.uint32]
_Keys = npt.NDArray[np.uint64]
_Number = TypeVar("_Number", np.uint8, np.uint64)


@dataclass(frozen=True, slots=True)
class SketchParams:
    """How signatures are made and cut into bands.

    Args:
        permutations: How many slots a signature has.
        bands: How many keys are made of a signature.
        rows: How many slots make a key; the first `bands * rows` slots are used.

    Raises:
        InvalidInputError: A number is out of its range.
    """

    permutations: int = 128
    bands: int = 20
    rows: int = 6
    shingle: ClassVar[int] = SHINGLE
    seed: ClassVar[int] = SEED

    def __post_init__(self) -> None:
        for name in ("permutations", "bands", "rows"):
            value = getattr(self, name)
            if not 1 <= value <= MOST_PERMUTATIONS:
                raise InvalidInputError(
                    f"`{name}` of a sketch is {value}, expected 1 to {MOST_PERMUTATIONS:,}"
                )
        if self.bands * self.rows > self.permutations:
            raise InvalidInputError(
                f"{self.bands} bands of {self.rows} rows need {self.bands * self.rows} "
                f"permutations, there are {self.permutations}",
                hint="lower `bands` or `rows`",
            )

    def recall(self, similarity: float) -> float:
        """Return how probably two documents of this Jaccard similarity share a band key."""
        return float(1 - (1 - similarity**self.rows) ** self.bands)


@dataclass(frozen=True, slots=True, eq=False)
class Sketches:
    """What was computed of a batch of n documents."""

    signatures: _Slots
    """n rows of `permutations`; all 0xFFFFFFFF where a document has no token."""
    tokens: _Integers
    """How many tokens each document has, which is how many words `words/v1` counts."""
    bands: _Keys
    """n rows of `bands` keys with 24 low zero bits; zeros where a document has no token."""
    passages: _Keys
    """The passage keys of all documents, in order, with 24 low zero bits."""
    passage_rows: npt.NDArray[np.int32]
    """Of which document each passage is; ascending."""


def sketch(
    data: _Bytes,
    offsets: _Integers,
    *,
    params: SketchParams = SketchParams(),
    window: int | None = WINDOW,
) -> Sketches:
    """Sketch the documents of an Arrow string array in one pass.

    The interpreter's lock is released, and no two calls share memory, so threads may call this at
    once. Scratch memory does not grow with a document, but for a text of five tokens that is
    longer than 16 KiB: it is held up to three times.

    Args:
        data: The array's value buffer. Documents are valid UTF-8; what becomes of one that is not
            is unspecified, but is no error and touches no other document.
        offsets: For n documents n + 1 ascending positions in `data`.
        params: How signatures are made.
        window: Of how many passage hashes in a row at least one is kept; None for no passages.

    Raises:
        InvalidInputError: `window` is out of its range, or five tokens take 2 GiB.
    """
    if window is not None:
        guaranteed_tokens(window)
    keys = np.zeros((len(offsets) - 1, params.bands), dtype=np.uint64)
    signatures, tokens, passages, counts = _run(data, offsets, params, window or 0, False, keys)
    return Sketches(
        signatures=signatures,
        tokens=tokens,
        bands=keys,
        passages=passages,
        passage_rows=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
    )


def passage_hashes(data: _Bytes, offsets: _Integers) -> tuple[_Keys, _Integers]:
    """Return every passage hash of documents, not only those that winnowing keeps.

    Returns:
        The keys of all documents, in order, and the number of the token each begins with in its
        document, from 0.
    """
    keys = np.empty((len(offsets) - 1, 0), dtype=np.uint64)
    _, _, passages, counts = _run(data, offsets, None, 1, True, keys)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    return passages, np.arange(len(passages), dtype=np.int64) - first


def band_keys(signatures: _Slots, params: SketchParams) -> _Keys:
    """Return the keys that `sketch` made beside these signatures.

    Raises:
        ConflictError: The signatures were made with another number of permutations.
    """
    if signatures.shape[-1] != params.permutations:
        raise _other(signatures.shape[-1], params.permutations)
    keys = np.zeros((len(signatures), params.bands), dtype=np.uint64)
    # What is read beyond the rows stays inside of this copy.
    padded = np.zeros((len(signatures) + 2, max(params.permutations, 16)), dtype=np.uint32)
    rows = padded.reshape(-1)[16:][: signatures.size].reshape(signatures.shape)
    rows[:] = signatures
    jobs = np.zeros(1, dtype=JOB)
    job = jobs[0]
    job["task"], job["documents"], job["permutations"] = BAND_KEYS, len(rows), params.permutations
    job["bands"], job["rows"] = params.bands, params.rows
    job["signatures"], job["keys"] = rows.ctypes.data, keys.ctypes.data
    _kernel()(jobs)
    keys[(signatures == _EMPTY).all(axis=-1)] = 0
    return keys


def similarity(one: _Slots, two: _Slots) -> npt.NDArray[np.float64]:
    """Estimate the Jaccard similarity of documents: the share of slots that are equal.

    Documents without tokens resemble nothing, not even one another.

    Raises:
        ConflictError: The signatures were made with different numbers of permutations.
    """
    if one.shape[-1] != two.shape[-1]:
        raise _other(one.shape[-1], two.shape[-1])
    same = one == two
    shares: npt.NDArray[np.float64] = np.asarray(same.mean(axis=-1, dtype=np.float64))
    return np.where((one == _EMPTY).all(axis=-1), 0.0, shares)


def require_scheme(scheme: str) -> None:
    """Refuse sketches that another scheme made: they compare with none of ours.

    Raises:
        ConflictError: The scheme is not `SCHEME`.
    """
    if scheme != SCHEME:
        raise ConflictError(
            f"the sketches were made by `{scheme}`, expected `{SCHEME}`: they do not compare",
            hint="make them anew from the texts with `firsthand index rebuild`",
        )


def guaranteed_tokens(window: int) -> int:
    """Return the length of a run of tokens that no two documents share without being found.

    Raises:
        InvalidInputError: The window is out of its range.
    """
    if not 1 <= window <= MOST_WINDOW:
        raise InvalidInputError(f"`window` is {window}, expected 1 to {MOST_WINDOW:,}")
    return window + PASSAGE - 1


def window_of(tokens: int) -> int:
    """Return the window that guarantees to find shared runs of so many tokens.

    Raises:
        InvalidInputError: No window does: there are too few of them, or too many.
    """
    window = tokens - PASSAGE + 1
    if not 1 <= window <= MOST_WINDOW:
        least, most = guaranteed_tokens(1), guaranteed_tokens(MOST_WINDOW)
        raise InvalidInputError(
            f"passages of {tokens} tokens cannot be guaranteed, expected {least} to {most:,}"
        )
    return window


def lowered(point: int) -> int:
    """Return the simple lower-case mapping of a code point."""
    return lower_case().get(point, point)


@cache
def lower_case() -> dict[int, int]:
    """Return the code points that have a simple lower-case mapping to another, with it."""
    mapping = {}
    for part in case_table.LOWER.split():
        points, _, target = part.partition(">")
        span, _, step = points.partition("/")
        first, _, last = span.partition("-")
        begin = int(first, 16)
        for point in range(begin, int(last or first, 16) + 1, int(step or 1)):
            mapping[point] = point - begin + int(target, 16)
    return mapping


def _run(
    data: _Bytes,
    offsets: _Integers,
    params: SketchParams | None,
    window: int,
    every: bool,
    keys: _Keys,
) -> tuple[_Slots, _Integers, _Keys, _Integers]:
    """Return signatures, token counts, passages and how many passages each document has."""
    many = len(offsets) - 1
    data = np.ascontiguousarray(data, dtype=np.uint8)
    offsets = np.ascontiguousarray(offsets, dtype=np.int64)
    pages, entries = _characters()
    factors, terms = _permutations(params.permutations if params else 0)
    signatures = np.empty((many, params.permutations if params else 0), dtype=np.uint32)
    tokens, counts = np.empty(many, dtype=np.int64), np.empty(many, dtype=np.int64)
    # Whole blocks are read: the last bytes from a copy that goes on.
    tail_begin = max(0, len(data) - _TAIL)
    tail = np.zeros(2 * _TAIL, dtype=np.uint8)
    tail[: len(data) - tail_begin] = data[tail_begin:]
    places, room = workspace(window, len(factors))
    scratch = np.empty(room, dtype=np.uint8)
    text = np.empty(TEXT, dtype=np.uint8)
    size = int(offsets[-1] - offsets[0])
    passages = np.empty(size // 32 + 2 * (SPARE + window) if window else 0, dtype=np.uint64)

    jobs = np.zeros(1, dtype=JOB)
    job = jobs[0]
    job["documents"], job["size"], job["page_count"] = many, len(data), len(pages)
    job["width"], job["window"], job["every"] = len(factors), window, every
    if params:
        job["permutations"] = params.permutations
        job["bands"], job["rows"] = params.bands, params.rows
    arrays: dict[str, npt.NDArray[Any]] = {
        "data": data, "offsets": offsets, "pages": pages, "entries": entries,
        "factors": factors, "terms": terms, "signatures": signatures, "tokens": tokens,
        "keys": keys, "counts": counts,
    }  # fmt: skip
    for name, array in arrays.items():
        job[name] = array.ctypes.data
    job["tail"] = tail.ctypes.data - tail_begin
    for name, place in places.items():
        job[name] = scratch.ctypes.data + place
    while True:
        job["text"], job["text_size"] = text.ctypes.data, len(text)
        job["passages"], job["passages_size"] = passages.ctypes.data, len(passages)
        asked = _kernel()(jobs)
        if asked == DONE:
            return signatures, tokens, passages[: job["found"]].copy(), counts
        if asked == MORE_TEXT:
            if 2 * len(text) > _LONGEST_TEXT:
                raise InvalidInputError("five words in a row take more than 2 GiB")
            text = _doubled(text)
        else:
            passages = _doubled(passages)


def _kernel() -> Kernel:
    from registry.core.kernel import machine

    return machine.kernel()


def _doubled(array: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """Return an array of twice the size that begins with what this one holds."""
    larger = np.empty(2 * len(array), dtype=array.dtype)
    larger[: len(array)] = array
    return larger


def _other(one: int, two: int) -> ConflictError:
    return ConflictError(f"sketches of {one} and of {two} permutations do not compare")


@cache
def _permutations(many: int) -> tuple[_Slots, _Slots]:
    """Return the factors and terms of datasketch's `affine32`, filled up to whole vectors."""
    source = np.random.RandomState(SEED)
    filled = np.zeros((2, -(-many // LANES) * LANES), dtype=np.uint32)
    filled[0, :many] = source.randint(0, 1 << 31, many, dtype=np.uint32) * np.uint32(2) + 1
    filled[1, :many] = source.randint(0, 1 << 32, many, dtype=np.uint32)
    filled.flags.writeable = False
    return filled[0], filled[1]


@cache
def _characters() -> tuple[_Slots, _Slots]:
    """Return what becomes of every code point, as the kernel reads it.

    An entry holds, from its lowest bit: 24 bits to XOR into the UTF-8 bytes (the first three, or
    the last three of four), 3 bits for how many bytes then remain, and 2 for the kind, as
    `registry.core.words` has it. Equal pages of 64 entries are kept once.
    """
    points = np.arange(0x110000)
    kinds = words.kinds()
    length = 1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000)
    entries = (kinds.astype(np.uint32) << 27) | ((length * (kinds > 0)).astype(np.uint32) << 24)
    for point, target in lower_case().items():
        if kinds[point]:
            before, after = chr(point).encode(), chr(target).encode()
            change = int.from_bytes(before, "little") ^ int.from_bytes(after, "little")
            if len(before) == 4:
                change >>= 8
            entries[point] = (int(kinds[point]) << 27) | (len(after) << 24) | change
    known: dict[bytes, int] = {}
    rows = (row.tobytes() for row in entries.reshape(-1, 64))
    numbers = np.array([known.setdefault(row, len(known)) for row in rows], dtype=np.uint32)
    flat = np.frombuffer(b"".join(known), dtype=np.uint32).copy()
    numbers.flags.writeable = flat.flags.writeable = False
    return numbers, flat
