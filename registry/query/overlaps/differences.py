"""Where two versions contradict each other about the same texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from registry.core.claim import UNSAID, Mask
from registry.core.dataset import Origin
from registry.core.evidence import iso_time
from registry.query.overlaps.sides import Side, origin_name
from registry.query.standing import EVER, NEVER

PROPERTIES: Final = ("origin", "generator", "license", "date")
"""What sides can differ on, the gravest first."""
MAX_CASES: Final = 5
_DAY: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """What one side says, what the other one says, and of how many texts."""

    here: str
    there: str
    texts: int

    def to_json(self) -> dict[str, Any]:
        """Return it as it is stored and printed."""
        return {"here": self.here, "there": self.there, "texts": self.texts}


@dataclass(frozen=True, slots=True)
class Difference:
    """A property on which two sides differ.

    Attributes:
        property: One of `PROPERTIES`.
        texts: How many texts they differ on.
        cases: The most frequent ways in which they do.
    """

    property: str
    texts: int
    cases: tuple[Case, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as it is stored and printed."""
        return {
            "property": self.property,
            "texts": self.texts,
            "cases": [case.to_json() for case in self.cases],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any], *, turned: bool = False) -> Self:
        """Read back what `to_json` wrote, as seen from this side or, `turned`, the other."""
        here, there = ("there", "here") if turned else ("here", "there")
        cases = tuple(Case(case[here], case[there], case["texts"]) for case in value["cases"])
        return cls(value["property"], value["texts"], cases)


class Differences:
    """Counts what two sides say differently, of as many texts as come.

    Silence contradicts nothing, and neither does `unknown`, which says that somebody does not
    know. Dates contradict each other when by one side the text was made only after it existed by
    the other.
    """

    def __init__(self) -> None:
        """Start with no texts."""
        self._said: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in PROPERTIES}

    def add(self, here: Side, there: Side) -> None:
        """Compare what is said about the same texts in the same order."""
        spoken = _spoken(here) & _spoken(there)
        self._count("origin", here.ranks, there.ranks, spoken, origin_name, origin_name)
        for name, mine, theirs in (
            ("generator", here.generators, there.generators),
            ("license", here.licenses, there.licenses),
        ):
            named = (mine != 0) & (theirs != 0)
            self._count(name, mine, theirs, named, here.names.__getitem__, there.names.__getitem__)
        self._add_dates(here, there)

    def found(self) -> tuple[Difference, ...]:
        """Return what they differ on, the gravest first."""
        return tuple(
            Difference(
                name,
                said.total(),
                tuple(Case(*pair, count) for pair, count in _most_common(said)),
            )
            for name, said in self._said.items()
            if said
        )

    def _count(
        self,
        property: str,
        mine: npt.NDArray[Any],
        theirs: npt.NDArray[Any],
        mask: Mask,
        my_name: Callable[[int], str],
        their_name: Callable[[int], str],
    ) -> None:
        """Count the pairs of different words where the mask holds."""
        pairs = np.stack([mine[mask], theirs[mask]], axis=1)
        if not len(pairs):
            return
        kinds, counts = np.unique(pairs, axis=0, return_counts=True)
        for (left, right), count in zip(kinds.tolist(), counts.tolist(), strict=True):
            here, there = my_name(left), their_name(right)
            if here != there:
                self._said[property][here, there] += count

    def _add_dates(self, here: Side, there: Side) -> None:
        rows = np.flatnonzero(_after(here, there) | _after(there, here))
        if not len(rows):
            return
        days = np.stack([it[rows] for it in _brackets(here) + _brackets(there)], axis=1)
        kinds, counts = np.unique(days, axis=0, return_counts=True)
        for (begin, end, *others), count in zip(kinds.tolist(), counts.tolist(), strict=True):
            self._said["date"][_bracket(begin, end), _bracket(*others)] += count


def disagreeing(property: str, here: Side, there: Side) -> Mask:
    """Return of which texts, the same in the same order, two sides contradict each other.

    Args:
        property: One of `PROPERTIES`.
        here: One side.
        there: The other one.
    """
    if property == "origin":
        spoken: Mask = _spoken(here) & _spoken(there) & (here.ranks != there.ranks)
        return spoken
    if property == "date":
        return _after(here, there) | _after(there, here)
    mine, theirs = (
        np.array(side.names, object)[side.generators if property == "generator" else side.licenses]
        for side in (here, there)
    )
    different: Mask = (mine != "") & (theirs != "") & (mine != theirs)
    return different


def _most_common(said: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    return sorted(said.items(), key=lambda item: (-item[1], item[0]))[:MAX_CASES]


def _spoken(side: Side) -> Mask:
    spoken: Mask = (side.ranks != UNSAID) & (side.ranks != Origin.UNKNOWN.caution)
    return spoken


def _after(one: Side, other: Side) -> Mask:
    """Return where one side says that a text was made after the other says that it existed."""
    after: Mask = (one.begins != EVER) & (other.ends != NEVER) & (one.begins > other.ends)
    return after


def _brackets(side: Side) -> list[npt.NDArray[np.int64]]:
    """Return the brackets of a side in whole days, so that there are few different ones."""
    return [
        np.where(side.begins == EVER, EVER, side.begins // _DAY * _DAY),
        np.where(side.ends == NEVER, NEVER, side.ends // _DAY * _DAY),
    ]


def _bracket(begin: int, end: int) -> str:
    first = "…" if begin == EVER else iso_time(begin)[:10]
    last = "…" if end == NEVER else iso_time(end)[:10]
    return first if first == last else f"{first}..{last}"
