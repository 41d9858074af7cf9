"""One run from versions to pairs and clusters: which stages there are, and what each is made of.

1. `documents`: every document of all versions with its side and content hash.
2. `texts`: the different texts, and who has copies of which.
3. `bands`: the band keys of every different text, a file for each band.
4. `candidates`: pairs of texts that share a band.
5. `signatures` of all texts in candidates, and for true similarity their `shingles`.
6. `compared`: the candidates with their similarity.
7. `clusters`: what hangs together at the smallest similarity asked for.

Equal texts are compared once: copies are put back in when pairs are counted and listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from registry.batch import candidates, clusters, compare, material, sql
from registry.batch.bench import Bench
from registry.batch.engine import LEAST_MEMORY, MOST_MEMORY, Engine, Limits
from registry.batch.pieces import Pieces
from registry.batch.sources import Source
from registry.batch.stages import Stage, Workspace
from registry.core.sketch import SCHEME, SketchParams
from registry.errors import InvalidInputError

RULE: Final = "near/v1"
PAIR_LIMIT: Final = 5_000_000
"""How many pairs one band key, or one text with copies, may make before it becomes a star."""
RANKS: Final = "ranks.parquet"
"""The file of a stage of ranks."""
MOST_PAIRS: Final = 10**15
"""The largest such limit: canonical JSON and the columns of the engine hold it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        stage: What is being made.
        done: How much of it.
        of: How much there is to do.
    """

    stage: str
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What is compared, and how.

    Attributes:
        mine: The versions of one side.
        theirs: Those of the other; none to compare those of the first with themselves.
        params: How the sketches were made, and the bands.
        threshold: The smallest similarity that counts as near, in (0, 1].
        exact: Compare by true Jaccard similarity instead of by signatures.
        pair_limit: How many pairs one band key may make before it becomes a star.
        limits: Memory and threads.
        edges_in_memory: How many pairs make clusters in memory; None for as many as fit.
        ranks: The rank of each text (`text_id`, `rank`), in a stage of one file `ranks.parquet`: a
            star is made around the text of the lowest rank. None for the smallest text. Only for
            one side.
    """

    mine: Sequence[Source]
    theirs: Sequence[Source] = ()
    params: SketchParams = field(default_factory=SketchParams)
    threshold: float = 0.8
    exact: bool = False
    pair_limit: int = PAIR_LIMIT
    limits: Limits = field(default_factory=Limits)
    edges_in_memory: int | None = None
    ranks: Stage | None = None

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise InvalidInputError(
                f"a smallest similarity of {self.threshold:g} is not above 0 and at most 1",
                hint="0.8 finds what was edited lightly",
            )
        if self.limits.memory < LEAST_MEMORY:
            raise InvalidInputError(
                f"{self.limits.memory:,} bytes of memory are too few",
                hint=f"give it {LEAST_MEMORY // 10**6} MB or more",
            )
        if self.limits.memory > MOST_MEMORY:
            raise InvalidInputError(
                f"{self.limits.memory:,} bytes of memory are more than any machine has",
                hint="give it about half of what this machine has",
            )
        if not 1 <= self.pair_limit <= MOST_PAIRS:
            raise InvalidInputError(
                f"a limit of {self.pair_limit:,} pairs is not from 1 to {MOST_PAIRS:,}",
                hint=f"{PAIR_LIMIT:,} is the usual one",
            )

    @property
    def between(self) -> bool:
        """Return whether there are two sides."""
        return bool(self.theirs)

    @property
    def rule(self) -> str:
        """Return the id of what counts as near, with all that it depends on."""
        of = self.params
        how = "jaccard " if self.exact else ""
        return f"{RULE} {SCHEME} {of.permutations} {of.bands}x{of.rows} {how}≥{self.threshold:g}"


@dataclass(frozen=True, slots=True)
class Compared:
    """Every pair of texts that was compared; the files stay while the workspace is open.

    Attributes:
        asked: What was asked.
        texts: The stage with the different texts and their copies.
        compared: The stage with every pair of texts that was compared.
        capped: Band keys that made too many pairs: how many, of how many texts, how many pairs.
    """

    asked: Asked
    texts: Stage
    compared: Stage
    capped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Found(Compared):
    """What a run found; its files stay while its workspace is open.

    Attributes:
        clusters: The stage with the clusters.
        reused: The stages that were there already.
    """

    clusters: Stage
    reused: tuple[str, ...]

    def see(self, engine: Engine) -> None:
        """Let SQL see it all."""
        engine.see("texts", self.texts.file("texts.parquet"))
        engine.see("copies", self.texts.file("copies.parquet"))
        engine.see("compared", self.compared.file("compared.parquet"))
        engine.define("verified", sql.verified(self.asked.threshold))
        engine.see("clusters", self.clusters.file("clusters.parquet"))


def find(
    asked: Asked, space: Workspace, on_progress: Callable[[Progress], None] = lambda _: None
) -> Found:
    """Find the pairs of documents that are alike, and what hangs together.

    Candidates share a band, so a pair is among them with the probability
    `SketchParams.recall` gives for its similarity, not with certainty.

    Args:
        asked: What is compared, and how.
        space: Where stages are kept.
        on_progress: Hears how far it is.

    Raises:
        RegistryError: A version's table, sketches or texts are not what was registered, the disk
            is full, or the memory does not suffice. Finished stages are kept.
    """
    return _Run(asked, space, on_progress).find()


def pairs(
    asked: Asked, space: Workspace, on_progress: Callable[[Progress], None] = lambda _: None
) -> Compared:
    """Compare as `find` does, and do not look for clusters; see there."""
    return _Run(asked, space, on_progress).pairs()


def texts(
    asked: Asked, space: Workspace, on_progress: Callable[[Progress], None] = lambda _: None
) -> Stage:
    """Return the different texts and their copies alone; `pairs` finds them there later.

    Raises:
        RegistryError: As in `find`.
    """
    return _Run(asked, space, on_progress).texts()


class _Run:
    """Makes the stages, each from those before it."""

    def __init__(
        self, asked: Asked, space: Workspace, on_progress: Callable[[Progress], None]
    ) -> None:
        self._asked = asked
        self._space = space
        self._on_progress = on_progress
        self._sources = {one.number: one for one in (*asked.mine, *asked.theirs)}
        self._stages: list[Stage] = []

    def find(self) -> Found:
        asked = self._asked
        texts, found, compared = self._pairs()
        grouped = self._clusters(texts, compared)
        self._drop()
        reused = tuple(stage.name for stage in (texts, compared, grouped) if not stage.made)
        return Found(asked, texts, compared, found.facts["capped"], grouped, reused)

    def pairs(self) -> Compared:
        texts, found, compared = self._pairs()
        self._drop()
        return Compared(self._asked, texts, compared, found.facts["capped"])

    def texts(self) -> Stage:
        texts = self._texts()
        self._drop()
        return texts

    def _pairs(self) -> tuple[Stage, Stage, Stage]:
        texts = self._texts()
        found = self._candidates(texts)
        return texts, found, self._compared(found)

    def _drop(self) -> None:
        for stage in self._stages:
            # What is large and quickly made again; the rest serves another threshold.
            if stage.name in ("documents", "bands", material.SIGNATURES, material.SHINGLES):
                self._space.drop(stage)

    def _texts(self) -> Stage:
        asked = self._asked
        both = (asked.mine, asked.theirs)
        made_of = {
            "sides": [[[source.number, *source.identity] for source in side] for side in both]
        }

        def make(bench: Bench) -> Mapping[str, Any]:
            documents = self._stage(
                "documents", made_of, lambda bench: candidates.documents(both, bench)
            )
            return candidates.texts(documents, bench)

        return self._stage("texts", made_of, make)

    def _candidates(self, texts: Stage) -> Stage:
        asked, params = self._asked, self._asked.params
        sketches = {
            "of": texts.key,
            "scheme": SCHEME,
            "permutations": params.permutations,
            "bands": params.bands,
            "rows": params.rows,
        }

        def make(bench: Bench) -> Mapping[str, Any]:
            bands = self._stage(
                "bands",
                sketches,
                lambda bench: candidates.bands(
                    texts, self._sources, params, bench, between=asked.between
                ),
            )
            return candidates.candidates(
                bands,
                params.bands,
                asked.pair_limit,
                bench,
                between=asked.between,
                ranks=None if asked.ranks is None else asked.ranks.file(RANKS),
            )

        made_of = {**sketches, "limit": asked.pair_limit}
        if asked.ranks is not None:
            made_of["ranks"] = asked.ranks.key
        return self._stage("candidates", made_of, make)

    def _compared(self, found: Stage) -> Stage:
        exact = self._asked.exact

        def make(bench: Bench) -> Mapping[str, Any]:
            with ExitStack() as stack:
                signatures = self._material(found, material.SIGNATURES, material.signatures)
                of = stack.enter_context(Pieces(signatures, material.SIGNATURES, np.uint32))
                true = None
                if exact:
                    shingles = self._material(found, material.SHINGLES, material.shingles)
                    true = stack.enter_context(Pieces(shingles, material.SHINGLES, np.uint64))
                return compare.compared(found, of, true, bench)

        return self._stage("compared", {"of": found.key, "exact": exact}, make)

    def _material(
        self,
        found: Stage,
        name: str,
        make: Callable[[Stage, Mapping[int, Source], Bench], Mapping[str, Any]],
    ) -> Path:
        stage = self._stage(
            name, {"of": found.key}, lambda bench: make(found, self._sources, bench)
        )
        return stage.folder

    def _clusters(self, texts: Stage, compared: Stage) -> Stage:
        asked = self._asked
        in_memory = asked.edges_in_memory
        if in_memory is None:
            in_memory = clusters.edges_in_memory(asked.limits)
        return self._stage(
            "clusters",
            {"of": [texts.key, compared.key], "threshold": repr(asked.threshold)},
            lambda bench: clusters.clusters(
                texts,
                compared,
                asked.threshold,
                bench,
                between=asked.between,
                in_memory=in_memory,
            ),
        )

    def _stage(
        self,
        name: str,
        made_of: Mapping[str, Any],
        make: Callable[[Bench], Mapping[str, Any]],
    ) -> Stage:
        root, limits = self._space.root, self._asked.limits

        def tell(done: int, of: int) -> None:
            self._on_progress(Progress(name, done, of))

        tell(0, 0)
        stage = self._space.stage(
            name, made_of, lambda folder, spill: make(Bench(root, folder, spill, limits, tell))
        )
        self._stages.append(stage)
        return stage
