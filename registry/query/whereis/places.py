"""Which locations can be searched how, and what that adds up to."""

from __future__ import annotations

from dataclasses import dataclass

from registry.core.sketch import SCHEME, guaranteed_tokens
from registry.db.models import SegmentKind
from registry.index.reading import Index
from registry.query.whereis.question import PARAMS
from registry.query.whereis.seen import Seen


@dataclass(frozen=True, slots=True)
class Searched:
    """What was searched, of what the caller may see.

    Attributes:
        documents: All documents; exact matches were looked for among all of them.
        not_indexed: Those of places that the index does not have, which were gone through instead.
        near: Documents whose sketches were compared.
        passages: Documents whose passages were looked up.
        guaranteed: A shared run of so many tokens is found in each of these; None without any.
        recall: How probably a document of just `min_similarity` is found.
        min_similarity: The smallest similarity that was asked for.
        permutations: How many numbers a similarity is estimated from.
    """

    documents: int
    not_indexed: int
    near: int
    passages: int
    guaranteed: int | None
    recall: float
    min_similarity: float
    permutations: int


class Places:
    """Which locations can be searched how.

    Args:
        seen: What the caller may see.
        index: The index.

    Attributes:
        missing: Locations of which the index does not have every content hash.
        known: The others.
        near: Locations whose sketches can be compared.
        passages: Locations whose passages can be looked up.
    """

    def __init__(self, seen: Seen, index: Index) -> None:
        self._seen = seen
        self.missing = seen.missing(index.covered(SegmentKind.CONTENT))
        self.known = seen.locations - self.missing
        tables = {
            location: table
            for location, table in index.sketched().items()
            if table.scheme == SCHEME and table.permutations == PARAMS.permutations
        }
        firsts = seen.first_locations & tables.keys()
        self.near = firsts - seen.missing(index.covered(SegmentKind.BANDS))
        self.passages = frozenset(
            it
            for it in firsts - seen.missing(index.covered(SegmentKind.PASSAGES))
            if tables[it].window is not None
        )
        self._windows = [tables[it].window or 0 for it in self.passages]

    def among(self, places: frozenset[int]) -> frozenset[int] | None:
        """Return which locations may answer, or None for all, which costs nothing to look at."""
        complete = self._seen.locations if places is self.known else self._seen.first_locations
        everything = self._seen.caller.sees_all and not self._seen.withdrawn
        return None if everything and len(places) == len(complete) else places

    @property
    def widest(self) -> int:
        """Return among how many pieces of eight tokens in a row one was kept, at least."""
        return max(self._windows, default=0)

    def searched(self, min_similarity: float) -> Searched:
        """Return what a search goes through."""

        def documents_of(places: frozenset[int]) -> int:
            return sum(self._seen.documents[self._seen.versions[place]] for place in places)

        firsts = self._seen.first_locations
        return Searched(
            self._seen.total,
            documents_of(self.missing & firsts),
            documents_of(self.near),
            documents_of(self.passages),
            guaranteed_tokens(self.widest) if self._windows else None,
            PARAMS.recall(min_similarity),
            min_similarity,
            PARAMS.permutations,
        )
