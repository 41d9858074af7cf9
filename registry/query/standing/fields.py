"""Claims about one field of records whose fields were joined into one document.

Such a claim says what made the bytes of that field and nothing of the rest: it takes human bytes
away, and grants none. Beside the list of texts that it is about lies a file with one number per
text: the bytes of the other fields, or -1 where the field is all of the document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np

from registry.core.claim import UNSAID, Amounts, Mask, OriginVoice
from registry.core.contents import Hashes
from registry.core.dataset import Origin
from registry.errors import ConflictError

ALL_OF_IT: Final = -1
"""Stands for "there is no other field"."""


@dataclass(frozen=True, slots=True)
class FieldShares:
    """What a claim about one field says of documents.

    Attributes:
        origin: What made the bytes of the field.
        texts: The documents, ascending.
        others: The bytes of each that are of other fields, or `ALL_OF_IT`.
    """

    KEY: ClassVar[str] = "shares"

    origin: Origin
    texts: Hashes
    others: Amounts

    @classmethod
    def of(cls, value: Mapping[str, Any], texts: Hashes, raw: bytes) -> Self:
        """Return what the value of a claim and its two stored files say.

        Raises:
            ConflictError: The files do not belong together.
        """
        others = np.frombuffer(raw, "<i8").astype(np.int64)
        if len(others) != len(texts):
            raise ConflictError(
                "the stored shares of a claim are not those of its texts",
                hint="restore the storage folder from a backup",
            )
        return cls(Origin(value["field_origin"]), texts, others)

    @staticmethod
    def raw(others: Amounts) -> bytes:
        """Return the numbers as they are stored."""
        return others.astype("<i8").tobytes()

    def voice(self, hashes: Hashes, mask: Mask) -> OriginVoice:
        """Return what is said about the masked rows: at most the other fields are human."""
        ranks = np.full(len(hashes), UNSAID, np.int8)
        human = np.zeros(len(hashes), np.int64)
        if len(self.texts):
            at = np.minimum(np.searchsorted(self.texts, hashes), len(self.texts) - 1)
            mask = mask & (self.texts[at] == hashes)
            others = self.others[at]
            whole = others == ALL_OF_IT
            ranks[mask & whole] = self.origin.caution
            ranks[mask & ~whole] = Origin.MIXED.caution
            human = np.where(whole, 0, others)
        return OriginVoice(ranks, human)


def granted_by_others(voices: list[OriginVoice], by_field: Sequence[bool]) -> list[OriginVoice]:
    """Return voices in which claims about one field grant nothing that no other claim speaks of.

    Args:
        voices: What claims say about the same rows.
        by_field: Which of them are about one field.
    """
    if not any(by_field):
        return voices
    heard = np.zeros(len(voices[0].ranks), np.bool_)
    for voice, of_field in zip(voices, by_field, strict=True):
        if not of_field:
            heard |= voice.ranks != UNSAID
    return [
        OriginVoice(voice.ranks, np.where(heard, voice.human_bytes, 0))
        if of_field and voice.human_bytes is not None
        else voice
        for voice, of_field in zip(voices, by_field, strict=True)
    ]
