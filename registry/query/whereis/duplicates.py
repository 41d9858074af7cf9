"""Which documents of a version are elsewhere too, or again: a page of its rows at a time."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np

from registry import documents
from registry.core.contents import Rows
from registry.core.sketch import band_keys
from registry.db.models import DatasetVersion
from registry.query import catalogue, withdrawn
from registry.query.page import Page
from registry.query.whereis.candidates import NOTHING, Candidates, resembling
from registry.query.whereis.finder import Looking
from registry.query.whereis.occurrences import occurrences
from registry.query.whereis.question import PARAMS

LISTED: Final = 20
"""How many counterparts of a document are listed; it is said how many there are."""
_SCANNED: Final = 2048
"""How many rows a page goes through at most: it may have few items, or none, and go on."""
_BLOCK: Final = 64


def duplicates(
    looking: Looking, version: DatasetVersion, *, after: int, limit: int, min_similarity: float
) -> Page:
    """Return the documents of a version that have counterparts, each with those.

    Args:
        looking: The catalogue, as the caller sees it.
        version: The version.
        after: Begin behind this row, counted from 1.
        limit: How many documents at most.
        min_similarity: The smallest similarity of near counterparts.

    Raises:
        ConflictError: A file of the index or a document table is missing or was changed.
    """
    withdrawn.require(looking.session, version)
    search = _Search(looking, version, min_similarity)
    items: list[dict[str, Any]] = []
    row, end = after, min(after + _SCANNED, version.documents)
    while row < end:
        block = np.arange(row, min(row + _BLOCK, end))
        for item in search.items(block):
            items.append(item)
            if len(items) == limit:
                last = int(item["row"])
                return Page(items, str(last) if last < version.documents else None)
        row = int(block[-1]) + 1
    return Page(items, str(row) if row < version.documents else None)


class _Search:
    """The search for the counterparts of a version's documents."""

    def __init__(self, looking: Looking, version: DatasetVersion, min_similarity: float) -> None:
        self._looking = looking
        self._first = looking.seen.firsts[version.id]
        self._places = looking.places
        self._min_similarity = min_similarity
        firsts = np.fromiter(looking.seen.first_locations, np.int64)
        self._firsts = np.sort(firsts)
        self._names: dict[int, dict[str, Any]] = {}

    def items(self, rows: Rows) -> list[dict[str, Any]]:
        """Return those of some rows that have counterparts."""
        it = self._looking
        table = it.seen.place(it.session, self._first)
        column = it.reader.take(table, rows, ("content_hash",)).column(0)
        hashes, first, text = np.unique(
            documents.hashes_of(column), return_index=True, return_inverse=True
        )
        found = occurrences(it, hashes)
        # A document is a row of the first location of a version.
        documents_only = np.isin(found.location, self._firsts)
        order = np.flatnonzero(documents_only)
        order = order[np.lexsort((found.row[order], found.location[order], found.text[order]))]
        ends = np.searchsorted(found.text[order], np.arange(len(hashes) + 1))
        near = self._near(rows[first])
        items = []
        for at, row in zip(text.tolist(), rows.tolist(), strict=True):
            same = order[ends[at] : ends[at + 1]]
            equal = Candidates(
                found.location[same], found.row[same], np.ones(len(same)), np.zeros(len(same), int)
            )
            others = equal.without(np.array([self._first]), np.array([row]))
            close = near[at].without(equal.location, equal.row)
            if len(others) or len(close):
                items.append(
                    {
                        "row": row + 1,
                        "content_hash": hashes[at : at + 1].tobytes().hex(),
                        "exact": {"documents": len(others), "listed": self._by_version(others)},
                        "near": {"documents": len(close), "listed": self._each(close)},
                    }
                )
        return items

    def _near(self, rows: Rows) -> list[Candidates]:
        if self._first not in self._places.near:
            return [NOTHING] * len(rows)
        signatures = self._looking.index.signatures(self._first, rows)
        bands = band_keys(signatures, PARAMS)
        asked = np.flatnonzero(bands.any(axis=1))
        return resembling(
            self._looking.index, self._places, signatures, bands, asked, self._min_similarity
        )

    def _by_version(self, found: Candidates) -> list[dict[str, Any]]:
        """Return how many documents of each version, and the first of them."""
        counts = Counter(found.location.tolist())
        rows = {place: int(found.row[found.location == place].min()) for place in counts}
        listed = sorted(counts, key=lambda place: tuple(self._name(place).values()))[:LISTED]
        return [
            {**self._name(place), "row": rows[place] + 1, "documents": counts[place]}
            for place in listed
        ]

    def _each(self, found: Candidates) -> list[dict[str, Any]]:
        shown = zip(
            found.location[:LISTED].tolist(),
            found.row[:LISTED].tolist(),
            found.score[:LISTED].tolist(),
            strict=True,
        )
        return [
            {**self._name(place), "row": row + 1, "similarity": round(score, 4)}
            for place, row, score in shown
        ]

    def _name(self, place: int) -> dict[str, Any]:
        if place not in self._names:
            version = self._looking.seen.versions[place]
            ref = catalogue.ref_of(
                self._looking.seen.known(self._looking.session, version).about.version
            )
            self._names[place] = {"dataset": str(ref.dataset), "version": ref.version}
        return self._names[place]
