"""Which documents are anchored: a protected version has the same text.

The same bytes, that is, or what differs from them in one newline at the end, LF or CRLF, there or
not. That is the normalisation of `whereis`, and it is all of it. A hash does not tell what the
text would hash to with a newline more or less, so this is computed from the texts of protected
versions, which are kept, and for each of them once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from registry import documents
from registry.blobs import Store
from registry.core.contents import Hashes, Mask, equals, member
from registry.core.digest import sha256_hex
from registry.db.models import DatasetVersion, Location
from registry.errors import ConflictError
from registry.query import catalogue, derived
from registry.query.again import Again
from registry.query.protection import protected_ids
from registry.query.whereis.finder import Looking
from registry.query.whereis.occurrences import occurrences

RULE: Final = "equal bytes, or one newline at the end more or less"
BLOCK: Final = 1 << 18
_PART: Final = 1 << 20
_KEPT: Final = "newlines"
_EMPTY: Final = bytes.fromhex(sha256_hex(b""))


@dataclass(frozen=True, slots=True)
class Anchored:
    """Which documents of a version are anchored.

    Attributes:
        exact: Those whose very bytes a protected version has.
        normalised: Others, whose text differs from one there in a newline at the end.
        by: The protected versions that the caller may see, by name and number, each with how many
            documents it anchors.
        not_compared: Those of them of which only the bytes were compared.
    """

    exact: Mask
    normalised: Mask
    by: tuple[tuple[DatasetVersion, int], ...]
    not_compared: tuple[DatasetVersion, ...]

    @property
    def all(self) -> Mask:
        """Return all that are anchored."""
        return self.exact | self.normalised


def no_anchors(documents: int) -> Anchored:
    """Return that nothing is anchored: there are no protected versions."""
    none = np.zeros(documents, np.bool_)
    return Anchored(none, none, (), ())


def anchored(looking: Looking, hashes: Hashes, *, again: Again | None = None) -> Anchored:
    """Find which documents are anchored; a text without bytes never is.

    Args:
        looking: The catalogue, as the caller sees it.
        hashes: The content hash of each document.
        again: Reads texts of protected versions; without it, those that were read before count.

    Raises:
        ConflictError: A file of the index or a document table is missing or was changed.
    """
    exact, normalised = np.zeros(len(hashes), np.bool_), np.zeros(len(hashes), np.bool_)
    by, not_compared = [], []
    for version in protected(looking):
        place = looking.seen.place(looking.session, looking.seen.firsts[version.id])
        same = _same(looking, place, hashes)
        other = np.zeros(len(hashes), np.bool_)
        try:
            for variants in _variants(looking.store, version, place, again):
                other |= member(hashes, variants)
        except ConflictError:
            not_compared.append(version)
        exact |= same
        normalised |= other
        by.append((version, int(np.count_nonzero(same | other))))
    return Anchored(exact, normalised & ~exact, tuple(by), tuple(not_compared))


def protected(looking: Looking) -> list[DatasetVersion]:
    """Return the protected versions that the caller may see, by name and number."""
    ids = protected_ids(looking.session) & looking.seen.firsts.keys()
    found = [looking.seen.known(looking.session, id).about.version for id in sorted(ids)]
    return sorted(found, key=lambda it: (str(catalogue.ref_of(it).dataset), it.number))


def anchored_record(found: Anchored) -> dict[str, Any]:
    """Return how many documents are anchored, and where."""
    return {
        "documents": int(np.count_nonzero(found.all)),
        "exact": int(np.count_nonzero(found.exact)),
        "normalised": int(np.count_nonzero(found.normalised)),
        "by": [_name(version) | {"documents": many} for version, many in found.by if many],
        "not_compared": [_name(version) for version in found.not_compared],
        "protected_versions": len(found.by),
        "rule": RULE,
    }


def _name(version: DatasetVersion) -> dict[str, Any]:
    return {"dataset": str(catalogue.ref_of(version).dataset), "version": version.number}


def _same(looking: Looking, place: Location, hashes: Hashes) -> Mask:
    """Return which documents have the bytes of one of a location, each text asked about once."""
    alike = equals(hashes)
    rows = np.flatnonzero(alike.first(hashes != np.bytes_(_EMPTY)))
    rows = rows[np.argsort(hashes[rows], kind="stable")]
    same = np.zeros(len(hashes), np.bool_)
    for begin in range(0, len(rows), BLOCK):
        block = rows[begin : begin + BLOCK]
        found = occurrences(looking, hashes[block], among=frozenset({place.id}))
        same[block[found.text]] = True
    same[alike.rows] = same[alike.rows[alike.starts][alike.groups]]
    return same


def _variants(
    store: Store, version: DatasetVersion, place: Location, again: Again | None
) -> Iterator[Hashes]:
    """Give, in parts, what texts hash to that differ from those of a version in a newline.

    Raises:
        ConflictError: The texts were not read before, and are not at hand.
    """
    for begin in range(0, version.documents, _PART):
        depends = {"rule": RULE, "texts": place.order_root, "from": begin, "at_most": _PART}
        kept = derived.load(store, _KEPT, depends)
        if kept is None:
            if again is None:
                raise ConflictError("texts are not read again here")
            rows = np.arange(begin, min(begin + _PART, version.documents))
            parts = [_changed(texts) for texts in again(version, place, rows)]
            hashes = np.unique(np.concatenate([np.empty(0, "S32"), *parts]))
            kept = pa.table({"content_hash": documents.hash_column(hashes)})
            derived.keep(store, _KEPT, depends, kept)
        yield documents.hashes_of(kept.column("content_hash"))


def _changed(texts: pa.Array) -> Hashes:
    """Return the hashes of texts that differ from some in one newline at the end."""
    texts = texts.cast(pa.large_string())
    texts = texts.filter(pc.greater(pc.binary_length(texts), 0))
    nothing = pa.scalar("", pa.large_string())
    made = []
    for ending in ("\n", "\r\n"):
        end = pa.scalar(ending, pa.large_string())
        made.append(pc.binary_join_element_wise(texts, end, nothing))
        less = texts.filter(pc.ends_with(texts, ending))
        less = pc.replace_substring_regex(less, rf"{ending}\z", "")
        made.append(less.filter(pc.greater(pc.binary_length(less), 0)))
    return documents.as_hashes(b"".join(map(documents.hash_texts, made)))
