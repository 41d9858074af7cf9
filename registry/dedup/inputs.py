"""The versions that are deduplicated, their documents side by side.

A document's *place* is its number among the documents of all versions, which stand in the order
of their registration: what comes out does not depend on the order they are named in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from registry import ledger
from registry.batch.sources import Ids, owners, rows
from registry.blobs import Store
from registry.core.caller import OPERATOR
from registry.core.contents import Hashes
from registry.core.survivor import Merits
from registry.db.models import Claim, DatasetVersion
from registry.errors import ConflictError, InvalidInputError
from registry.query import catalogue, protection
from registry.query.compared import Side, check_alike, side
from registry.query.standing import NEVER, Standing, standings
from registry.query.standing.said import Said


@dataclass(frozen=True)
class Inputs:
    """What is deduplicated, as the catalogue had it at one moment.

    Attributes:
        sides: The versions, in the order of their registration.
        standings: What counts for the documents of each.
        said: The live claims about each.
        protected: Which of them are protected.
        log_size: The state of the catalogue.
    """

    sides: Sequence[Side]
    standings: Sequence[Standing]
    said: Sequence[Said]
    protected: Sequence[bool]
    log_size: int

    @classmethod
    def read(cls, session: Session, store: Store, versions: Sequence[DatasetVersion]) -> Inputs:
        """Read what counts for the documents of some versions.

        Raises:
            InvalidInputError: There are none.
            ConflictError: One has no sketches, theirs do not compare, or a table was changed.
        """
        ordered = sorted(versions, key=lambda it: it.id)
        if not ordered:
            raise InvalidInputError(
                "the selection has no version", hint="name the datasets to deduplicate"
            )
        sides = [side(session, version) for version in ordered]
        check_alike(sides)
        return cls(
            sides,
            standings(session, store, ordered),
            [Said.of_version(session, store, version, OPERATOR) for version in ordered],
            protections(session, ordered),
            ledger.size(session),
        )

    @cached_property
    def starts(self) -> Ids:
        """Return the place of the first document of each version, and the number of all."""
        return np.cumsum([0, *(len(stand.hashes) for stand in self.standings)])

    @cached_property
    def numbers(self) -> Ids:
        """Return the ids of the versions."""
        return np.array([it.version.id for it in self.sides], np.int64)

    @property
    def documents(self) -> int:
        """Return how many documents there are."""
        return int(self.starts[-1])

    def places(self, documents: Ids) -> Ids:
        """Return the places of documents, given by their numbers in the batch plane."""
        places: Ids = self.starts[np.searchsorted(self.numbers, owners(documents))]
        return places + rows(documents)

    def whose(self, places: Ids) -> Ids:
        """Return which of the versions documents are of."""
        return np.searchsorted(self.starts, places, side="right") - 1

    def rows(self, places: Ids) -> Ids:
        """Return the rows of documents in their versions."""
        local: Ids = places - self.starts[self.whose(places)]
        return local

    def batch_ids(self, places: Ids) -> Ids:
        """Return the numbers of documents in the batch plane."""
        whose = self.whose(places)
        first = np.array([it.version.id << 32 for it in self.sides], np.int64)
        numbers: Ids = first[whose] + (places - self.starts[whose])
        return numbers

    def gather(
        self, places: Ids, column: Callable[[Standing], npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        """Return what a column of the standings has for some documents."""
        whose = self.whose(places)
        kind = np.result_type(*(column(stand).dtype for stand in self.standings))
        found = np.empty(len(places), kind)
        for at, stand in enumerate(self.standings):
            here = whose == at
            if here.any():
                found[here] = column(stand)[places[here] - self.starts[at]]
        return found

    def hashes(self, places: Ids) -> Hashes:
        """Return the content hashes of some documents."""
        return self.gather(places, lambda stand: stand.hashes)

    def merits(self) -> Merits:
        """Return what the order of survivors goes by."""
        not_after = np.concatenate([it.not_after.astype(np.int64) for it in self.standings])
        return Merits(
            protected=np.repeat(np.array(self.protected, np.bool_), np.diff(self.starts)),
            # All dates are the owner's word so far, E1; no date is E0.
            grades=(not_after != NEVER).astype(np.int8),
            not_after=not_after,
            origins=np.concatenate([it.view.ranks for it in self.standings]),
            sizes=np.concatenate([it.bytes for it in self.standings]),
        )

    def claims(self, at: int) -> Sequence[Claim]:
        """Return the live claims about one of the versions."""
        return self.said[at].claims

    def check_unchanged(self, session: Session) -> None:
        """Refuse to record what was decided when the catalogue says something else now.

        Raises:
            ConflictError: A version was protected or no longer is, or something new is claimed.
        """
        if ledger.size(session) == self.log_size:
            return
        versions = [session.get_one(DatasetVersion, it.version.id) for it in self.sides]
        now = protections(session, versions)
        for number, version in enumerate(versions):
            before = [claim.id for claim in self.claims(number)]
            after = [claim.id for claim in catalogue.claims(session, version)]
            if before != after or now[number] != self.protected[number]:
                raise ConflictError(
                    f"what is recorded about `{self.sides[number].ref.short}` changed meanwhile",
                    hint="run the command again; nothing was recorded",
                )


def protections(session: Session, versions: Sequence[DatasetVersion]) -> list[bool]:
    """Return which versions are protected."""
    safe = protection.protected_ids(session)
    return [version.id in safe for version in versions]
