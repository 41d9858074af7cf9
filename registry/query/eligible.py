"""Which documents of a recipe's sources may be drawn, and why the others may not.

First come the filters, then what resembles items of evaluation sets; that a text is drawn once is
the plan's business (`registry.assemble`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.caller import OPERATOR
from registry.core.claim import Mask, Numbers
from registry.core.evidence import instant_range
from registry.core.recipe import Filters, Recipe
from registry.query import withdrawn
from registry.query.again import Again
from registry.query.anchors import anchored
from registry.query.evaluations.excluding import Excluded, Exclusion, asked_for, exclude, not_read
from registry.query.evaluations.meeting import Progress, evaluation_sets, meet
from registry.query.first_seen.finding import first_seen
from registry.query.plan import LeftOut, Plan
from registry.query.standing import Standing
from registry.query.standing.said import WholeTables
from registry.query.whereis.finder import Finder, Looking


def still_passes(session: Session, store: Store, made: Plan, *, again: Again | None) -> bool:
    """Return whether nothing was recorded since that would leave out what a plan draws.

    Whether claims changed is another question. Evaluation sets that came since count.

    Args:
        session: A reading session.
        store: The registry's storage.
        made: The plan.
        again: As in `plan`.

    Raises:
        ConflictError: A document table or a file of the index is missing or was changed.
    """
    stands = [item.standing for item in made.inputs]
    with facts_about(session, store, made.recipe, again) as facts:
        masks, _ = passing(session, store, made.recipe, stands, facts)
    now = [version.id for version in asked_for(session, made.recipe)]
    was = [it.item.version.id for it in made.evaluations.sets] if made.evaluations else []
    return now == was and all(
        mask[item.rows].all() for item, mask in zip(made.inputs, masks, strict=True)
    )


def passing(
    session: Session,
    store: Store,
    recipe: Recipe,
    stands: Sequence[Standing],
    facts: Facts | None,
) -> tuple[list[Mask], list[list[LeftOut]]]:
    """Return which documents of each source may be drawn, and why the others may not.

    What was withdrawn is left out first, and then what does not pass the filters.

    Raises:
        ConflictError: A stored list of texts is missing or was changed.
    """
    masks: list[Mask] = []
    reasons = []
    stones = withdrawn.tombstones(session, [stand.version.id for stand in stands])
    lists = WholeTables(store)
    for source, stand in zip(recipe.sources, stands, strict=True):
        mask = np.ones(len(stand.hashes), np.bool_)
        out: list[LeftOut] = []
        for stone in stones.get(stand.version.id, ()):
            gone = withdrawn.mask(stand.hashes, stone, lists)
            leave_out(out, stone.words, mask & gone, stand, tombstone=stone.number)
            mask &= ~gone
        for filters in (recipe.where, source.where):
            for reason, good in filtered(filters, stand, facts):
                leave_out(out, reason, mask & ~good, stand)
                mask &= good
        masks.append(mask)
        reasons.append(out)
    return masks, reasons


def excluded(
    session: Session,
    store: Store,
    recipe: Recipe,
    stands: Sequence[Standing],
    masks: list[Mask],
    reasons: list[list[LeftOut]],
    *,
    again: Again | None,
    on_progress: Progress | None,
) -> Exclusion | None:
    """Take away what resembles items of evaluation sets."""
    if recipe.exclude_evaluations is False:
        return None
    sets = evaluation_sets(session, store, asked_for(session, recipe))
    made = Exclusion(tuple(Excluded(item) for item in sets))
    unread = []
    for stand, mask, out in zip(stands, masks, reasons, strict=True):
        met = meet(session, store, stand.version, sets, again=again, on_progress=on_progress)
        before = mask.copy()
        for reason, alike in exclude(made, met, before):
            leave_out(out, reason, mask & alike, stand)
            mask &= ~alike
        gone = before & ~mask
        made.documents += int(np.count_nonzero(gone))
        made.bytes += int(stand.bytes[gone].sum())
        if not all(it.read for it in met):
            unread.append(not_read(session, stand.version, made.sets))
    made.not_read = tuple(unread)
    return made


def leave_out(
    out: list[LeftOut], reason: str, mask: Mask, stand: Standing, *, tombstone: int | None = None
) -> None:
    """Add documents that are not candidates to a list of those, if there are any."""
    count = int(np.count_nonzero(mask))
    if count:
        out.append(LeftOut(reason, count, int(stand.bytes[mask].sum()), tombstone))


def filtered(filters: Filters, stand: Standing, facts: Facts | None) -> list[tuple[str, Mask]]:
    """Return each filter given, in words, with the documents that it lets pass."""
    found: list[tuple[str, Mask]] = []
    if filters.origin is not None:
        ranks = [origin.caution for origin in filters.origin]
        found.append((f"origin is not {_or(filters.origin)}", np.isin(stand.view.ranks, ranks)))
    if filters.date_before is not None:
        cutoff = instant_range(filters.date_before)[0]
        found.append((f"no date before {filters.date_before}", stand.not_after < cutoff))
    if filters.license is not None:
        found.append(
            (f"license is not {_or(filters.license)}", stand.licenses.within(filters.license))
        )
    if filters.language is not None:
        found.append(
            (f"language is not {_or(filters.language)}", stand.languages.within(filters.language))
        )
    if filters.words is not None:
        passing = stand.words >= filters.words.at_least
        if filters.words.at_most is not None:
            passing &= stand.words <= filters.words.at_most
        found.append(("number of words", passing))
    if facts is not None and filters.first_seen_before is not None:
        cutoff = instant_range(filters.first_seen_before)[0]
        reason = f"not first seen before {filters.first_seen_before}"
        found.append((reason, facts.first_seen(stand) < cutoff))
    if facts is not None and filters.anchored is not None:
        reason = "not anchored" if filters.anchored else "anchored"
        found.append((reason, facts.anchored(stand) == filters.anchored))
    return found


def _or(names: Sequence[str]) -> str:
    return " or ".join(str(name) for name in names)


class Facts:
    """What filters ask about texts, beyond where they stand."""

    def __init__(self, looking: Looking, again: Again | None) -> None:
        self._looking = looking
        self._again = again

    def first_seen(self, stand: Standing) -> Numbers:
        """Return when each document was first seen, or `NEVER`."""
        return first_seen(self._looking, stand.version).not_after

    def anchored(self, stand: Standing) -> Mask:
        """Return which documents are anchored."""
        return anchored(self._looking, stand.hashes, again=self._again).all


@contextmanager
def facts_about(
    session: Session, store: Store, recipe: Recipe, again: Again | None
) -> Iterator[Facts | None]:
    """Open the index, if a filter needs it."""
    filters = [recipe.where, *(source.where for source in recipe.sources)]
    if all(it.anchored is None and it.first_seen_before is None for it in filters):
        yield None
        return
    finder = Finder(store)
    try:
        with finder.look(session, OPERATOR) as looking:
            yield Facts(looking, again)
    finally:
        finder.close()
