"""When each document was written or existed: the bracket that the claims leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from registry.core.claim import Amounts, Property
from registry.core.evidence import DateInterval, DateKind
from registry.db.models import Claim
from registry.query.standing.part import Part
from registry.query.standing.said import Said

NEVER: Final = np.iinfo(np.int64).max
"""Stands for "no bound is claimed" in `not_after`."""
EVER: Final = np.iinfo(np.int64).min
"""Stands for "no bound is claimed" in `not_before`."""


def same_for_all(claims: Iterable[Claim]) -> tuple[int, int] | None:
    """Return the bracket that claims give every row alike: `not_before` and `not_after`.

    Returns:
        `EVER` and `NEVER` where no date is claimed; None where dates are claimed of some documents
        only.
    """
    dates = [claim for claim in claims if claim.property is Property.DATE]
    if any(claim.location_id is not None or claim.selection is not None for claim in dates):
        return None
    whole = min(_by_kind(dates).values(), key=_end, default=None)
    return (EVER, NEVER) if whole is None else (whole.not_before, whole.not_after)


def brackets(said: Said, part: Part) -> tuple[Amounts, Amounts]:
    """Return the bracket of each row: `not_before` and `not_after`, microseconds since 1970 UTC.

    All kinds of dates bound existence from above, so the earliest kind counts; claims of one kind
    contradict each other, so the latest of them counts. What the data says per document of a kind
    is not undercut by what is said of that kind for all documents. What is claimed of some
    documents counts for these like what is claimed of all.
    """
    claims = said.of(Property.DATE)
    some = [claim for claim in claims if claim.selection is not None]
    if not some:
        return _brackets(said, part, claims)
    about = np.stack([said.scope(part, claim) for claim in some])
    kinds, which = np.unique(about, axis=1, return_inverse=True)
    begins, ends = np.full(len(part), EVER, np.int64), np.full(len(part), NEVER, np.int64)
    for number, kind in enumerate(kinds.T):
        spoken = {id(claim) for claim, says in zip(some, kind, strict=True) if says}
        heard = [it for it in claims if it.selection is None or id(it) in spoken]
        begin, end = _brackets(said, part, heard)
        rows = which.reshape(-1) == number
        begins[rows], ends[rows] = begin[rows], end[rows]
    return begins, ends


def _brackets(said: Said, part: Part, claims: Sequence[Claim]) -> tuple[Amounts, Amounts]:
    """Return the bracket of each row by claims that are all about it."""
    own: tuple[Amounts, Amounts] | None = None
    kinds: set[DateKind] = set()
    intervals = _by_kind(claims)
    for claim in claims:
        if claim.location_id is not None:
            spoken = _spoken(said, part, claim)
            own = spoken if own is None else _later(own, spoken)
            kinds |= {DateKind(kind) for kind in claim.value["kinds"]}
    whole = _bracket(part, min(intervals.values(), key=_end, default=None))
    if own is None:
        return whole
    same = [item for kind, item in intervals.items() if kind in kinds]
    other = [item for kind, item in intervals.items() if kind not in kinds]
    dated = own[1] != NEVER
    for item in same:
        own = _later(own, _bracket(part, item))
    begin, end = _bracket(part, min(other, key=_end, default=None))
    # A text cannot be from after the time until which all of it is said to have been gathered:
    # the two contradict each other, and the later date counts.
    contradicted = dated & (own[0] != EVER) & (own[0] > end)
    earlier = (own[1] < end) | contradicted
    begin, end = np.where(earlier, own[0], begin), np.where(earlier, own[1], end)
    return np.where(dated, begin, whole[0]), np.where(dated, end, whole[1])


def _by_kind(claims: Iterable[Claim]) -> dict[DateKind, DateInterval]:
    """Return what is said of all rows at once, by kind: claims of one kind are joined."""
    intervals: dict[DateKind, DateInterval] = {}
    for claim in claims:
        if claim.location_id is None:
            interval = DateInterval.from_json(claim.value)
            before = intervals.get(interval.kind)
            intervals[interval.kind] = interval if before is None else _wider(before, interval)
    return intervals


def _end(interval: DateInterval) -> int:
    return interval.not_after


def _bracket(part: Part, interval: DateInterval | None) -> tuple[Amounts, Amounts]:
    """Return one interval, or none, for each document."""
    begin = EVER if interval is None else interval.not_before
    end = NEVER if interval is None else interval.not_after
    rows = len(part)
    return np.full(rows, begin, np.int64), np.full(rows, end, np.int64)


def _wider(one: DateInterval, two: DateInterval) -> DateInterval:
    return replace(
        one,
        not_before=min(one.not_before, two.not_before),
        not_after=max(one.not_after, two.not_after),
    )


def _spoken(said: Said, part: Part, claim: Claim) -> tuple[Amounts, Amounts]:
    """Return what the data itself says per document."""
    if said.here(claim):
        return part.times("not_before", EVER), part.times("not_after", NEVER)
    other = said.elsewhere(claim)
    return (
        other.times(part.hashes, "not_before", EVER),
        other.times(part.hashes, "not_after", NEVER),
    )


def _later(one: tuple[Amounts, Amounts], two: tuple[Amounts, Amounts]) -> tuple[Amounts, Amounts]:
    """Return the wider of two brackets; a bracket that is not there gives way to one that is."""
    ends = np.where(
        (one[1] == NEVER) | (two[1] == NEVER),
        np.minimum(one[1], two[1]),
        np.maximum(one[1], two[1]),
    )
    return np.minimum(one[0], two[0]), ends
