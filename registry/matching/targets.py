"""What is searched: documents of registered versions, and how far the index reaches there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from registry.core.contents import Rows
from registry.core.sketch import SCHEME, SketchParams, guaranteed_tokens
from registry.db.models import SegmentKind
from registry.index.reading import Index

RUN: Final = 25
"""The shortest run of tokens that is told of, unless something else is asked for."""
EVALUATION_RUN: Final = 13
"""The same, of evaluation sets."""
PARAMS: Final = SketchParams()

Texts = Callable[[int, Rows], Iterator[pa.Array]]
"""Gives the texts of documents of a location, by ascending rows, each checked against its hash.

It raises a `RegistryError` where they are not at hand.
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A version that is searched.

    Attributes:
        location: Its first location, whose rows are given.
        documents: How many documents it has.
        run: The shortest run of shared tokens that counts.
        every: Name every document of it that a text shares something with, as with the items of
            an evaluation set, and not only the closest few.
        mixed: Name every document of it that matches: which ones do makes a difference, as where
            only some of them are by a model.
    """

    location: int
    documents: int
    run: int = RUN
    every: bool = False
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the index reaches in a version.

    Attributes:
        exact: Equal documents are found.
        near: Alike documents are found.
        window: Of how many runs of eight tokens in a row one is known; None for no passages.
        tokens: A shared run of so many tokens is found without fail; None for no passages.
    """

    exact: bool
    near: bool
    window: int | None
    tokens: int | None

    def is_complete(self, run: int) -> bool:
        """Return whether everything is found, with runs of so many tokens."""
        return self.exact and self.near and self.tokens is not None and self.tokens <= run


def reach(index: Index, targets: Sequence[Target]) -> dict[int, Reach]:
    """Return how far an index reaches in each of some locations."""
    tables = index.sketched()
    content, bands, passages = (
        index.covered(kind)
        for kind in (SegmentKind.CONTENT, SegmentKind.BANDS, SegmentKind.PASSAGES)
    )
    found = {}
    for target in targets:
        at, many = target.location, target.documents
        table = tables.get(at)
        fits = (
            table is not None
            and table.scheme == SCHEME
            and table.permutations == PARAMS.permutations
        )
        window = None
        if fits and table is not None and passages.get(at, 0) == many:
            window = table.window
        found[at] = Reach(
            content.get(at, 0) == many,
            fits and bands.get(at, 0) == many,
            window,
            None if window is None else guaranteed_tokens(window),
        )
    return found
