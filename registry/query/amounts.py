"""What documents come to in the unit of a recipe, and how much of that counts as human."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from registry.core.claim import Numbers
from registry.core.dataset import Origin
from registry.core.recipe import Unit
from registry.query.standing import Standing


def units(stand: Standing, unit: Unit) -> Numbers:
    """Return what each document comes to in a unit; without a tokenizer, tokens are bytes."""
    if unit is Unit.TOKENS and stand.tokens is not None:
        return stand.tokens
    if unit is Unit.WORDS:
        return stand.words
    return np.ones(len(stand.hashes), np.int8) if unit is Unit.DOCUMENTS else stand.bytes


def counted(stand: Standing, of: Unit, count: Sequence[Origin]) -> Numbers:
    """Return how much of each document counts as human."""
    whole = np.isin(stand.view.ranks, [origin.caution for origin in count])
    amounts = units(stand, of)
    human = np.where(whole, amounts, amounts.dtype.type(0))
    if of is Unit.BYTES:
        # The human part of a document is never more than the document, so it fits.
        mixed = stand.view.ranks == Origin.MIXED.caution
        human[mixed] = stand.view.human_bytes[mixed]
    return human
