"""What came of a check: counted per source and per reason, and what was not searched for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from registry.check.against import Against
from registry.check.reasons import FAILURES, Reason
from registry.core.contents import Mask, Rows
from registry.db.models import DatasetVersion
from registry.matching import Kind, Matches, Reach, Target
from registry.matching.targets import PARAMS
from registry.query.catalogue import ref_of

MISSES: Final = (
    "a text that a model rewrote, translated or paraphrased is not found",
    "no match is not a statement about who or what wrote a text",
)
"""What no threshold changes."""


@dataclass(slots=True)
class Counted:
    """What was found in one version that was searched.

    Attributes:
        name: What it is called.
        number: The number of the version.
        path: The files it is, where it was registered for this check alone.
        target: What was searched.
        reach: How far the index reaches.
        evaluation: It is an evaluation set.
        protected: It is protected.
        kinds: How many documents of the data match it, by kind.
        reasons: The same by reason.
        matched: Which of its documents match.
        uncompared: How many passages could not be compared with the texts.
        undecided: How many of those may or may not be long enough.
        cut: How many texts share eight tokens with more of its items than were compared.
    """

    name: str
    number: int
    path: str | None
    target: Target
    reach: Reach
    evaluation: bool
    protected: bool
    kinds: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(Kind), np.int64))
    reasons: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(Reason), np.int64))
    matched: Mask = field(default_factory=lambda: np.zeros(0, np.bool_))
    uncompared: int = 0
    undecided: int = 0
    cut: int = 0

    @classmethod
    def of(cls, against: Against, version: DatasetVersion, target: Target, reach: Reach) -> Counted:
        """Start with nothing found."""
        return cls(
            str(ref_of(version).dataset),
            version.number,
            against.paths.get(version.id),
            target,
            reach,
            version.id in against.evaluation,
            version.id in against.protected,
        )

    @property
    def shown(self) -> str:
        """Return what it is called on a screen."""
        return self.path or f"{self.name.removeprefix('local/')}@{self.number}"

    def add(self, found: Matches, reasons: npt.NDArray[np.int8]) -> None:
        """Count matches of documents that were not counted before."""
        for kind in Kind:
            self.kinds[kind] += len(np.unique(found.question[found.kind == kind]))
        for reason in Reason:
            self.reasons[reason] += len(np.unique(found.question[reasons == reason]))
        if not len(self.matched):
            self.matched = np.zeros(self.target.documents, np.bool_)
        self.matched[found.row] = True
        self.uncompared += int(((found.kind == Kind.PASSAGE) & ~found.verified).sum())

    def gaps(self) -> list[dict[str, Any]]:
        """Return what was not searched for, and what would change that."""
        rebuild = "run `firsthand index rebuild`"
        found = []
        if not self.reach.exact:
            found.append(("equal documents", "its content hashes are not in the index", rebuild))
        if not self.reach.near:
            found.append(("near documents", "its sketches are not in the index", rebuild))
        tokens = self.reach.tokens
        if tokens is None:
            why = "its passages are not in the index"
            found.append(("passages", why, "register it without `--no-passages`"))
        elif tokens > self.target.run:
            found.append(
                (
                    f"shared runs of {self.target.run} to {tokens - 1} tokens",
                    f"its passages guarantee {tokens} tokens",
                    f"register it with `--passages {self.target.run}`",
                )
            )
        if self.undecided:
            why = f"{self.undecided:,} could not be compared: its texts are not at hand"
            found.append(("short passages", why, "restore its files, or keep them with `--keep`"))
        if self.cut:
            texts = "1 text shares" if self.cut == 1 else f"{self.cut:,} texts share"
            why = f"{texts} eight tokens with more of its items than are compared"
            remedy = "register the items without what all of them begin or end with"
            found.append(("passages", why, remedy))
        return [
            {
                "dataset": self.name if self.path is None else self.path,
                "version": self.number,
                "what": what,
                "why": why,
                "remedy": remedy,
            }
            for what, why, remedy in found
        ]

    def record(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "dataset": self.name if self.path is None else self.path,
            "version": self.number,
            "registered": self.path is None,
            "documents": self.target.documents,
            "evaluation": self.evaluation,
            "protected": self.protected,
            "run_tokens": self.target.run,
            "guaranteed_tokens": self.reach.tokens,
            "kinds": {kind.name.lower(): int(self.kinds[kind]) for kind in Kind},
            "reasons": {str(reason): int(self.reasons[reason]) for reason in Reason},
            "matched_documents": int(self.matched.sum()),
            "uncompared": self.uncompared,
        }


@dataclass(slots=True)
class Report:
    """What came of a check.

    Attributes:
        fail_on: What makes the answer no: names of `FAILURES`.
        allow_incomplete: Whether the answer is yes where something was not searched for.
        min_similarity: The smallest similarity of near documents.
        sources: What was searched.
        files: How many files were read.
        documents: How many documents the data has.
        bytes: How many bytes they have.
        empty: How many of them have no token, so that only equal ones can be found.
        bad: What was left out as not valid.
        bad_count: How much that is.
        passed: How many files were passed over.
        matched: How many documents match something.
        matches: How many matches there are.
        by_reason: How many documents have a match of each reason.
        first: The gravest matches, as rows.
        folder: Where all of them are.
    """

    fail_on: Sequence[str]
    allow_incomplete: bool
    min_similarity: float
    sources: list[Counted]
    files: int = 0
    documents: int = 0
    bytes: int = 0
    empty: int = 0
    bad: Sequence[str] = ()
    bad_count: int = 0
    passed: int = 0
    matched: int = 0
    matches: int = 0
    by_reason: npt.NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(Reason), np.int64)
    )
    failing: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FAILURES, 0))
    first: list[dict[str, Any]] = field(default_factory=list)
    folder: str | None = None

    def add(self, question: Rows, reasons: npt.NDArray[np.int8]) -> None:
        """Count the matches of documents that were not counted before, of all sources."""
        self.matches += len(question)
        self.matched += len(np.unique(question))
        for reason in Reason:
            self.by_reason[reason] += len(np.unique(question[reasons == reason]))
        for name, those in FAILURES.items():
            self.failing[name] += len(np.unique(question[np.isin(reasons, those)]))

    @property
    def gaps(self) -> list[dict[str, Any]]:
        """Return what was not searched for."""
        return [gap for source in self.sources for gap in source.gaps()]

    @property
    def failed(self) -> list[str]:
        """Return why the answer is no; nothing where it is yes."""
        found = [name for name in FAILURES if name in self.fail_on and self.failing[name]]
        if self.gaps and not self.allow_incomplete:
            found.append("incomplete")
        return found

    @property
    def is_clean(self) -> bool:
        """Return whether the answer is yes."""
        return not self.failed

    @property
    def recall(self) -> float:
        """Return how probably a document of just the smallest similarity is found."""
        return PARAMS.recall(self.min_similarity)

    def record(self) -> dict[str, Any]:
        """Return it as JSON, `schemas/check.json`."""
        return {
            "clean": self.is_clean,
            "failed": self.failed,
            "fail_on": list(self.fail_on),
            "allow_incomplete": self.allow_incomplete,
            "data": {
                "files": self.files,
                "documents": self.documents,
                "bytes": self.bytes,
                "without_tokens": self.empty,
                "skipped_files": self.passed,
                "bad_input": {"count": self.bad_count, "listed": list(self.bad)},
            },
            "found": {
                "documents": self.matched,
                "matches": self.matches,
                **{name: self.failing[name] for name in FAILURES},
                "reasons": {str(reason): int(self.by_reason[reason]) for reason in Reason},
            },
            "sources": [source.record() for source in self.sources],
            "searched": {
                "documents": sum(source.target.documents for source in self.sources),
                "min_similarity": self.min_similarity,
                "recall": round(self.recall, 4),
                "not_searched": self.gaps,
                "misses": list(MISSES),
            },
            "matches": self.first,
            "more_matches": self.matches - len(self.first),
            "report": self.folder,
        }
