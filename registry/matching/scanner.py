"""Look batches of texts up: which documents they match, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from registry import documents
from registry.core.contents import Rows, leading
from registry.core.sketch import PASSAGE, Sketches, SketchParams, similarity, sketch
from registry.db.models import SegmentKind
from registry.errors import RegistryError
from registry.index.reading import Found, Index
from registry.matching.matches import Kind, Matches
from registry.matching.runs import Hashed, shared
from registry.matching.sieve import Sieve
from registry.matching.targets import PARAMS, Target, Texts, reach
from registry.readers import text_buffers

LISTED: Final = 5
"""How many documents of a version are named for a text, unless all are."""
MOST: Final = 1000
"""How many documents of a version can be named for a text at all."""
_BUCKET: Final = 256
"""How many documents of a version are compared that share a key of a band with a text."""
_SHARED: Final = 256
"""The same, of a passage."""
_TIMES: Final = 4
_CHUNK: Final = 1 << 14
_SMALL: Final = SketchParams(permutations=1, bands=1, rows=1)
"""Where only passages are wanted."""
_READ: Final = 1 << 13
"""How many texts are compared with a batch of documents at a time."""


class Scanner:
    """Compares texts with the documents of some versions. Threads may share it.

    Equal documents are found without fail, alike ones with the probability that
    `SketchParams.recall` gives for their similarity, and shared runs of tokens without fail from
    the length on that `reach` gives for each version. All runs of eight tokens of a text are asked
    about, not only those that winnowing would select of them: so a document of eight tokens or
    more that stands in a text as a whole is found however short it is.

    Args:
        index: The index, which stays open meanwhile.
        targets: The versions.
        texts: Where texts of documents come from; without it, passages are told from the index.
        min_similarity: The smallest similarity of alike documents.
        listed: How many documents of a version are named for a text, unless all are.
    """

    def __init__(
        self,
        index: Index,
        targets: Sequence[Target],
        *,
        texts: Texts | None = None,
        min_similarity: float = 0.8,
        listed: int = LISTED,
    ) -> None:
        self._index = index
        self._texts = texts
        self._min_similarity = min_similarity
        self.reach = reach(index, targets)
        self._targets = {target.location: target for target in targets}
        order = sorted(self._targets)
        ordered = [self._targets[at] for at in order]
        self._locations = np.array(order, np.int64)
        self._runs = np.array([it.run for it in ordered], np.int64)
        self._windows = np.array([self.reach[at].window or 0 for at in order], np.int64)
        self._widths = np.unique(self._windows)
        self._limits = np.array(
            [MOST if it.every or it.mixed else listed for it in ordered], np.int64
        )
        self._every = np.array([it.every for it in ordered], np.bool_)
        self._among = {
            SegmentKind.CONTENT: [at for at in order if self.reach[at].exact],
            SegmentKind.BANDS: [at for at in order if self.reach[at].near],
            SegmentKind.PASSAGES: [at for at in order if self.reach[at].window],
        }
        self._sieves = {kind: Sieve(index, kind, among) for kind, among in self._among.items()}

    def scan(self, texts: pa.Array) -> Matches:
        """Return what a batch of texts matches.

        Args:
            texts: A `large_string` array of fewer than 2^24 texts.

        Raises:
            ConflictError: A file of the index is missing or damaged.
        """
        found = self.look(texts)
        which, at = np.unique(found.question, return_inverse=True)
        compared = self.compare(replace(found, question=at), texts.take(pa.array(which)))
        return replace(compared, question=which[compared.question])

    def look(self, texts: pa.Array) -> Matches:
        """Return what a batch of texts may match, as far as the index says.

        Passages have not been compared: their runs are what the index knows of them, which is less
        than there may be. `compare` does that, for many batches at once if need be.

        Args:
            texts: A `large_string` array of fewer than 2^24 texts.

        Raises:
            ConflictError: A file of the index is missing or damaged.
        """
        data, offsets = text_buffers(texts)
        made = sketch(data, offsets, params=PARAMS, window=1)
        exact = self._exact(documents.as_hashes(documents.hash_texts(texts)))
        near = self._near(made)
        passages = self._passages(texts, made)
        near = self._beside(near, exact)
        closer = Matches.together([exact, near])
        passages = self._beside(passages, closer)
        # What the index knows of runs is not in their order: more are compared than are named.
        return Matches.together([closer, self._closest(passages, times=_TIMES)]).ordered()

    def compare(self, found: Matches, texts: pa.Array) -> Matches:
        """Compare passages with the texts of the documents, and leave out what is no match.

        A passage stays if a shared run has the length asked for; if the text has most of the
        document; or, where the text of the document is not at hand, if the index knows of as long
        a run. What it knows less of stays too, with a `run` below that length: nobody can tell.
        So does one passage of each text that shares eight tokens with more items of a version of
        `every` than were looked at, if those are no match: it is marked as `cut`.

        Args:
            found: What `look` returned, of any number of batches.
            texts: The texts that its `question` counts.

        Raises:
            ConflictError: A file of the index is missing or damaged.
        """
        asked = found.kind == Kind.PASSAGE
        parts = [found.at(~asked)]
        passages = found.at(asked)
        for location in np.unique(passages.location).tolist():
            here = passages.at(passages.location == location)
            met = self._closest(self._compared(location, here, texts))
            closer = parts[0].question[parts[0].location == location]
            cut = here.at(here.cut & ~np.isin(here.question, [*met.question, *closer]))
            cut = cut.at(np.unique(cut.question, return_index=True)[1])
            parts.append(replace(met, cut=np.zeros(len(met), np.bool_)))
            parts.append(replace(cut, run=np.full(len(cut), PASSAGE)))
        return Matches.together(parts).ordered()

    def _exact(self, hashes: npt.NDArray[np.bytes_]) -> Matches:
        maybe = self._sieves[SegmentKind.CONTENT].passed(leading(hashes))
        if not len(maybe):
            return Matches.none()
        # Ascending questions are answered several times as fast.
        maybe = maybe[np.argsort(hashes[maybe], kind="stable")]
        hits = self._index.content(hashes[maybe], among=self._among[SegmentKind.CONTENT])
        found = Matches.of_kind(Kind.EXACT, maybe[hits.question], hits.location, hits.row)
        return self._closest(found)

    def _near(self, made: Sketches) -> Matches:
        wide = made.bands.shape[1]
        asked = np.flatnonzero(made.tokens > 0)
        keys = made.bands[asked].reshape(-1)
        maybe = self._sieves[SegmentKind.BANDS].passed(keys)
        if not len(maybe):
            return Matches.none()
        different, of = np.unique(keys[maybe], return_inverse=True)
        hits, _ = self._index.some(
            SegmentKind.BANDS, different, among=self._among[SegmentKind.BANDS], most=_BUCKET
        )
        key, question = _expanded(hits.question, of, asked[maybe // wide])
        pairs = np.unique(np.stack([question, hits.location[key], hits.row[key]], axis=1), axis=0)
        score = np.zeros(len(pairs), np.float32)
        for location in np.unique(pairs[:, 1]).tolist():
            mine = np.flatnonzero(pairs[:, 1] == location)
            for begin in range(0, len(mine), _CHUNK):
                some = mine[begin : begin + _CHUNK]
                theirs = self._index.signatures(location, pairs[some, 2])
                score[some] = similarity(made.signatures[pairs[some, 0]], theirs)
        good = score >= self._min_similarity
        pairs = pairs[good]
        return self._closest(
            Matches.of_kind(
                Kind.NEAR, pairs[:, 0], pairs[:, 1], pairs[:, 2], similarity=score[good]
            )
        )

    def _passages(self, texts: pa.Array, made: Sketches) -> Matches:
        maybe = self._sieves[SegmentKind.PASSAGES].passed(made.passages)
        if not len(maybe):
            return Matches.none()
        different, of = np.unique(made.passages[maybe], return_inverse=True)
        among = self._among[SegmentKind.PASSAGES]
        hits, _ = self._index.some(SegmentKind.PASSAGES, different, among=among, most=_SHARED)
        if not len(hits):
            return Matches.none()
        # Of the few texts that share something it is asked where they do.
        sharing = np.zeros(len(different), np.bool_)
        sharing[hits.question] = True
        which = np.unique(made.passage_rows[maybe[sharing[of]]]).astype(np.int64)
        taken = texts.take(pa.array(which))
        hashed = Hashed.of(taken)
        text = np.repeat(np.arange(len(which)), np.diff(hashed.begins))
        token = np.arange(len(hashed.keys)) - hashed.begins[text]
        at = np.minimum(np.searchsorted(different, hashed.keys), len(different) - 1)
        same = (different[at] == hashed.keys) & sharing[at]
        hit, place = _expanded(hits.question, at[same], np.flatnonzero(same))
        location, row = hits.location[hit], hits.row[hit]
        least = self._least(taken, hashed, text)
        sure = least[np.searchsorted(self._widths, self._of(location, self._windows)), place]
        cut = _crowded(hits)[hit] & self._of(location, self._every)
        return self._runs_of(
            _Meetings(which[text[place]], token[place], location, row, at[place], sure, cut)
        )

    def _least(self, texts: pa.Array, hashed: Hashed, text: Rows) -> npt.NDArray[np.bool_]:
        """Return which hashes of texts are the least of a window, for each width of windows.

        A run that is as long as a window is shared with a document only if the least hash of the
        window is one that winnowing selected there.
        """
        of = text.astype(np.uint64)
        found = []
        for width in self._widths.tolist():
            made = sketch(*text_buffers(texts), params=_SMALL, window=max(width, 1))
            chosen = made.passages | made.passage_rows.astype(np.uint64)
            found.append(np.isin(hashed.keys | of, chosen))
        return np.stack(found)

    def _runs_of(self, met: _Meetings) -> Matches:
        """Put the places where a text and a document have the same run of eight tokens together.

        A document with one such run is left out if no shared run of the length that is guaranteed
        can be there, unless all items are named.
        """
        order = np.lexsort((met.token, met.row, met.location, met.question))
        question, token, location, row = (
            it[order] for it in (met.question, met.token, met.location, met.row)
        )
        new = np.ones(len(order), np.bool_)
        new[1:] = (np.diff(question) != 0) | (np.diff(location) != 0) | (np.diff(row) != 0)
        # Of a run that is shared, no two neighbors among those found are further apart.
        broken = new.copy()
        broken[1:] |= np.diff(token) > self._of(location, self._windows)[1:]
        begins = np.flatnonzero(broken)
        lasts = np.append(begins[1:], len(order)) - 1
        runs = token[lasts] - token[begins] + PASSAGE
        firsts = np.flatnonzero(new)
        longest = np.maximum.reduceat(runs, np.searchsorted(begins, firsts))
        found = Matches.of_kind(
            Kind.PASSAGE, question[firsts], location[firsts], row[firsts], run=longest
        )
        keys = met.key[order]
        several = np.minimum.reduceat(keys, firsts) != np.maximum.reduceat(keys, firsts)
        every = self._of(found.location, self._every)
        likely = np.logical_or.reduceat(met.sure[order], firsts) | several | every
        cut = np.logical_or.reduceat(met.cut[order], firsts)
        return replace(found, token=token[firsts], cut=cut).at(likely)

    def _compared(self, location: int, found: Matches, texts: pa.Array) -> Matches:
        if self._texts is None:
            return found
        order = np.argsort(found.row, kind="stable")
        found = found.at(order)
        rows, at = np.unique(found.row, return_inverse=True)
        parts, begin, done = [], 0, 0
        try:
            for theirs in self._texts(location, rows):
                end = begin + int(np.searchsorted(at[begin:], done + len(theirs)))
                for low in range(begin, end, _READ):
                    some = slice(low, min(low + _READ, end))
                    mine = found.at(np.arange(some.start, some.stop))
                    parts.append(self._verified(mine, texts, theirs, at[some] - done))
                begin, done = end, done + len(theirs)
        except RegistryError:
            # They are not at hand any more: of the rest, the index alone tells.
            pass
        parts.append(found.at(np.arange(begin, len(found))))
        return Matches.together(parts)

    def _verified(self, found: Matches, texts: pa.Array, theirs: pa.Array, at: Rows) -> Matches:
        which, mine = np.unique(found.question, return_inverse=True)
        two = Hashed.of(theirs)
        what = shared(Hashed.of(texts.take(pa.array(which))), two, mine, at)
        of = two.tokens[at]
        run = self._of(found.location, self._runs)
        most = (2 * what.covered >= of) & (what.covered >= run)
        # An item of an evaluation set may be shorter than the run asked for.
        whole = (what.covered >= of) & self._of(found.location, self._every)
        good = (what.run >= run) | most | whole
        verified = replace(
            found,
            run=what.run,
            token=what.token,
            covered=what.covered,
            of=of,
            verified=np.ones(len(found), np.bool_),
        )
        return verified.at(good)

    def _beside(self, found: Matches, closer: Matches) -> Matches:
        """Return matches without pairs that match more closely.

        Where only the closest documents of a version are named, one that is closer is enough.
        """
        all_named = self._of(found.location, self._limits) == MOST
        same = _among(found, closer, ("question", "location", "row"))
        alike = _among(found, closer, ("question", "location"))
        return found.at(~np.where(all_named, same, alike))

    def _closest(self, found: Matches, *, times: int = 1) -> Matches:
        """Return the closest documents of each version for each text, or so many times as many."""
        order = np.lexsort(
            (found.row, -found.run, -found.similarity, found.location, found.question)
        )
        found = found.at(order)
        if not len(found):
            return found
        new = np.ones(len(found), np.bool_)
        new[1:] = (np.diff(found.question) != 0) | (np.diff(found.location) != 0)
        starts = np.flatnonzero(new)
        rank = np.arange(len(found)) - np.repeat(starts, np.diff(starts, append=len(found)))
        return found.at(rank < times * self._of(found.location, self._limits))

    def _of(self, location: Rows, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return what is known of the version of each location."""
        return values[np.searchsorted(self._locations, location)]


@dataclass(frozen=True, slots=True)
class _Meetings:
    """Places where a text and a document have the same run of eight tokens.

    Attributes:
        question: Which text.
        token: Where in it.
        location: Where the document is.
        row: Its row there.
        key: Which run of eight tokens.
        sure: Whether a run of the length that is guaranteed may be shared there.
        cut: Whether more items have that key than are looked at.
    """

    question: Rows
    token: Rows
    location: Rows
    row: Rows
    key: Rows
    sure: npt.NDArray[np.bool_]
    cut: npt.NDArray[np.bool_]


def _crowded(hits: Found) -> npt.NDArray[np.bool_]:
    """Return which hits are of keys that as many documents of a location have as are looked at."""
    pairs = hits.question * (hits.location.max(initial=0) + 1) + hits.location
    _, of, many = np.unique(pairs, return_inverse=True, return_counts=True)
    return np.asarray(many[of] >= _SHARED)


def _expanded(key: Rows, of: Rows, question: Rows) -> tuple[Rows, Rows]:
    """Return which hits are of which questions, where several questions may have one key.

    Args:
        key: The key of each hit, ascending.
        of: The key of each question.
        question: What the question is called.
    """
    low = np.searchsorted(key, of)
    sizes = np.searchsorted(key, of, side="right") - low
    which = np.repeat(np.arange(len(of)), sizes)
    return low[which] + np.arange(len(which)) - (np.cumsum(sizes) - sizes)[which], question[which]


def _among(found: Matches, others: Matches, names: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which of the matches have the same numbers as one of others."""
    kind = np.dtype([(name, "i8") for name in names])

    def keys(them: Matches) -> npt.NDArray[np.void]:
        made = np.empty(len(them), kind)
        for name in names:
            made[name] = getattr(them, name)
        return made

    return np.isin(keys(found), keys(others))
