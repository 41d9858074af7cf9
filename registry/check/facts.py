"""What is known of the documents that match: where they are, who claims what, since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from registry import documents
from registry.core.contents import Hashes, Mask, Rows
from registry.core.dataset import Origin
from registry.db.models import DatasetVersion
from registry.query.catalogue import ref_of
from registry.query.standing import EVER, NEVER, Labels, Standing
from registry.query.whereis.facts import Facts
from registry.query.whereis.finder import Looking
from registry.query.whereis.occurrences import everywhere

TEXTS: Final = 1 << 13
"""Of how many texts it is looked up at a time what is known."""
_HAND: Final = (Origin.AI.caution, Origin.ASSISTED.caution, Origin.MIXED.caution)
_NO_MODEL: Final = (Origin.HUMAN.caution, Origin.PROGRAMMATIC.caution)
_WHERE: Final = ("content_hash", "file", "record")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of documents, a row for each.

    Attributes:
        hashes: Their contents.
        file: The file that each was read from.
        record: The record there, from 0.
        ranks: What each counts as, by caution.
        by_model: Some version that has the text says that a model had a hand in it.
        generators: Who wrote each, in words; empty for nobody that is named.
        licenses: Under which licenses each is; empty for none that is claimed.
        not_before: Microseconds since 1970 UTC, or `EVER`: of the version that has it first.
        not_after: The text existed by then, or `NEVER`.
        first: Which of `versions` says so; -1 for none.
        versions: Names of versions.
    """

    hashes: Hashes
    file: list[str]
    record: Rows
    ranks: npt.NDArray[np.int8]
    by_model: Mask
    generators: list[str]
    licenses: list[str]
    not_before: Rows
    not_after: Rows
    first: Rows
    versions: list[str]


def known(
    looking: Looking, version: Rows, location: Rows, row: Rows, names: dict[int, str]
) -> Known:
    """Return what is known of documents.

    Args:
        looking: The catalogue, as the caller sees it.
        version: The version of each document.
        location: Its first location.
        row: The row there.
        names: What versions are called that have no name of their own, by their ids.

    Raises:
        ConflictError: A document table, or a file of the index, is missing or was changed.
    """
    many = len(row)
    hashes = np.empty(many, "S32")
    files, records = np.empty(many, object), np.zeros(many, np.int64)
    for place in np.unique(location).tolist():
        mine = np.flatnonzero(location == place)
        table = looking.seen.place(looking.session, place)
        taken = looking.reader.take(table, row[mine], _WHERE)
        hashes[mine] = documents.hashes_of(taken.column("content_hash"))
        read = np.array([file["name"] for file in table.files], object)
        files[mine] = read[taken.column("file").to_numpy()]
        records[mine] = taken.column("record").to_numpy()
    texts, at = np.unique(hashes, return_inverse=True)
    said = _Said(len(texts), many)
    for begin in range(0, len(texts), TEXTS):
        some = texts[begin : begin + TEXTS]
        facts = Facts(looking.session, looking.seen, looking.reader, everywhere(looking, some))
        for about, _, standing in facts.standings:
            of = begin + np.searchsorted(some, standing.hashes)
            said.by_all(about.about.version, of, standing, names)
            mine = np.flatnonzero(
                (version == about.about.version.id) & (at >= begin) & (at < begin + len(some))
            )
            # Of equal rows any will do: they count alike, and a date of one is one of all.
            order = np.argsort(of, kind="stable")
            first = order[np.searchsorted(of[order], at[mine])] if len(mine) else mine
            said.by_own(mine, first, standing)
    return Known(
        hashes,
        files.tolist(),
        records,
        said.ranks,
        said.by_model[at],
        said.generators.tolist(),
        said.licenses.tolist(),
        said.begins[at],
        said.ends[at],
        said.first[at],
        said.versions,
    )


class _Said:
    """What the versions say, put together: of texts by all of them, of documents by their own."""

    def __init__(self, texts: int, many: int) -> None:
        self.by_model = np.zeros(texts, np.bool_)
        self.begins = np.full(texts, EVER, np.int64)
        self.ends = np.full(texts, NEVER, np.int64)
        self.first = np.full(texts, -1, np.int64)
        self.versions: list[str] = []
        self.ranks = np.full(many, Origin.UNKNOWN.caution, np.int8)
        self.generators = np.full(many, "", object)
        self.licenses = np.full(many, "", object)

    def by_all(
        self, version: DatasetVersion, of: Rows, standing: Standing, names: dict[int, str]
    ) -> None:
        """Take what a version says of texts: of each the earliest date counts."""
        self.versions.append(names.get(version.id) or ref_of(version).short)
        ranks = np.asarray(standing.view.ranks)
        named = np.array([bool(it) for it in standing.generators.names], np.bool_)
        model = named[np.asarray(standing.generators.codes)] & ~np.isin(ranks, _NO_MODEL)
        np.logical_or.at(self.by_model, of, model | np.isin(ranks, _HAND))
        ends = np.asarray(standing.not_after, np.int64)
        order = np.lexsort((ends, of))
        each, at = np.unique(of[order], return_index=True)
        best = order[at]
        earlier = ends[best] < self.ends[each]
        each, best = each[earlier], best[earlier]
        self.ends[each] = ends[best]
        self.begins[each] = np.asarray(standing.not_before, np.int64)[best]
        self.first[each] = len(self.versions) - 1

    def by_own(self, mine: Rows, rows: Rows, standing: Standing) -> None:
        """Take what the version of some documents says of them."""
        self.ranks[mine] = np.asarray(standing.view.ranks)[rows]
        self.generators[mine] = _words(standing.generators, rows, ", ")
        self.licenses[mine] = _words(standing.licenses, rows, " AND ")


def _words(labels: Labels, rows: Rows, between: str) -> npt.NDArray[np.object_]:
    written = np.array([between.join(names) for names in labels.names] or [""], object)
    return written[np.asarray(labels.codes)[rows]]
