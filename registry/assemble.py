"""Recipe → plan: which documents are drawn, with the share kept or a refusal that explains itself.

The data flow: resolve the sources at one state of the catalogue → see where each document stands
under all live claims → filter → leave out what resembles items of evaluation sets, and exact
duplicates → draw → re-check in integers. A plan
writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from sqlalchemy.orm import Session

from registry import ledger
from registry.blobs import Store
from registry.core.certificate import HumanFraction
from registry.core.claim import Mask, Numbers
from registry.core.contents import BLOCK, ContentIndex, Contents, Hashes, equals
from registry.core.dataset import DatasetRef, Origin
from registry.core.draw import Candidates, Drawn, best_share, draw, total
from registry.core.recipe import Recipe, Unit
from registry.db.models import DatasetVersion
from registry.errors import InvalidInputError
from registry.query import catalogue
from registry.query.again import Again
from registry.query.amounts import counted, units
from registry.query.eligible import excluded, facts_about, leave_out, passing
from registry.query.evaluations.meeting import Progress
from registry.query.plan import DUPLICATE, LeftOut, Plan, PlannedInput, Rows, Shortfall
from registry.query.standing import Standing, standings
from registry.query.tokens import TokenCounter


def plan(
    session: Session,
    store: Store,
    recipe: Recipe,
    *,
    versions: Sequence[DatasetVersion] | None = None,
    tokens: TokenCounter | None = None,
    again: Again | None = None,
    on_progress: Progress | None = None,
) -> Plan:
    """Decide what a recipe draws; nothing is recorded.

    The texts of sources are read where they have not been compared with an evaluation set yet.

    The share counts what the claims declare, and a text that any live claim in the catalogue
    calls not human does not count, whatever its own version says.

    Args:
        session: A reading session: one state of the catalogue.
        store: The registry's storage.
        recipe: What is asked.
        versions: The versions to draw from, one for each source; by default those that it names.
        tokens: Counts tokens, for a recipe that asks for them; with it every plan knows its own.
        again: Reads texts again; without it, documents are compared with evaluation sets by what
            the index knows of them, and the plan says so.
        on_progress: Called while texts are read, with documents done and documents in all.

    Raises:
        NotFoundError: A source is not registered.
        InvalidInputError: A unit that needs something the plan does not have.
        ConflictError: A document table is missing or was changed.
    """
    _check_units(recipe, tokens)
    if versions is None:
        versions = [catalogue.version(session, DatasetRef.parse(s.dataset)) for s in recipe.sources]
    _check_once(versions)
    stands = standings(session, store, versions)
    if tokens is not None:
        stands = [replace(stand, tokens=tokens(stand)) for stand in stands]
    with facts_about(session, store, recipe, again) as facts:
        passed, reasons = passing(session, store, recipe, stands, facts)
    evaluations = excluded(
        session, store, recipe, stands, passed, reasons, again=again, on_progress=on_progress
    )
    masks = _once(stands, passed, reasons)
    pool = _pool(recipe, stands, masks)
    share = recipe.human.share if recipe.human else None
    size = recipe.size
    chosen = draw(pool, seed=recipe.seed, share=share, at_most=size.at_most, at_least=size.at_least)
    drawn = pool.take(chosen)
    rows = _split(chosen, masks)
    inputs = tuple(
        PlannedInput(catalogue.ref_of(stand.version), stand, row, int(mask.sum()), tuple(out), mask)
        for stand, row, mask, out in zip(stands, rows, masks, reasons, strict=True)
    )
    return Plan(
        recipe=recipe,
        inputs=inputs,
        drawn=drawn,
        human=HumanFraction(
            of=str(recipe.human.of if recipe.human else Unit.BYTES),
            count=tuple(str(o) for o in (recipe.human.count if recipe.human else [Origin.HUMAN])),
            numerator=drawn.human,
            denominator=drawn.weight,
            at_least=recipe.human.at_least if recipe.human else None,
        ),
        log_size=ledger.size(session),
        shortfall=_shortfall(recipe, pool, drawn, share),
        tokenizer=None if tokens is None else tokens.digest,
        evaluations=evaluations,
    )


def _check_units(recipe: Recipe, tokens: TokenCounter | None) -> None:
    units = {recipe.size.unit, recipe.human.of if recipe.human else Unit.BYTES}
    if Unit.TOKENS in units and tokens is None:
        raise InvalidInputError(
            "the recipe counts tokens, which need a tokenizer",
            hint="give one with `--tokenizer tokenizer.json`, or count bytes or words",
        )


def _check_once(versions: Sequence[DatasetVersion]) -> None:
    ids = [version.id for version in versions]
    for version in versions:
        if ids.count(version.id) > 1:
            raise InvalidInputError(
                f"two sources of the recipe are `{catalogue.ref_of(version).short}`",
                hint="name each version once",
            )


def _once(
    stands: Sequence[Standing], passing: Sequence[Mask], reasons: Sequence[list[LeftOut]]
) -> list[Mask]:
    """Return the documents that may be drawn: of those that pass, each text once."""
    masks: list[Mask] = []
    for stand, mask, out in zip(stands, passing, reasons, strict=True):
        first = _first_of_equals(stand.hashes, mask, stands[: len(masks)], masks)
        leave_out(out, DUPLICATE, mask & ~first, stand)
        masks.append(first)
    return masks


def _first_of_equals(
    hashes: Hashes, mask: Mask, earlier: Sequence[Standing], drawn: Sequence[Mask]
) -> Mask:
    """Return the first candidate row of each text that no earlier source offers."""
    first = equals(hashes).first(mask)
    if earlier:
        index = ContentIndex([hashes], [first])
        for stand, offered in zip(earlier, drawn, strict=True):
            for begin in range(0, len(offered), BLOCK):
                block = slice(begin, begin + BLOCK)
                for _, rows in index.find(stand.hashes[block][offered[block]]):
                    first[rows] = False
    return first


def _pool(recipe: Recipe, stands: list[Standing], masks: list[Mask]) -> Candidates:
    def joined(parts: list[Numbers]) -> Numbers:
        if len(parts) == 1 and masks[0].all():
            return parts[0]
        return np.concatenate([part[mask] for part, mask in zip(parts, masks, strict=True)])

    of = recipe.human.of if recipe.human else Unit.BYTES
    count = recipe.human.count if recipe.human else [Origin.HUMAN]
    sizes = joined([units(stand, recipe.size.unit) for stand in stands])
    return Candidates(
        hashes=Contents([stand.hashes for stand in stands], masks),
        sizes=sizes,
        weights=sizes if of is recipe.size.unit else joined([units(s, of) for s in stands]),
        human=joined([counted(stand, of, count) for stand in stands]),
    )


def _split(chosen: Mask, masks: list[Mask]) -> list[Rows]:
    """Return the drawn rows of each source."""
    rows, at = [], 0
    for mask in masks:
        candidates = np.flatnonzero(mask)
        rows.append(candidates[chosen[at : at + len(candidates)]])
        at += len(candidates)
    return rows


def _shortfall(
    recipe: Recipe, pool: Candidates, drawn: Drawn, share: Fraction | None
) -> Shortfall | None:
    """Return why a draw is not what was asked for, or None if it is.

    Documents that weigh nothing have no share, so alone they keep none above 0.
    """
    least = recipe.size.at_least
    kept = share is None or drawn.share >= share
    if drawn.documents and kept and drawn.size >= (least or 0):
        return None
    at_most = recipe.size.at_most
    return Shortfall(
        asked_size=least,
        asked_share=share,
        at_most=at_most,
        best_size=drawn.size if kept else 0,
        best_share=best_share(pool, seed=recipe.seed, at_least=least or 1, at_most=at_most),
        supply=total(pool.sizes),
        unit=recipe.size.unit,
        of=recipe.human.of if recipe.human else Unit.BYTES,
    )
