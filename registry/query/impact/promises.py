"""Whether what a snapshot was asked to be still holds under today's claims."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from registry.core.dataset import DatasetRef
from registry.core.recipe import Filters, Recipe, Source
from registry.db.models import DatasetVersion
from registry.query.catalogue import ref_of
from registry.query.impact.recount import Bounds, Recount
from registry.query.impact.touched import Touched

_NONE: Final = Filters()


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that a snapshot's recipe asked for.

    Attributes:
        kind: `share`, `filter` or `evaluations`.
        asked: What, in words.
        holds: Whether it holds today; None where that is not known.
        because: Why it does not, or why that is not known.
    """

    kind: str
    asked: str
    holds: bool | None
    because: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the promise as a document."""
        return {
            "promise": self.kind,
            "asked": self.asked,
            "holds": self.holds,
            "because": self.because,
        }


def share(recipe: Recipe, human: Bounds, weight: int | None) -> Iterator[Promise]:
    """Give the promise of a human share, if one was asked for."""
    if recipe.human is None:
        return
    asked = recipe.human
    words = f"at least {asked.at_least} human of {asked.of}"
    least = Fraction(asked.at_least)
    if not weight:
        yield Promise("share", words, None, "what the snapshot comes to in that unit is not known")
        return
    low, high = Fraction(human.low, weight), Fraction(human.high, weight)
    if low >= least:
        yield Promise("share", words, True)
    elif high < least:
        yield Promise("share", words, False, f"{_down(high)} count as human under today's claims")
    else:
        why = f"between {_down(low)} and {_down(high)} count as human: the rows are not known"
        yield Promise("share", words, None, why)


def filters(recount: Recount, it: Touched, recipe: Recipe, sources: Sources) -> Iterator[Promise]:
    """Give a promise for each filter of the recipe that some document breaks, or may break.

    Of filters that hold for all documents one promise is given, if there are any.
    """
    broken: dict[str, Bounds] = {}
    asked = [("where", recipe.where)] if recipe.where != _NONE else []
    for held in it.inputs:
        source = sources.of(recount.versions[held.version_id])
        own = [(source.dataset, source.where)] if source and source.where != _NONE else []
        for name, part in (*asked, *own):
            for reason, bounds in recount.refused(held, (it.recipe_id, name), part).items():
                broken[reason] = broken.get(reason, Bounds(0, 0)) + bounds
    for reason, bounds in broken.items():
        words = f"no document of which {reason}" if " " in reason else reason
        if bounds.low:
            more = "" if bounds.exact is not None else " or more"
            yield Promise("filter", words, False, f"{_several(bounds.low)}{more}: {reason}")
        else:
            why = f"up to {_several(bounds.high)}: {reason}; the rows are not known"
            yield Promise("filter", words, None, why)
    if not broken and (asked or any(source.where != _NONE for source in recipe.sources)):
        yield Promise("filter", "every document passes the recipe's filters", True)


def evaluations(
    recount: Recount, it: Touched, recipe: Recipe, sets: Collection[int]
) -> Iterator[Promise]:
    """Give the promise that evaluation sets are left out, if the recipe asked for it.

    Args:
        recount: The catalogue as it stands today.
        it: The snapshot.
        recipe: Its recipe.
        sets: The evaluation sets of today, if the recipe wants nothing of any.
    """
    if recipe.exclude_evaluations is False:
        return
    asked = "nothing that resembles an item of an evaluation set"
    new = [set_id for set_id in sets if set_id not in it.exclusions]
    held = {
        set_id: sum((recount.equal_to(part, set_id) for part in it.inputs), Bounds(0, 0))
        for set_id in [*it.exclusions, *new]
        if set_id in recount.versions
    }
    inside = {set_id: bounds.low for set_id, bounds in held.items() if bounds.low}
    if inside:
        names = ", ".join(
            f"{_several(count)} equal to an item of `{_name(recount, set_id)}`"
            for set_id, count in inside.items()
        )
        yield Promise("evaluations", asked, False, names)
    elif new:
        names = ", ".join(f"`{_name(recount, set_id)}`" for set_id in new)
        why = f"it was not compared with {names}; `firsthand check SNAPSHOT --against evals` does"
        yield Promise("evaluations", asked, None, why)
    else:
        yield Promise("evaluations", asked, True)


class Sources:
    """Which source of a recipe a version was drawn as.

    Args:
        recipe: The recipe.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._named: dict[tuple[str, int | None], Source] = {}
        for source in recipe.sources:
            ref = DatasetRef.parse(source.dataset)
            self._named[(str(ref.dataset), ref.version)] = source

    def of(self, version: DatasetVersion) -> Source | None:
        """Return the source; one that names no version meant the latest of its time."""
        owner = version.dataset
        name = f"{owner.namespace.name}/{owner.name}"
        return self._named.get((name, version.number)) or self._named.get((name, None))


def needed_sets(found: Collection[Touched], recipes: Mapping[int, Recipe]) -> set[int]:
    """Return the evaluation sets that snapshots left documents out for."""
    return {
        set_id
        for it in found
        if recipes[it.recipe_id].exclude_evaluations is not False
        for set_id in it.exclusions
    }


def _name(recount: Recount, version_id: int) -> str:
    return ref_of(recount.versions[version_id]).short


def _several(number: int) -> str:
    return f"{number:,} document{'s' if number != 1 else ''}"


def _down(value: Fraction) -> str:
    """Return a share in percent, rounded down: a promise is never rounded up."""
    hundredths = value.numerator * 10_000 // value.denominator
    return f"{hundredths // 100}.{hundredths % 100:02d} %"
