"""What keeps a version from meeting the policy of the vault: every reason, with rows and a remedy.

What counts is what the catalogue says now, all of it that the caller may see. The same is asked
before a version is protected and whenever a protected one is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy.orm import Session

from registry.blobs import Store
from registry.core.caller import OPERATOR, Caller
from registry.core.claim import Mask, Property
from registry.core.contents import Hashes, member
from registry.core.dataset import Origin
from registry.core.evidence import Grade, iso_date
from registry.core.lineage import EdgeKind
from registry.core.policy import Terms
from registry.db.models import DatasetVersion
from registry.query import catalogue
from registry.query.rows import RowReader
from registry.query.standing import NEVER, Standing, standing
from registry.query.standing.against import Voice, called_otherwise, written_since
from registry.query.standing.said import Said

EXAMPLES: Final = 3
NAMED: Final = 5
"""How many versions that contradict are named."""
_REWRITES: Final = (EdgeKind.TRANSLATED, EdgeKind.REFORMATTED)


@dataclass(frozen=True, slots=True)
class Example:
    """A document that a reason is about.

    Attributes:
        row: Its number in the version, from 1.
        content_hash: The SHA-256 of its text.
        where: The file and record it was read from.
    """

    row: int
    content_hash: str
    where: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a version does not meet a policy.

    Attributes:
        code: What kind of reason it is.
        documents: How many documents it is about.
        message: What is wrong.
        remedy: What would repair it.
        examples: Some of the documents; none where it is about all of them.
    """

    code: str
    documents: int
    message: str
    remedy: str
    examples: tuple[Example, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the reason as a document."""
        return {
            "code": self.code,
            "documents": self.documents,
            "message": self.message,
            "remedy": self.remedy,
            "examples": [
                {"row": it.row, "content_hash": it.content_hash, "where": it.where}
                for it in self.examples
            ],
        }


def reasons(
    session: Session,
    store: Store,
    version: DatasetVersion,
    terms: Terms,
    *,
    caller: Caller = OPERATOR,
    stand: Standing | None = None,
) -> list[Reason]:
    """Return what keeps a version from meeting a policy; nothing if it meets it.

    Whether the vault has its bytes is not among them: see `registry.query.vault`.

    Args:
        session: A reading session.
        store: The registry's storage.
        version: The version.
        terms: The policy.
        caller: Who asks: what they may not see contradicts nothing, and is not named.
        stand: What counts for the documents, for that caller, where it is known.

    Raises:
        ConflictError: A document table or stored selection is missing or was changed.
    """
    stand = stand or standing(session, store, version, caller=caller)
    return list(_Assessment(session, store, version, terms, caller, stand).reasons())


def not_kept(version: DatasetVersion, problems: Sequence[str] = ()) -> Reason:
    """Return the reason that the vault does not have the texts of a version, or damaged ones."""
    ref = catalogue.ref_of(version).short
    remedy = f"`firsthand keep {ref}` reads them again from where they were registered"
    if problems:
        said = "; ".join(problems)
        return Reason("damaged", version.documents, f"the kept texts are damaged: {said}", remedy)
    return Reason("not_kept", version.documents, "the vault does not have its texts", remedy)


class _Assessment:
    def __init__(
        self,
        session: Session,
        store: Store,
        version: DatasetVersion,
        terms: Terms,
        caller: Caller,
        stand: Standing,
    ) -> None:
        self._session, self._store, self._version = session, store, version
        self._terms, self._caller, self._stand = terms, caller, stand
        self._ref = catalogue.ref_of(version).short

    def reasons(self) -> Iterator[Reason]:
        """Give the gravest first."""
        yield from self._origins()
        yield from self._rewritten()
        yield from self._dates()
        yield from self._later()

    def _origins(self) -> Iterator[Reason]:
        ranks = self._stand.view.ranks
        human = Origin.HUMAN.caution
        if (ranks == human).all():
            return
        own = standing(
            self._session, self._store, self._version, across=False, caller=self._caller
        ).view.ranks
        nobody = not any(
            claim.property is Property.ORIGIN
            for claim in catalogue.claims(self._session, self._version)
        )
        for origin in Origin:
            mask = own == origin.caution
            if origin is Origin.HUMAN or not mask.any():
                continue
            if origin is Origin.UNKNOWN:
                yield self._reason(
                    "origin_unknown",
                    mask,
                    "have no origin: nobody says what made them"
                    if nobody
                    else "count as unknown: no claim calls them human, or one says it is unknown",
                    f"if people wrote them: `firsthand claim {self._ref} --origin human --reason …`"
                    if nobody
                    else self._without(mask),
                )
            else:
                yield self._reason(
                    "not_human",
                    mask,
                    f"count as {origin}: a live claim says so, or lineage; that a text is older "
                    "than the cutoff does not make it human",
                    self._without(mask),
                )
        contradicted = (own == human) & (ranks != human)
        if contradicted.any():
            texts = np.unique(self._stand.hashes[contradicted])
            voices = list(called_otherwise(texts, self._others()))
            said = self._named(voices)
            yield self._reason(
                "contrary_claim",
                contradicted,
                f"are called human here and something else of the same text elsewhere: {said}",
                "`firsthand whereis --file …` shows both sides of a text; "
                f"{self._without(contradicted)}",
            )

    def _dates(self) -> Iterator[Reason]:
        ends = self._stand.not_after
        undated, late = ends == NEVER, (ends != NEVER) & (ends >= self._terms.cutoff)
        if undated.any():
            yield self._reason(
                "undated",
                undated,
                "have no date that says by when they existed",
                "register the same files again with `--authored`, `--published`, `--captured` or "
                "`--collected`, or with `--date-field`: the dates are added to this version",
            )
        if late.any():
            last = iso_date(int(ends[late].max()))
            yield self._reason(
                "too_late",
                late,
                f"may be from {self._terms.before} or later: the latest date is {last}",
                f"if another date bounds them, register the same files again with it; "
                f"{self._without(late)}",
            )
        if self._terms.min_grade > Grade.E1 and not undated.all():
            yield self._reason(
                "grade",
                ~undated,
                f"have dates of grade {Grade.E1}, the owner's word, and {self._terms.min_grade} "
                "is asked for",
                f"ask for less, with `--min-grade {Grade.E1}`: evidence of a higher grade cannot "
                "be recorded yet",
                examples=False,
            )

    def _later(self) -> Iterator[Reason]:
        # Of those that are too late by their own dates, that was said.
        ends = self._stand.not_after
        texts = np.unique(self._stand.hashes[(ends < self._terms.cutoff) | (ends == NEVER)])
        voices = list(written_since(texts, self._terms.cutoff, self._everything()))
        if voices:
            found = np.unique(np.concatenate([voice.hashes for voice in voices]))
            said = member(self._stand.hashes, found)
            yield self._reason(
                "contrary_date",
                said,
                f"are said to be written in {self._terms.before} or later, of the same text: "
                f"{self._named(voices)}",
                f"`firsthand show` tells who says so; {self._without(said)}",
            )

    def _rewritten(self) -> Iterator[Reason]:
        """Texts that were made from others are as human as those, whatever is said of them."""
        for edge in catalogue.sources_of(self._session, self._version, self._caller):
            if edge.kind not in _REWRITES:
                continue
            source = standing(self._session, self._store, edge.source, caller=self._caller)
            doubtful = int(np.count_nonzero(source.view.ranks != Origin.HUMAN.caution))
            if doubtful:
                name = catalogue.ref_of(edge.source).short
                yield self._reason(
                    "source_not_human",
                    np.ones(self._version.documents, np.bool_),
                    f"were {edge.kind} from `{name}`, of which {doubtful:,} documents are not "
                    "human",
                    f"register what was {edge.kind} from human text alone",
                    examples=False,
                )

    def _everything(self) -> Iterator[Said]:
        for version in catalogue.all_versions(self._session, self._caller):
            yield Said.of_version(self._session, self._store, version, self._caller)

    def _others(self) -> Iterator[Said]:
        return (said for said in self._everything() if said.version.id != self._version.id)

    def _without(self, mask: Mask) -> str:
        """Return what is left to do: without these documents, if others are left."""
        if mask.all():
            return "no other document is left: this version is not for the vault"
        return (
            "register the other documents as a version of their own, and say so: "
            f"`firsthand lineage add NEW --from {self._ref} --kind filtered`"
        )

    def _named(self, voices: Sequence[Voice]) -> str:
        names = []
        for voice in sorted(voices, key=lambda it: -len(it.hashes))[:NAMED]:
            texts = f"{len(voice.hashes):,} text{'s' if len(voice.hashes) != 1 else ''}"
            origin = f" ({voice.origin})" if voice.origin else ""
            names.append(f"`{catalogue.ref_of(voice.version).short}`{origin} of {texts}")
        more = f" and {len(voices) - NAMED:,} more" if len(voices) > NAMED else ""
        return ", ".join(names) + more

    def _reason(
        self, code: str, mask: Mask, message: str, remedy: str, *, examples: bool = True
    ) -> Reason:
        rows = np.flatnonzero(mask)
        several = f"{len(rows):,} document{'s' if len(rows) != 1 else ''}"
        chosen = self._examples(rows[:EXAMPLES], self._stand.hashes) if examples else ()
        if len(rows) == 1:
            for plural, single in (("are ", "is "), ("have ", "has "), ("count ", "counts ")):
                if message.startswith(plural):
                    message = single + message.removeprefix(plural)
        return Reason(code, len(rows), f"{several} {message}", remedy, chosen)

    def _examples(self, rows: np.ndarray[Any, Any], hashes: Hashes) -> tuple[Example, ...]:
        place = self._stand.location
        columns = ("file", "record")
        found = RowReader(self._store).take(place, rows, columns)
        files, records = (found.column(name).to_pylist() for name in columns)
        return tuple(
            Example(
                row + 1,
                bytes(hashes[row]).ljust(32, b"\0").hex(),
                f"{place.files[file]['name']} record {record + 1:,}",
            )
            for row, file, record in zip(rows.tolist(), files, records, strict=True)
        )
