"""The matrix of some versions: which pairs are asked for, what is kept of them, what is new."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from sqlalchemy.orm import Session

from registry.batch.run import Progress
from registry.blobs import Store
from registry.core.caller import Caller
from registry.core.digest import digest_of
from registry.core.sketch import SCHEME, SketchParams
from registry.db.models import DatasetVersion, SegmentKind, SketchTable
from registry.errors import ConflictError, InvalidInputError
from registry.index.reading import Index
from registry.query import catalogue, withdrawn
from registry.query.matrix.comparing import HUBS, Side, compared
from registry.query.matrix.counts import Amount, Common
from registry.query.matrix.kept import Kept
from registry.query.overlaps.pairing import NEAR
from registry.query.rows import RowReader
from registry.query.selecting import select

PARAMS: Final = SketchParams()
RULE: Final = (
    f"overlap/v1 {SCHEME} {PARAMS.permutations} {PARAMS.bands}x{PARAMS.rows} >={NEAR} hubs {HUBS}"
)
STAGE: Final = "comparing"


@dataclass(frozen=True, slots=True)
class Member:
    """A version of the matrix.

    Attributes:
        version: The version.
        side: What is compared of it; None if the index does not have all of its contents.
        name: The digests that name what is compared.
        without_words: How many of its documents have no word, and so are never near; None where
            there are no sketches.
    """

    version: DatasetVersion
    side: Side | None
    name: str
    without_words: int | None

    @property
    def near(self) -> bool:
        """Return whether near matches can be found."""
        return self.side is not None and self.side.permutations is not None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            **_named(self.version),
            "documents": self.version.documents,
            "bytes": self.version.bytes,
            "without_words": self.without_words,
            "compared": "all" if self.near else "exact" if self.side else "nothing",
        }


@dataclass(frozen=True, slots=True)
class Matrix:
    """Which documents of versions other versions have too.

    Attributes:
        members: The versions, in the order in which they were asked for.
        alone: The version that all others are compared with; None if all are, with one another.
        common: What pairs of versions have in common, by their positions; those with nothing are
            left out.
    """

    members: Sequence[Member]
    alone: int | None
    common: Mapping[tuple[int, int], Common]

    @property
    def pairs(self) -> int:
        """Return how many pairs were compared."""
        return sum(1 for _ in _pairs(self.members, self.alone))

    def near(self, one: int, two: int) -> bool:
        """Return whether near matches of two versions can be found."""
        sides = [self.members[at].side for at in (one, two)]
        found = {None if side is None else side.permutations for side in sides}
        return None not in found and len(found) == 1

    def is_compared(self, one: int, two: int) -> bool:
        """Return whether two versions were compared."""
        asked = self.alone is None or self.alone in (one, two)
        return asked and one != two and all(self.members[at].side for at in (one, two))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values, as the command line and HTTP give it."""
        recall = round(PARAMS.recall(NEAR), 6)
        error = round(math.sqrt(NEAR * (1 - NEAR) / PARAMS.permutations), 6)
        alone = None if self.alone is None else _named(self.members[self.alone].version)
        return {
            "rule": RULE,
            "near": {"min_similarity": NEAR, "recall": recall, "standard_error": error},
            "documents": sum(member.version.documents for member in self.members),
            "compared_with": alone,
            "compared": self.pairs,
            "versions": [member.to_json() for member in self.members],
            "pairs": [self._pair(*at) for at in sorted(self.common)],
        }

    def _pair(self, one: int, two: int) -> dict[str, Any]:
        common, near = self.common[one, two], self.near(one, two)
        sides = []
        for at, share in ((one, common.here), (two, common.there)):
            version = self.members[at].version
            whole = Amount(version.documents, version.bytes)
            sides.append(
                {
                    **_named(version),
                    "exact": share.exact.to_json(whole),
                    "near": share.near.to_json(whole) if near else None,
                    "either": share.either.to_json(whole) if near else None,
                }
            )
        return {"texts": common.texts, "skipped": common.skipped, "sides": sides}


def matrix(
    session: Session,
    store: Store,
    index: Index,
    words: Sequence[str],
    caller: Caller,
    *,
    anew: bool = False,
    most_versions: int | None = None,
    most_documents: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Matrix:
    """Compare versions with one another, or one version with all others.

    Args:
        session: A reading session.
        store: The registry's storage, in which results are kept.
        index: The index, as the session has it.
        words: What `select` understands. What stands for one version is compared with the latest
            version of every dataset; without any, those are compared with one another.
        caller: Who asks; nothing depends on what they may not see.
        anew: Compare also what is kept.
        most_versions: More versions are refused.
        most_documents: If more documents would have to be compared, that is refused.
        on_progress: Hears how many documents have been compared.

    Raises:
        InvalidInputError: The words stand for no version, or for too many.
        NotFoundError: There is no such version that the caller may see.
        ConflictError: A document table or a file of the index is missing or was changed, or too
            much would have to be compared.
    """
    versions, alone = _chosen(session, words, caller)
    if most_versions is not None and len(versions) > most_versions:
        raise InvalidInputError(
            f"{len(versions):,} versions are to be compared, at most {most_versions:,} are",
            hint="name fewer with `ref`, or use `firsthand overlap`",
        )
    index = index.without(withdrawn.hidden_rows(session, RowReader(store)))
    members = _members(index, session, versions)
    work = _Work(store, members, alone, anew=anew)
    if most_documents is not None and work.documents > most_documents:
        raise ConflictError(
            f"{work.documents:,} documents have not been compared with all others yet, and at "
            f"most {most_documents:,} are while a request waits",
            hint="run `firsthand overlap` with the same names once: what it finds is kept",
        )
    return Matrix(members, alone, work.do(index, store, on_progress))


def _chosen(
    session: Session, words: Sequence[str], caller: Caller
) -> tuple[list[DatasetVersion], int | None]:
    """Return the versions, and the position of the one that all others are compared with."""
    asked = select(session, words, caller)
    if words and not asked:
        raise InvalidInputError(
            f"`{','.join(words)}` stands for no version",
            hint="`firsthand dataset list` names the datasets there are",
        )
    if len(asked) > 1:
        return asked, None
    latest: dict[int, DatasetVersion] = {}
    gone = withdrawn.whole_ids(session)
    for version in catalogue.all_versions(session, caller):
        if version.id in gone:
            continue
        latest[version.dataset_id] = version
    others = [it for it in latest.values() if it not in asked]
    return [*asked, *others], 0 if asked else None


def _members(index: Index, session: Session, versions: Sequence[DatasetVersion]) -> list[Member]:
    covered = index.covered(SegmentKind.CONTENT)
    sketched = index.sketched()
    stones = withdrawn.tombstones(session, [version.id for version in versions])
    found = []
    for version in versions:
        place = catalogue.locations(session, version)[0]
        table: SketchTable | None = sketched.get(place.id)
        side = None
        if covered.get(place.id, 0) == version.documents:
            permutations = None if table is None else table.permutations
            side = Side(place, version.documents, permutations)
        depends = [place.table_digest, None if table is None else table.digest]
        # What is withdrawn of a version takes no part, so what was kept before says too much.
        depends += [stone.selection for stone in stones.get(version.id, ())]
        name = digest_of(depends)
        words = None if table is None else table.documents - table.sketched
        found.append(Member(version, side, name, words))
    return found


def _pairs(members: Sequence[Member], alone: int | None) -> Iterator[tuple[int, int]]:
    """Give the pairs that are compared, by position: the first one before the second."""
    for one, two in combinations(range(len(members)), 2):
        if members[one].side and members[two].side and alone in (None, one, two):
            yield one, two


class _Work:
    """What is kept of the pairs, and what has to be compared.

    A pair is kept with the version that was registered later, so that a new version adds a file
    and changes none.
    """

    def __init__(
        self, store: Store, members: Sequence[Member], alone: int | None, *, anew: bool
    ) -> None:
        self._members = members
        self._found: dict[tuple[int, int], Common] = {}
        self._left: dict[int, list[int]] = {}
        self._kept: dict[int, Kept] = {}
        for one, two in _pairs(members, alone):
            later, earlier = sorted((one, two), key=lambda at: -members[at].version.id)
            if later not in self._kept:
                self._kept[later] = Kept(store, RULE, members[later].name)
            common = None if anew else self._kept[later].get(members[earlier].name)
            if common is None:
                self._left.setdefault(later, []).append(earlier)
            else:
                self._add(later, earlier, common)

    @property
    def documents(self) -> int:
        """Return how many documents are still to be compared."""
        return sum(self._members[later].version.documents for later in self._left)

    def do(
        self, index: Index, store: Store, on_progress: Callable[[Progress], None]
    ) -> dict[tuple[int, int], Common]:
        """Compare what has to be, keep it, and return what all pairs have in common."""
        done, total = 0, self.documents
        for later in sorted(self._left, key=lambda at: self._members[at].version.id):
            on_progress(Progress(STAGE, done, total))
            self._compare(index, store, later)
            done += self._members[later].version.documents
        if total:
            on_progress(Progress(STAGE, done, total))
        return self._found

    def _compare(self, index: Index, store: Store, later: int) -> None:
        mine = self._members[later].side
        sides = {at: self._members[at].side for at in self._left[later]}
        places = {side.place.id: at for at, side in sides.items() if side is not None}
        if mine is None:
            return
        others = [side for side in sides.values() if side is not None]
        new = {}
        for other, common in compared(index, store, mine, others):
            earlier = places[other.place.id]
            new[self._members[earlier].name] = common
            self._add(later, earlier, common)
        self._kept[later].add(new)

    def _add(self, later: int, earlier: int, common: Common) -> None:
        if not common:
            return
        pair = (later, earlier)
        self._found[min(pair), max(pair)] = common if later < earlier else common.turned()


def _named(version: DatasetVersion) -> dict[str, Any]:
    ref = catalogue.ref_of(version)
    return {"dataset": str(ref.dataset), "version": ref.version}
