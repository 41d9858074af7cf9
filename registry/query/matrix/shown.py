"""A matrix as a table for programs and as a heat map for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

from registry.core.dataset import DatasetRef
from registry.formats import heatmap
from registry.query import catalogue
from registry.query.matrix.counts import Common, Share, fraction
from registry.query.matrix.table import PARAMS, Matrix
from registry.query.overlaps.pairing import NEAR

COLUMNS: Final = (
    "dataset", "version", "documents", "bytes", "in_dataset", "in_version", "texts",
    *(
        f"{kind}_{what}"
        for kind in ("exact", "near", "either")
        for what in ("documents", "bytes", "share_documents", "share_bytes")
    ),
    "skipped",
)  # fmt: skip
TITLE: Final = "Overlap"
DESCRIPTION: Final = (
    "Of the documents of the row, the share in percent that have an equal or a near text in the "
    "column."
)


def to_csv(matrix: Matrix) -> str:
    """Return a row for each two versions that were compared, in both directions."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one, two in _directions(matrix):
        common = _common(matrix, one, two)
        version, ref, other = matrix.members[one].version, _ref(matrix, one), _ref(matrix, two)
        cells: list[object] = [str(ref.dataset), ref.version, version.documents, version.bytes]
        cells += [str(other.dataset), other.version, common.texts]
        near = matrix.near(one, two)
        for known, amount in (
            (True, common.here.exact),
            (near, common.here.near),
            (near, common.here.either),
        ):
            numbers = [
                amount.documents,
                amount.bytes,
                fraction(amount.documents, version.documents),
                fraction(amount.bytes, version.bytes),
            ]
            cells += numbers if known else [""] * len(numbers)
        writer.writerow([*cells, common.skipped])
    return out.getvalue()


def to_svg(matrix: Matrix) -> str:
    """Return a heat map."""
    labels = [_ref(matrix, at).short for at in range(len(matrix.members))]
    cells = {}
    for one in range(len(labels)):
        for two in range(len(labels)):
            where = f"{labels[one]} in {labels[two]}"
            if one != two and not matrix.is_compared(one, two):
                cells[one, two] = heatmap.Cell(None, f"{where}: not compared")
    for at, common in matrix.common.items():
        for (one, two), share in ((at, common.here), (at[::-1], common.there)):
            documents = matrix.members[one].version.documents
            near = matrix.near(one, two)
            title = f"{labels[one]} in {labels[two]}: {_title(matrix, one, share, near)}"
            amount = share.either if near else share.exact
            cells[one, two] = heatmap.Cell(amount.documents / max(documents, 1), title)
    # Rounded down: what is not certain is not 1.
    recall = f"{int(PARAMS.recall(NEAR) * 1000) / 1000:.3f}"
    notes = [
        f"Near: a similarity of {NEAR:g} or more, found with a probability of {recall} there and "
        "higher above; equal: the same bytes.",
        "What a model rewrote is neither: an empty cell says nothing about who or what wrote the "
        "texts.",
    ]
    return heatmap.svg(TITLE, DESCRIPTION, labels, cells, notes=notes)


def _title(matrix: Matrix, at: int, share: Share, near: bool) -> str:
    version = matrix.members[at].version
    exact = f"{share.exact.documents:,} of {version.documents:,} documents equal"
    if not near:
        return f"{exact}, near ones not known"
    whole = (
        f"{share.either.documents:,} equal or near, "
        f"{heatmap.in_percent(share.either.bytes / max(version.bytes, 1))} % of the bytes"
    )
    return f"{exact}, {share.near.documents:,} near; {whole}"


def _directions(matrix: Matrix) -> Iterator[tuple[int, int]]:
    count = len(matrix.members)
    for one in range(count):
        for two in range(count):
            if matrix.is_compared(one, two):
                yield one, two


def _common(matrix: Matrix, one: int, two: int) -> Common:
    found = matrix.common.get((min(one, two), max(one, two)), Common())
    return found if one < two else found.turned()


def _ref(matrix: Matrix, at: int) -> DatasetRef:
    return catalogue.ref_of(matrix.members[at].version)
