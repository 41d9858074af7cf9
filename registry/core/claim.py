"""Claims, and how several of them become what is shown.

Nothing is overwritten: a correction is another claim. While claims disagree, the most cautious
live one wins, document by document: a text that any live claim calls not human is not human.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from registry.core.dataset import ORIGINS_BY_CAUTION, Origin

UNSAID: Final = -1
"""The caution rank of a document about whose origin nothing was claimed."""


class Property(StrEnum):
    """What a claim is about."""

    ORIGIN = "origin"
    LICENSE = "license"
    DATE = "date"
    LANGUAGE = "language"


class ClaimKind(StrEnum):
    """On which occasion a claim was made."""

    REGISTRATION = "registration"
    CORRECTION = "correction"
    DISPUTE = "dispute"


Ranks = npt.NDArray[np.int8]
Amounts = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.signedinteger[Any]]
"""Amounts that may be narrower than 64 bits: sums of them are exact, for products widen them."""
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class OriginVoice:
    """What one live claim says about the origin of some of a version's rows.

    Attributes:
        ranks: The caution rank it gives each row (`Origin.caution`), `UNSAID` where it is silent.
        human_bytes: The human bytes it grants each row; used where the rank is that of `mixed`.
    """

    ranks: Ranks
    human_bytes: Amounts | None = None


def uniform(origin: Origin, mask: Mask) -> OriginVoice:
    """Return the voice of a claim that gives the masked rows one origin."""
    return OriginVoice(np.where(mask, np.int8(origin.caution), np.int8(UNSAID)).astype(np.int8))


@dataclass(frozen=True, slots=True)
class OriginView:
    """What counts for each row while all claims stand.

    Attributes:
        ranks: The caution rank of each row, never `UNSAID`.
        human_bytes: The bytes that count as human: all of a human row, the human part of a
            mixed one, none of any other.
        contested: Rows that some claim calls human, wholly or in part, and another does not.
    """

    ranks: Ranks
    human_bytes: Numbers
    contested: Mask

    def origins(self) -> list[Origin]:
        """Return the origins that occur, by caution."""
        return [ORIGINS_BY_CAUTION[rank] for rank in np.unique(self.ranks)]


def combine(sizes: Amounts, voices: list[OriginVoice]) -> OriginView:
    """Return what counts for each row: the most cautious voice, and the fewest human bytes.

    Args:
        sizes: The size of each row's text in bytes.
        voices: What each live claim says; with none of them every row is `unknown`.
    """
    ranks = np.full(len(sizes), UNSAID, np.int8)
    human = sizes.astype(np.int64, copy=True)
    most = np.zeros(len(sizes), np.int64)
    for voice in voices:
        said = voice.ranks != UNSAID
        ranks = np.maximum(ranks, voice.ranks)
        granted = granted_bytes(voice, sizes)
        human = np.where(said, np.minimum(human, granted), human)
        most = np.where(said, np.maximum(most, granted), most)
    ranks[ranks == UNSAID] = Origin.UNKNOWN.caution
    human[(ranks != Origin.HUMAN.caution) & (ranks != Origin.MIXED.caution)] = 0
    return OriginView(ranks, human, most > human)


def granted_bytes(voice: OriginVoice, sizes: Amounts) -> Amounts:
    """Return the human bytes that one claim grants each row."""
    granted = np.where(voice.ranks == Origin.HUMAN.caution, sizes, 0).astype(np.int64)
    mixed = voice.ranks == Origin.MIXED.caution
    if voice.human_bytes is not None:
        granted[mixed] = np.clip(voice.human_bytes[mixed], 0, sizes[mixed])
    return granted
