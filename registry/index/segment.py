"""A segment: the sorted entries of up to 2^24 documents of one or more locations.

Its body is the entries, and then fences: what every so-manieth entry is sorted by, so that a
look-up reads the blocks it needs and no others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from registry.core.contents import Hashes, leading
from registry.core.sketch import SCHEME, SketchParams
from registry.db.models import SegmentKind
from registry.index.blocks import Array, BlockFile, Keys, Rows, damaged, is_number
from registry.index.entries import (
    CONTENT,
    LOCAL,
    MOST_DOCUMENTS,
    PACKED,
    keys_of,
)
from registry.index.parts import params_of

CONTENTS: Final = "sha-256"
"""The scheme of segments of contents."""
_UID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Span:
    """Documents of a location that stand in a row, there and in a segment.

    Attributes:
        uid: The location.
        local: The first of them in the segment.
        first: Its row in the location.
        rows: How many.
    """

    uid: str
    local: int
    first: int
    rows: int


def entry_type(kind: SegmentKind) -> np.dtype[Any]:
    """Return what an entry of a kind of segment is."""
    return CONTENT if kind is SegmentKind.CONTENT else PACKED


def fence_step(kind: SegmentKind) -> int:
    """Return after how many entries there is a fence: those of about one block."""
    return 128 if kind is SegmentKind.CONTENT else 512


def scheme_of(kind: SegmentKind) -> str:
    """Return what the keys of a kind of segment are."""
    return CONTENTS if kind is SegmentKind.CONTENT else SCHEME


class SegmentFile:
    """An open segment.

    Attributes:
        file: Its file.
        kind: What it finds documents by.
        documents: How many documents it holds.
        entries: How many entries.
        spans: Which documents those are.
        params: What the sketches are, that its keys are of; None for contents.
        window: What its passages are the least of; None for other kinds.
    """

    def __init__(self, file: BlockFile) -> None:
        """Understand a file's footer.

        Raises:
            ConflictError: It is no segment, or a damaged one.
        """
        said = file.footer
        self.file = file
        try:
            self.kind = SegmentKind(str(said.get("kind")))
        except ValueError as error:
            raise damaged(file.path, "is no segment") from error
        self._dtype, self._step = entry_type(self.kind), fence_step(self.kind)
        if said.get("scheme") != scheme_of(self.kind):
            known = scheme_of(self.kind)
            raise damaged(file.path, f"is of the scheme `{said.get('scheme')}`, not of `{known}`")
        if not all(is_number(said.get(name)) for name in ("documents", "entries", "fences")):
            raise damaged(file.path, "is damaged in its footer")
        self.documents: int = said["documents"]
        self.entries: int = said["entries"]
        self._fences_at: int = said["fences"]
        self._fences = -(-self.entries // self._step)
        if (
            self.documents > MOST_DOCUMENTS
            or not file.fits(0, self.entries, self._dtype.itemsize)
            or not file.fits(self._fences_at, self._fences, 8)
        ):
            raise damaged(file.path, "is damaged in its footer")
        self.params: SketchParams | None = None
        self.window: int | None = None
        if self.kind is not SegmentKind.CONTENT:
            self.params = params_of(file.path, said.get("params"))
        if self.kind is SegmentKind.PASSAGES:
            self.window = said.get("window")
            if not is_number(self.window) or not self.window:
                raise damaged(file.path, "is damaged in its footer")
        self.spans = self._read_spans(said.get("spans"))
        self._locals = np.array([span.local for span in self.spans], np.int64)
        self._firsts = np.array([span.first for span in self.spans], np.int64)

    @property
    def path(self) -> Path:
        """Return where it is."""
        return self.file.path

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return what an entry is."""
        return self._dtype

    @property
    def step(self) -> int:
        """Return after how many entries there is a fence."""
        return self._step

    def read(self, at: int, count: int) -> Array:
        """Return entries, read from the disk.

        Raises:
            ConflictError: They are damaged.
        """
        return self.file.read(at * self._dtype.itemsize, count, self._dtype)

    def fences(self) -> Keys:
        """Return what the first entry of each step is sorted by.

        Raises:
            ConflictError: They are damaged.
        """
        return self.file.read(self._fences_at, self._fences, "<u8")

    def find(self, keys: Keys) -> tuple[Rows, Array]:
        """Return the entries of some keys, and for each which of the keys it is of.

        Args:
            keys: What to look for, low 24 bits zero unless the segment is of contents.

        Raises:
            ConflictError: A block that is needed is damaged.
        """
        return self.gather(*self.ranges(keys))

    def ranges(self, keys: Keys) -> tuple[Rows, Rows]:
        """Return between which entries those of each key are.

        Raises:
            ConflictError: A block that is needed is damaged.
        """
        if not self.entries or not len(keys):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
        span = np.uint64(0) if self.kind is SegmentKind.CONTENT else LOCAL
        return self._place(keys, right=False), self._place(keys | span, right=True)

    def range_of(self, low: np.uint64, high: np.uint64) -> tuple[int, int]:
        """Return between which entries all those are whose keys lie in a closed range.

        Raises:
            ConflictError: The fences are damaged.
        """
        if not self.entries:
            return 0, 0
        if self.kind is not SegmentKind.CONTENT:
            high |= LOCAL
        fences = self._checked_fences()
        begin = max(int(np.searchsorted(fences, low)) - 1, 0) * self._step
        end = int(np.searchsorted(fences, high, side="right")) * self._step
        return begin, min(end, self.entries)

    def find_contents(self, hashes: Hashes) -> tuple[Rows, Rows]:
        """Return the documents that have some contents, and for each which of them it has.

        Raises:
            ConflictError: A block that is needed is damaged.
        """
        question, entries = self.find(leading(hashes))
        same = entries["hash"] == hashes[question]
        return question[same], entries["local"][same].astype(np.int64)

    def resolve(self, local: Rows) -> tuple[Rows, Rows]:
        """Return for documents of the segment which span each is in, and its row there.

        Raises:
            ConflictError: The segment does not have one of them.
        """
        if len(local) and local.max() >= self.documents:
            raise damaged(self.path, "speaks of documents that it does not have")
        if len(self.spans) == 1:
            span = np.zeros(len(local), np.int64)
        else:
            span = np.searchsorted(self._locals, local, side="right") - 1
        return span, local - self._locals[span] + self._firsts[span]

    def _place(self, keys: Keys, *, right: bool) -> Rows:
        """Return before which entry each key would stand, or behind which if `right`."""
        fences = self._checked_fences()
        step = np.searchsorted(fences, keys, side="right" if right else "left") - 1
        low: Rows = np.maximum(step, 0).astype(np.int64) * self._step
        high = np.where(step < 0, 0, np.minimum(low + self._step, self.entries))
        width = self._dtype.itemsize
        inside = low < high
        self.file.check(low[inside] * width, high[inside] * width)
        entries = self.file.view(0, self.entries, self._dtype)
        while (left := low < high).any():
            middle = (low + high) >> 1
            found = keys_of(entries[np.minimum(middle, self.entries - 1)])
            after = (found <= keys) if right else (found < keys)
            low = np.where(left & after, middle + 1, low)
            high = np.where(left & ~after, middle, high)
        return low

    def gather(self, begins: Rows, ends: Rows) -> tuple[Rows, Array]:
        """Return the entries of some ranges, and for each which of the ranges it is in.

        Raises:
            ConflictError: A block that is needed is damaged.
        """
        sizes = np.maximum(ends - begins, 0)
        hit = np.flatnonzero(sizes)
        begins, ends, sizes = begins[hit], ends[hit], sizes[hit]
        width = self._dtype.itemsize
        self.file.check(begins * width, ends * width)
        question = np.repeat(hit, sizes)
        at = np.repeat(begins - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        return question, self.file.view(0, self.entries, self._dtype)[at]

    def _checked_fences(self) -> Keys:
        begin = np.array([self._fences_at], np.int64)
        self.file.map().check(begin, begin + 8 * self._fences)
        return self.file.view(self._fences_at, self._fences, "<u8")

    def _read_spans(self, said: Any) -> list[Span]:
        wrong = damaged(self.path, "is damaged in its footer")
        if not isinstance(said, list):
            raise wrong
        spans, at = [], 0
        for item in said:
            if not isinstance(item, list) or len(item) != 4:
                raise wrong
            uid, local, first, rows = item
            numbers = is_number(local) and is_number(first) and is_number(rows)
            if not numbers or local != at or not rows:
                raise wrong
            if not isinstance(uid, str) or not _UID.fullmatch(uid):
                raise wrong
            spans.append(Span(uid, local, first, rows))
            at += rows
        if at != self.documents:
            raise wrong
        return spans
