"""What two versions have in common, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Amount:
    """Some documents of a version, and the bytes of their texts."""

    documents: int = 0
    bytes: int = 0

    def to_json(self, whole: Amount) -> dict[str, Any]:
        """Return it as plain JSON values, with the shares of a whole version."""
        return {
            "documents": self.documents,
            "bytes": self.bytes,
            "share_documents": fraction(self.documents, whole.documents),
            "share_bytes": fraction(self.bytes, whole.bytes),
        }


def fraction(part: int, whole: int) -> float:
    """Return a share with six digits, rounded down: only all is 1."""
    return part * 10**6 // whole / 10**6 if whole else 0.0


@dataclass(frozen=True, slots=True)
class Share:
    """Which documents of one version the other one has.

    Attributes:
        exact: Those whose text is there.
        near: Those that have a near match there that is not equal; they may have an equal one too.
        either: Those with any of the two.
    """

    exact: Amount = field(default_factory=Amount)
    near: Amount = field(default_factory=Amount)
    either: Amount = field(default_factory=Amount)

    def __bool__(self) -> bool:
        return bool(self.either.documents)


@dataclass(frozen=True, slots=True)
class Common:
    """What two versions have in common.

    Attributes:
        texts: How many different texts are in both.
        here: Of the documents of the first one.
        there: Of the documents of the other.
        skipped: How many pairs that share a key of a band were not compared, because very many
            documents have that key; near matches may be more then.
    """

    texts: int = 0
    here: Share = field(default_factory=Share)
    there: Share = field(default_factory=Share)
    skipped: int = 0

    def __bool__(self) -> bool:
        return bool(self.here) or bool(self.there) or bool(self.skipped)

    def turned(self) -> Common:
        """Return it as seen from the other version."""
        return Common(self.texts, self.there, self.here, self.skipped)

    def numbers(self) -> list[int]:
        """Return all numbers in a row."""
        sides = [
            number
            for side in (self.here, self.there)
            for amount in (side.exact, side.near, side.either)
            for number in (amount.documents, amount.bytes)
        ]
        return [self.texts, *sides, self.skipped]

    @classmethod
    def of_numbers(cls, numbers: Sequence[Any]) -> Self | None:
        """Read back what `numbers` gave; None if it cannot be that."""
        if len(numbers) != 14 or any(type(it) is not int or it < 0 for it in numbers):
            return None
        texts, *sides, skipped = numbers
        amounts = [Amount(*sides[at : at + 2]) for at in range(0, 12, 2)]
        here, there = Share(*amounts[:3]), Share(*amounts[3:])
        for side in (here, there):
            parts, whole = (side.exact.documents, side.near.documents), side.either.documents
            if not max(parts) <= whole <= sum(parts):
                return None
        return cls(texts, here, there, skipped)
