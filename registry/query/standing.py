"""Where each document of a version stands while all live claims hold.

These are views: derived from claims and document tables every time, stored nowhere. They work on
NumPy arrays with one element per document, in the order of the version's first location.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy.orm import Session

from registry import documents
from registry.blobs import Store
from registry.core.caller import OPERATOR, Caller
from registry.core.claim import (
    UNSAID,
    Amounts,
    ClaimKind,
    Mask,
    OriginView,
    OriginVoice,
    Property,
    Ranks,
    combine,
    granted_bytes,
    uniform,
)
from registry.core.dataset import Origin
from registry.core.digest import SELECTION_PREFIX, sha256_hex
from registry.core.evidence import DateInterval, DateKind
from registry.core.lineage import EdgeKind
from registry.db.models import Claim, DatasetVersion, Location
from registry.documents import Hashes
from registry.errors import ConflictError
from registry.query import catalogue

NEVER: Final = np.iinfo(np.int64).max
"""Stands for "no bound is claimed" in `not_after`."""
EVER: Final = np.iinfo(np.int64).min
"""Stands for "no bound is claimed" in `not_before`."""

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Labels:
    """A set of names per document: `names[codes[i]]` are those of document i."""

    names: tuple[tuple[str, ...], ...]
    codes: Codes

    def within(self, admitted: Iterable[str]) -> Mask:
        """Return the documents that have labels, all of them among those admitted."""
        wanted = set(admitted)
        good = [bool(names) and set(names) <= wanted for names in self.names]
        return np.array(good, np.bool_)[self.codes]

    def used(self) -> list[str]:
        """Return every name that some document has."""
        present = set(np.unique(self.codes).tolist())
        return sorted(
            {name for code, names in enumerate(self.names) if code in present for name in names}
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """The documents of a version, row by row, and what counts for each.

    Attributes:
        version: The version.
        location: The location whose reading order the rows have.
        hashes: Content hashes.
        bytes: Sizes.
        words: Word counts.
        view: Origin and human bytes under all live claims.
        generators: Who wrote the rows that are not human.
        licenses: What is claimed; several names mean that all of their terms apply.
        languages: Likewise.
        not_before: Microseconds since 1970 UTC, or `EVER`.
        not_after: The text existed by then: microseconds since 1970 UTC, or `NEVER`.
        tokens: Token counts, where a tokenizer was given.
    """

    version: DatasetVersion
    location: Location
    hashes: Hashes
    bytes: Amounts
    words: Amounts
    view: OriginView
    generators: Labels
    licenses: Labels
    languages: Labels
    not_before: Amounts
    not_after: Amounts
    tokens: Amounts | None = None


@dataclass(frozen=True, slots=True)
class NotHuman:
    """Every text that some live claim in the catalogue does not call human, by content.

    Attributes:
        hashes: Ascending, each once.
        ranks: The most cautious origin claimed for it.
        human_bytes: The fewest human bytes any such claim grants it.
    """

    hashes: Hashes
    ranks: Ranks
    human_bytes: Amounts


def standing(
    session: Session,
    store: Store,
    version: DatasetVersion,
    against: NotHuman | None = None,
    caller: Caller = OPERATOR,
) -> Standing:
    """Return the documents of a version with what counts for each.

    Args:
        session: A reading session.
        store: The registry's storage.
        version: The version.
        against: What the whole catalogue knows to be not human (`not_human`). Without it only
            the claims about this version count.
        caller: Lineage from what the caller may not see does not count.

    Raises:
        ConflictError: A document table or stored selection is missing or was changed.
    """
    claims = catalogue.claims(session, version)
    table = _Table(store, catalogue.locations(session, version)[0])
    voices = _voices(store, table, claims)
    if _generated_from(session, version, caller):
        voices.append(uniform(Origin.AI, np.ones(len(table.hashes), np.bool_)))
    view = _within_equal(table.hashes, combine(table.bytes, voices))
    if against is not None:
        view = _across(table.hashes, view, against)
    begin, end = _dates(store, table, claims)
    made = [item for item in claims if item.property is Property.ORIGIN]
    generators = _labels(store, table, made, "generators", "generator")
    nobody = view.ranks == Origin.HUMAN.caution
    return Standing(
        version=version,
        location=table.location,
        hashes=table.hashes,
        bytes=table.bytes,
        words=table.words,
        view=view,
        generators=_without(generators, nobody),
        licenses=_labels(store, table, _of(claims, Property.LICENSE), "license", None),
        languages=_labels(store, table, _of(claims, Property.LANGUAGE), "language", "language"),
        not_before=begin,
        not_after=end,
    )


def not_human(session: Session, store: Store, caller: Caller = OPERATOR) -> NotHuman:
    """Return every text that some live claim in the catalogue does not call human.

    What is claimed about datasets that the caller may not see is left out: a text must not tell
    that it occurs there.

    Cost and memory follow the number of such documents in the catalogue: 41 bytes each are
    returned, several times as many are held while they are sorted. A text that was registered as
    unknown is not among them, because nothing was said about it; one that a correction calls
    unknown is, one whose record names a generator, and what lineage says a model generated.
    """
    hashes: list[Hashes] = []
    ranks: list[Ranks] = []
    human: list[Amounts] = []
    for version in catalogue.all_versions(session, caller):
        claims = _of(catalogue.claims(session, version), Property.ORIGIN)
        by_model = _generated_from(session, version, caller)
        if not by_model and all(item.value.get("origin") == Origin.HUMAN for item in claims):
            continue
        table = _Table(store, catalogue.locations(session, version)[0])
        if by_model:
            hashes.append(table.hashes)
            ranks.append(np.full(len(table.hashes), Origin.AI.caution, np.int8))
            human.append(np.zeros(len(table.hashes), np.int64))
        voices = [_voice(store, table, claim) for claim in claims]
        for claim, voice in zip(claims, voices, strict=True):
            spoken = voice.ranks > Origin.HUMAN.caution
            if claim.kind is ClaimKind.REGISTRATION:
                spoken &= voice.ranks != Origin.UNKNOWN.caution
            hashes.append(table.hashes[spoken])
            ranks.append(voice.ranks[spoken])
            human.append(granted_bytes(voice, table.bytes)[spoken])
        named = _named_generator(store, table, claims, voices)
        spoken = named.ranks != UNSAID
        hashes.append(table.hashes[spoken])
        ranks.append(named.ranks[spoken])
        human.append(np.zeros(int(np.count_nonzero(spoken)), np.int64))
    if not hashes:
        return NotHuman(np.empty(0, "S32"), np.empty(0, np.int8), np.empty(0, np.int64))
    return NotHuman(*_reduce(np.concatenate(hashes), np.concatenate(ranks), np.concatenate(human)))


def _generated_from(session: Session, version: DatasetVersion, caller: Caller) -> bool:
    """Return whether lineage says that a model made this version: then no claim makes it human."""
    edges = catalogue.sources_of(session, version, caller)
    return any(edge.kind is EdgeKind.GENERATED for edge in edges)


class _Table:
    """A location's document table, its columns loaded when asked for."""

    def __init__(self, store: Store, location: Location) -> None:
        self.location = location
        self._table = documents.load(
            store.documents(location.uid),
            digest=location.table_digest,
            columns=(
                "content_hash", "bytes", "words", "origin", "human_bytes", "generator",
                "language", "not_before", "not_after",
            ),
        )  # fmt: skip
        self.hashes = documents.hashes_of(self._table.column("content_hash"))
        self.bytes = self._integers("bytes")
        self.words = self._integers("words")

    def column(self, name: str) -> pa.ChunkedArray | None:
        return self._table.column(name) if name in self._table.schema.names else None

    def _integers(self, name: str) -> Amounts:
        return np.asarray(self._table.column(name).to_numpy(), np.int64)

    def voice(self) -> OriginVoice:
        """Return what the data itself says per document."""
        labels = self.column("origin")
        if labels is None:
            return OriginVoice(np.full(len(self.hashes), UNSAID, np.int8))
        human = self.column("human_bytes")
        return OriginVoice(
            documents.origin_ranks(labels),
            None if human is None else self._integers("human_bytes"),
        )

    def generated(self) -> Mask:
        """Return the documents for which the data itself names a generator."""
        names = self.column("generator")
        if names is None:
            return np.zeros(len(self.hashes), np.bool_)
        return np.asarray(names.is_valid().to_numpy(), np.bool_)

    def times(self, name: str, missing: int) -> Amounts:
        """Return a column of times as microseconds."""
        column = self.column(name)
        if column is None:
            return np.full(len(self.hashes), missing, np.int64)
        filled = column.cast(pa.int64()).fill_null(missing)
        return np.asarray(filled.to_numpy(), np.int64)


def _of(claims: Sequence[Claim], property: Property) -> list[Claim]:
    return [item for item in claims if item.property is property]


def _voices(store: Store, table: _Table, claims: Sequence[Claim]) -> list[OriginVoice]:
    about = _of(claims, Property.ORIGIN)
    voices = [_voice(store, table, item) for item in about]
    return [*voices, _named_generator(store, table, about, voices)]


def _named_generator(
    store: Store, table: _Table, claims: Sequence[Claim], voices: list[OriginVoice]
) -> OriginVoice:
    """Return what records say that name a generator and no origin: not human, whatever else.

    It contradicts a claim of human and fills silence; it does not speak where the origin is said
    to be anything else. A record that is itself labelled human keeps its label: corpora of pairs
    name beside a human text the model that answered it.
    """
    named = np.zeros(len(table.hashes), np.bool_)
    for claim in claims:
        if "origins" not in claim.value:
            named |= _generated(store, table, claim)
    highest = np.full(len(table.hashes), UNSAID, np.int8)
    for voice in voices:
        highest = np.maximum(highest, voice.ranks)
    return uniform(Origin.UNKNOWN, named & (highest <= Origin.HUMAN.caution))


def _voice(store: Store, table: _Table, claim: Claim) -> OriginVoice:
    """Return what an origin claim says about each row of a version's table."""
    if claim.location_id is None:
        said = claim.value.get("origin")
        mask = _scope(store, table, claim)
        return uniform(Origin(said), mask) if said else uniform(Origin.UNKNOWN, mask & False)
    if claim.location_id == table.location.id:
        return table.voice()
    other = _Table(store, _place(claim))
    voice = other.voice()
    reduced = _reduce(other.hashes, voice.ranks, granted_bytes(voice, other.bytes))
    at = np.searchsorted(reduced[0], table.hashes)
    return OriginVoice(reduced[1][at], reduced[2][at])


def _generated(store: Store, table: _Table, claim: Claim) -> Mask:
    """Return the rows whose generator is named by what a claim says per document."""
    if claim.location_id is None:
        return np.zeros(len(table.hashes), np.bool_)
    if claim.location_id == table.location.id:
        return table.generated()
    other = _Table(store, _place(claim))
    return member(table.hashes, np.sort(other.hashes[other.generated()]))


def _place(claim: Claim) -> Location:
    """Return the location whose table holds what a claim says per document."""
    if claim.location is None:
        raise ConflictError(
            f"claim {claim.id} has lost its location", hint="run `firsthand db check`"
        )
    return claim.location


def _scope(store: Store, table: _Table, claim: Claim) -> Mask:
    """Return the rows that a claim is about."""
    if claim.selection is None:
        return np.ones(len(table.hashes), np.bool_)
    digest = claim.selection.digest
    raw = store.selection(digest)
    if sha256_hex(SELECTION_PREFIX + raw) != digest:
        raise ConflictError(
            f"the stored selection `{digest[:16]}…` was changed after it was claimed",
            hint="restore the storage folder from a backup",
        )
    return member(table.hashes, documents.as_hashes(raw))


def member(hashes: Hashes, ordered: Hashes) -> Mask:
    """Return which hashes are in an ascending list."""
    if not len(ordered):
        return np.zeros(len(hashes), np.bool_)
    at = np.minimum(np.searchsorted(ordered, hashes), len(ordered) - 1)
    return np.asarray(ordered[at] == hashes, np.bool_)


def _reduce(hashes: Hashes, ranks: Ranks, human: Amounts) -> tuple[Hashes, Ranks, Amounts]:
    """Return each hash once, ascending, with the highest rank and the fewest human bytes."""
    if not len(hashes):
        return hashes, ranks, human
    order = np.argsort(hashes)
    hashes = hashes[order]
    starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))
    return (
        hashes[starts],
        np.maximum.reduceat(ranks[order], starts),
        np.minimum.reduceat(human[order], starts),
    )


def _within_equal(hashes: Hashes, view: OriginView) -> OriginView:
    """Let equal texts stand equally: the most cautious of them speaks for all."""
    if len(hashes) < 2:
        return view
    order = np.argsort(hashes)
    ordered = hashes[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    if len(starts) == len(hashes):
        return view
    group = np.empty(len(hashes), np.int64)
    group[order] = np.repeat(np.arange(len(starts)), np.diff([*starts, len(hashes)]))
    ranks = np.maximum.reduceat(view.ranks[order], starts)[group]
    human = np.minimum.reduceat(view.human_bytes[order], starts)[group]
    most = np.maximum.reduceat(view.human_bytes[order], starts)[group]
    contested = np.logical_or.reduceat(view.contested[order], starts)[group]
    return OriginView(ranks, human, contested | (most > human))


def _across(hashes: Hashes, view: OriginView, against: NotHuman) -> OriginView:
    """Apply what the rest of the catalogue says about the same texts."""
    known = member(hashes, against.hashes)
    at = np.searchsorted(against.hashes, hashes[known])
    ranks, human = view.ranks.copy(), view.human_bytes.copy()
    ranks[known] = np.maximum(ranks[known], against.ranks[at])
    human[known] = np.minimum(human[known], against.human_bytes[at])
    return OriginView(ranks, human, view.contested | (human < view.human_bytes))


def _labels(
    store: Store, table: _Table, claims: Sequence[Claim], key: str, column: str | None
) -> Labels:
    """Return the names that claims give each document, for all or per document."""
    layers: list[tuple[list[str | None], Codes]] = []
    for claim in claims:
        if claim.location_id is None:
            said = claim.value.get(key)
            if said:
                names = said if isinstance(said, list) else [said]
                layers += [_flat(name, _scope(store, table, claim)) for name in names]
        elif column is not None:
            layers.append(_spoken(store, table, claim, column))
    if not layers:
        return Labels(((),), np.zeros(len(table.hashes), np.int32))
    stacked = np.stack([codes for _, codes in layers])
    combos, inverse = np.unique(stacked, axis=1, return_inverse=True)
    names = []
    for combo in combos.T:
        found = {layers[i][0][code] for i, code in enumerate(combo.tolist())}
        names.append(tuple(sorted(name for name in found if name is not None)))
    return Labels(tuple(names), inverse.reshape(-1).astype(np.int32))


def _flat(name: str, mask: Mask) -> tuple[list[str | None], Codes]:
    return [None, name], mask.astype(np.int32)


def _spoken(
    store: Store, table: _Table, claim: Claim, column: str
) -> tuple[list[str | None], Codes]:
    """Return the names that the data itself gives each document."""
    nothing = np.zeros(len(table.hashes), np.int32)
    if claim.location_id == table.location.id:
        source, at = table, None
    else:
        source = _Table(store, _place(claim))
        order = np.argsort(source.hashes)
        at = order[np.searchsorted(source.hashes[order], table.hashes)]
    values = source.column(column)
    if values is None:
        return [None], nothing
    encoded = values.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32) + 1
    return [None, *encoded.dictionary.to_pylist()], codes if at is None else codes[at]


def _without(labels: Labels, mask: Mask) -> Labels:
    """Return the labels with those of the masked documents taken away."""
    codes = labels.codes.copy()
    codes[mask] = len(labels.names)
    return Labels((*labels.names, ()), codes)


def _dates(store: Store, table: _Table, claims: Sequence[Claim]) -> tuple[Amounts, Amounts]:
    """Return the bracket of each document.

    All kinds of dates bound existence from above, so the earliest kind counts; claims of one kind
    contradict each other, so the latest of them counts. What the data says per document of a kind
    is not undercut by what is said of that kind for all documents.
    """
    intervals: dict[DateKind, DateInterval] = {}
    own: tuple[Amounts, Amounts] | None = None
    kinds: set[DateKind] = set()
    for claim in _of(claims, Property.DATE):
        if claim.location_id is None:
            said = DateInterval.from_json(claim.value)
            before = intervals.get(said.kind)
            intervals[said.kind] = said if before is None else _wider(before, said)
        else:
            spoken = _spoken_dates(store, table, claim)
            own = spoken if own is None else _later(own, spoken)
            kinds |= {DateKind(kind) for kind in claim.value["kinds"]}
    whole = _bracket(table, min(intervals.values(), key=_end, default=None))
    if own is None:
        return whole
    same = [item for kind, item in intervals.items() if kind in kinds]
    other = [item for kind, item in intervals.items() if kind not in kinds]
    dated = own[1] != NEVER
    for item in same:
        own = _later(own, _bracket(table, item))
    begin, end = _bracket(table, min(other, key=_end, default=None))
    # A text cannot be from after the time until which all of it is said to have been gathered:
    # the two contradict each other, and the later date counts.
    contradicted = dated & (own[0] != EVER) & (own[0] > end)
    earlier = (own[1] < end) | contradicted
    begin, end = np.where(earlier, own[0], begin), np.where(earlier, own[1], end)
    return np.where(dated, begin, whole[0]), np.where(dated, end, whole[1])


def _end(interval: DateInterval) -> int:
    return interval.not_after


def _bracket(table: _Table, interval: DateInterval | None) -> tuple[Amounts, Amounts]:
    """Return one interval, or none, for each document."""
    begin = EVER if interval is None else interval.not_before
    end = NEVER if interval is None else interval.not_after
    rows = len(table.hashes)
    return np.full(rows, begin, np.int64), np.full(rows, end, np.int64)


def _wider(one: DateInterval, two: DateInterval) -> DateInterval:
    return replace(
        one,
        not_before=min(one.not_before, two.not_before),
        not_after=max(one.not_after, two.not_after),
    )


def _spoken_dates(store: Store, table: _Table, claim: Claim) -> tuple[Amounts, Amounts]:
    if claim.location_id == table.location.id:
        return table.times("not_before", EVER), table.times("not_after", NEVER)
    other = _Table(store, _place(claim))
    order = np.argsort(other.hashes)
    ordered = other.hashes[order]
    if not len(ordered):
        return _bracket(table, None)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    begins = np.minimum.reduceat(other.times("not_before", EVER)[order], starts)
    ends = np.maximum.reduceat(other.times("not_after", NEVER)[order], starts)
    at = np.searchsorted(ordered[starts], table.hashes)
    return begins[at], ends[at]


def _later(one: tuple[Amounts, Amounts], two: tuple[Amounts, Amounts]) -> tuple[Amounts, Amounts]:
    """Return the wider of two brackets; a bracket that is not there gives way to one that is."""
    ends = np.where(
        (one[1] == NEVER) | (two[1] == NEVER),
        np.minimum(one[1], two[1]),
        np.maximum(one[1], two[1]),
    )
    return np.minimum(one[0], two[0]), ends


def sums_by_origin(standing: Standing) -> dict[Origin, dict[str, Any]]:
    """Return documents, bytes and words of each origin, by caution."""
    sums = {}
    for origin in standing.view.origins():
        mask = standing.view.ranks == origin.caution
        sums[origin] = {
            "documents": int(np.count_nonzero(mask)),
            "bytes": int(standing.bytes[mask].sum()),
            "words": int(standing.words[mask].sum()),
            "human_bytes": int(standing.view.human_bytes[mask].sum()),
        }
    return sums
