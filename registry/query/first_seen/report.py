"""When the documents of a version were first seen, as the document that commands print."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from registry.core.claim import Mask, Property
from registry.core.evidence import Grade, instant_range, iso_date, iso_time
from registry.db.models import DatasetVersion, OverlapKind
from registry.query import catalogue, withdrawn
from registry.query.first_seen.finding import NOBODY, FirstSeen, first_seen
from registry.query.overlaps.records import overlap_records
from registry.query.standing.said import About
from registry.query.whereis.finder import Looking

CUTOFF: Final = "2022-11-30"
"""The day ChatGPT was published: what was there before it was not written by it."""
RULE: Final = "equal bytes (sha-256)"
MOST_BY: Final = 1000
"""How many versions are listed that the earliest dates are from."""


def first_seen_record(
    looking: Looking, version: DatasetVersion, *, before: str = CUTOFF
) -> tuple[dict[str, Any], FirstSeen]:
    """Return when the documents of a version were first seen, added up, and document by document.

    Args:
        looking: The catalogue, as the caller sees it.
        version: A version that the caller may see.
        before: The day that is asked about; a document counts if it was seen before it begins.

    Raises:
        InvalidInputError: `before` is no date.
        ConflictError: A file of the index or a document table is missing or was changed.
    """
    cutoff = instant_range(before)[0]
    withdrawn.require(looking.session, version)
    seen = first_seen(looking, version)
    early = seen.not_after < cutoff
    known = seen.not_after[seen.known]
    record = {
        "dataset": str(catalogue.ref_of(version).dataset),
        "version": version.number,
        "documents": len(seen.hashes),
        "before": iso_time(cutoff),
        "first_seen": {
            "before": int(np.count_nonzero(early)),
            "later": int(np.count_nonzero(seen.known & ~early)),
            "undated": int(np.count_nonzero(~seen.known)),
            "earliest": iso_time(int(known.min())) if len(known) else None,
            "latest": iso_time(int(known.max())) if len(known) else None,
        },
        "years": _years(seen),
        "by": _by(seen, early),
        "groups": None,
        "hints": _hints(looking, version),
        "searched": {
            "versions": len(looking.seen.firsts),
            "documents": looking.seen.total,
            "dated_versions": len(seen.dated),
            "rule": RULE,
        },
    }
    return record, seen


def _years(seen: FirstSeen) -> list[dict[str, Any]]:
    """Return how many documents were first seen in each year, which the day's text begins with."""
    days, counts = np.unique(seen.not_after[seen.known] // _DAY, return_counts=True)
    years: dict[str, int] = {}
    for day, many in zip(days.tolist(), counts.tolist(), strict=True):
        year = iso_date(day * _DAY)[:4]
        years[year] = years.get(year, 0) + many
    return [{"year": year, "documents": many} for year, many in sorted(years.items())]


_DAY: Final = 86_400_000_000


def _by(seen: FirstSeen, early: Mask) -> list[dict[str, Any]]:
    """Return whose dates the earliest ones are, those of most documents first."""
    counts = np.bincount(seen.by[seen.by != NOBODY], minlength=len(seen.dated))
    before = np.bincount(seen.by[early], minlength=len(seen.dated))
    found = [
        {
            **version_name(about.version),
            "own": about.version.id == seen.version.id,
            "documents": int(counts[number]),
            "before": int(before[number]),
            "grade": str(Grade.E1),
            "claimed_by": claimed_by(about),
        }
        for number, about in enumerate(seen.dated)
        if counts[number]
    ]
    found.sort(key=lambda item: (-item["documents"], item["dataset"], item["version"]))
    return found[:MOST_BY]


def version_name(version: DatasetVersion) -> dict[str, Any]:
    """Return the name and number of a version."""
    return {"dataset": str(catalogue.ref_of(version).dataset), "version": version.number}


def claimed_by(about: About) -> list[str]:
    """Return who claims dates of a version."""
    return sorted({claim.claimed_by for claim in about.claims if claim.property is Property.DATE})


def _hints(looking: Looking, version: DatasetVersion) -> list[dict[str, Any]]:
    """Return which versions have documents that are only similar: they lend no date."""
    listed = overlap_records(looking.session, version, looking.seen.caller)["listed"]
    return [
        {key: item[key] for key in ("dataset", "version", "documents", "rule")}
        for item in listed
        if item["kind"] == OverlapKind.NEAR
    ]
