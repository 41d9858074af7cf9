"""Plans: what a recipe draws from one state of the catalogue, as a value.

Deciding is `registry.assemble`'s; writing files is `registry.export`'s.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from registry.core.certificate import HumanFraction
from registry.core.claim import Mask
from registry.core.dataset import DatasetRef, Origin
from registry.core.digest import SELECTION_PREFIX, digest_of
from registry.core.draw import Drawn
from registry.core.recipe import Recipe, Unit
from registry.errors import GuaranteeError
from registry.query.evaluations.excluding import Exclusion
from registry.query.standing import Standing

PLAN_TYPE: Final = "firsthand-plan/v0"
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Documents of a source that were not candidates, and why.

    Attributes:
        reason: Why.
        documents: How many.
        bytes: Their size.
        tombstone: The number of the withdrawal, where they were withdrawn.
    """

    reason: str
    documents: int
    bytes: int
    tombstone: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedInput:
    """What is drawn from one source.

    Attributes:
        ref: The version.
        standing: All its documents and where they stand.
        rows: The rows that are drawn, ascending.
        candidates: How many documents could have been drawn.
        left_out: Those that could not, by reason; the first reason counts.
        admitted: Which rows those are that could have been drawn.
    """

    ref: DatasetRef
    standing: Standing
    rows: Rows
    candidates: int
    left_out: tuple[LeftOut, ...]
    admitted: Mask

    @property
    def documents(self) -> int:
        """Return how many documents are drawn."""
        return len(self.rows)

    @property
    def bytes(self) -> int:
        """Return their size."""
        return int(self.standing.bytes[self.rows].sum())

    @property
    def words(self) -> int:
        """Return their words."""
        return int(self.standing.words[self.rows].sum())

    @property
    def tokens(self) -> int | None:
        """Return their tokens, where a tokenizer was given."""
        counts = self.standing.tokens
        return None if counts is None else int(counts[self.rows].sum())

    @property
    def human_bytes(self) -> int:
        """Return how many of their bytes count as human by declaration."""
        return int(self.standing.view.human_bytes[self.rows].sum())

    @property
    def contested(self) -> int:
        """Return how many of them some claim calls human and another does not."""
        return int(np.count_nonzero(self.standing.view.contested[self.rows]))

    @property
    def licenses(self) -> tuple[str, ...]:
        """Return every license claimed for some of the drawn documents."""
        labels = self.standing.licenses
        codes = set(np.unique(labels.codes[self.rows]).tolist())
        return tuple(
            sorted(
                {name for code, names in enumerate(labels.names) if code in codes for name in names}
            )
        )

    def selection_digest(self) -> str:
        """Return a digest of which texts are drawn, whatever order they were found in."""
        ordered = self.standing.hashes[self.rows]
        ordered.sort()
        hasher = hashlib.sha256(SELECTION_PREFIX)
        hasher.update(ordered.view(np.uint8).data)
        return hasher.hexdigest()


@dataclass(frozen=True)
class Plan:
    """What a recipe draws from one state of the catalogue.

    Attributes:
        recipe: What was asked.
        inputs: What is drawn from each source, in the recipe's order.
        human: The declared share of what is drawn, exactly.
        log_size: The state of the catalogue it was made at.
        shortfall: None when the recipe can be kept; otherwise what could be reached.
        tokenizer: SHA-256 of the tokenizer that tokens were counted with, or None.
        evaluations: What was left out for evaluation sets; None where the recipe wants that none
            are looked at.
    """

    recipe: Recipe
    inputs: tuple[PlannedInput, ...]
    drawn: Drawn
    human: HumanFraction
    log_size: int
    shortfall: Shortfall | None
    tokenizer: str | None = None
    evaluations: Exclusion | None = None

    @property
    def documents(self) -> int:
        """Return how many documents are drawn."""
        return sum(item.documents for item in self.inputs)

    @property
    def bytes(self) -> int:
        """Return their size."""
        return sum(item.bytes for item in self.inputs)

    @property
    def words(self) -> int:
        """Return their words."""
        return sum(item.words for item in self.inputs)

    @property
    def tokens(self) -> int | None:
        """Return their tokens, where a tokenizer was given."""
        counts = [item.tokens for item in self.inputs]
        return None if self.tokenizer is None else sum(count or 0 for count in counts)

    @property
    def duplicates(self) -> int:
        """Return how many documents were left out because an equal text came first."""
        return sum(
            item.documents for part in self.inputs for item in part.left_out
            if item.reason == DUPLICATE
        )  # fmt: skip

    @cached_property
    def digest(self) -> str:
        """Return what identifies the draw: recipe, versions and texts, and no state or time."""
        return digest_of(
            {
                "human": self.human.to_json(),
                "inputs": [
                    {
                        "content_root": item.standing.version.content_root,
                        "dataset": str(item.ref.dataset),
                        "documents": item.documents,
                        "selection": item.selection_digest(),
                        "version": item.ref.version,
                    }
                    for item in self.inputs
                ],
                "recipe": self.recipe.digest,
                "tokenizer": self.tokenizer,
                "type": PLAN_TYPE,
            }
        )

    def require(self) -> None:
        """Refuse a plan that does not keep its recipe.

        Raises:
            GuaranteeError: What was asked, and what could be reached.
        """
        if self.shortfall is not None:
            raise GuaranteeError(self.shortfall.sentence, hint=self.shortfall.hint)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why a recipe cannot be kept, and what could be reached, within one document.

    Attributes:
        asked_size: The least size asked for, or None.
        asked_share: The share asked for, or None.
        at_most: The size not to exceed, or None.
        best_size: The most that can be drawn at that share.
        best_share: The best share that a draw of that size can have, or of any document at all;
            None where no draw has that size, whatever its share.
        supply: The size of all candidates.
        unit: The unit of the sizes.
        of: The unit of the share.
    """

    asked_size: int | None
    asked_share: Fraction | None
    at_most: int | None
    best_size: int
    best_share: Fraction | None
    supply: int
    unit: Unit
    of: Unit

    @property
    def sentence(self) -> str:
        """Return the refusal."""
        size = f"{self.asked_size:,} {self.unit}" if self.asked_size else "anything"
        if self.at_most is not None and self.asked_size:
            size = f"between {self.asked_size:,} and {self.at_most:,} {self.unit}"
        elif self.at_most is not None:
            size = f"anything up to {self.at_most:,} {self.unit}"
        share = (
            "" if self.asked_share is None else f" with at least {_percent(self.asked_share)} human"
        )
        return f"the sources cannot give {size}{share}"

    @property
    def hint(self) -> str:
        """Return what would make it possible."""
        if self.best_share is None or self.asked_share is None:
            return self._more()
        size = "that size" if self.asked_size else "any size"
        return (
            f"at that share they give {self.best_size:,} {self.unit}; at {size} the best share "
            f"of {self.of} is {_percent(self.best_share)}; lower one of them, or add human "
            "documents"
        )

    def _more(self) -> str:
        """Return what to do when no share would help."""
        if not self.supply:
            return "no document passes the filters; widen them, or add sources"
        if self.supply < (self.asked_size or 0):
            return f"they hold {self.supply:,} {self.unit}; ask for less, or add sources"
        return (
            f"they hold {self.supply:,} {self.unit}, but whole documents do not add up to that; "
            "ask for a wider range of sizes"
        )


def _percent(share: Fraction) -> str:
    """Return a share in percent, rounded down: a promise is never rounded up."""
    hundredths = share.numerator * 10_000 // share.denominator
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


DUPLICATE: Final = "equal text drawn before"


def to_json(made: Plan) -> dict[str, Any]:
    """Return a plan as the document that `plan --json` prints."""
    human = made.human
    return {
        "plan": made.digest,
        "recipe": made.recipe.digest,
        "log_size": made.log_size,
        "feasible": made.shortfall is None,
        "documents": made.documents,
        "bytes": made.bytes,
        "words": made.words,
        "tokens": made.tokens,
        "tokenizer": made.tokenizer,
        "human_fraction": human.to_json(),
        "inputs": [
            {
                "dataset": str(item.ref.dataset),
                "version": item.ref.version,
                "content_root": item.standing.version.content_root,
                "documents": item.documents,
                "bytes": item.bytes,
                "words": item.words,
                "tokens": item.tokens,
                "human_bytes": item.human_bytes,
                "candidates": item.candidates,
                "contested": item.contested,
                "licenses": list(item.licenses),
                "origins": _origins(item),
                "left_out": [
                    {
                        "reason": out.reason,
                        "documents": out.documents,
                        "bytes": out.bytes,
                        "tombstone": out.tombstone,
                    }
                    for out in item.left_out
                ],
            }
            for item in made.inputs
        ],
        "exact_duplicates_left_out": made.duplicates,
        "evaluations": None if made.evaluations is None else made.evaluations.stated().to_json(),
        "shortfall": None
        if made.shortfall is None
        else {
            "message": made.shortfall.sentence,
            "hint": made.shortfall.hint,
            "best_size": made.shortfall.best_size,
            "best_share": None
            if made.shortfall.best_share is None
            else str(made.shortfall.best_share),
        },
    }


def _origins(item: PlannedInput) -> dict[str, int]:
    ranks = item.standing.view.ranks[item.rows]
    return {
        str(origin): int(np.count_nonzero(ranks == origin.caution))
        for origin in Origin
        if (ranks == origin.caution).any()
    }
