"""What a snapshot states: its manifest, the statements of its shards, its certificate."""

from __future__ import annotations

import datetime as dt
import platform
from dataclasses import dataclass

import pyarrow as pa

from registry import __version__, shards
from registry.blobs import Store
from registry.core.certificate import (
    Certificate,
    Grades,
    Input,
    Issuer,
    LogState,
    Policy,
    ShardStatement,
    Tokens,
)
from registry.core.evidence import Grade, instant_range, iso_time, to_micros
from registry.core.manifest import Manifest, ShardEntry, shard_name
from registry.core.merkle import shards_root
from registry.core.recipe import Recipe
from registry.errors import UnavailableError
from registry.export.recording import Superseded
from registry.query.layout import Layout
from registry.query.plan import Plan
from registry.sorted_hashes import HashSorter


@dataclass(frozen=True, slots=True)
class Stated:
    """What is known of a snapshot before a byte of it is written.

    Attributes:
        manifest: Its logical content.
        statements: Of its shards, in order.
        grades: Documents and bytes by origin and date grade.
        lowest: The lowest date grade of what is drawn from each version.
    """

    manifest: Manifest
    statements: list[ShardStatement]
    grades: Grades
    lowest: dict[tuple[str, int], str]


def state(layout: Layout, issuer: Issuer, store: Store) -> Stated:
    """Return what a laid-out plan states."""
    columns = shards.columns()
    entries: list[ShardEntry] = []
    counts: list[shards.Counts] = []
    everything: shards.Counts = {}
    for index, groups in enumerate(layout.shards):
        tree, sums = shards.RecordTree(), shards.Counts()
        for group in groups:
            rows = layout.provenance(group)
            tree.add(rows)
            shards.add(sums, shards.count(rows, layout.sizes(group)))
        entries.append(ShardEntry(shard_name(index), tree.rows, tree.root().hex()))
        counts.append(sums)
        shards.add(everything, sums)
    root, distinct = _content(layout, store)
    manifest = Manifest(
        plan=layout.plan.digest,
        content_root=root.hex(),
        record_root=shards_root(bytes.fromhex(entry.record_root) for entry in entries).hex(),
        columns=columns,
        distinct=distinct,
        empty=layout.empty,
        origins=shards.origins(everything),
        shards=tuple(entries),
    )
    statements = [
        ShardStatement(manifest.root, index, entry, columns, shards.origins(sums), issuer)
        for index, (entry, sums) in enumerate(zip(entries, counts, strict=True))
    ]
    return Stated(manifest, statements, shards.grades(everything), shards.lowest(everything))


def _content(layout: Layout, store: Store) -> tuple[bytes, int]:
    """Return the content root of all rows and how many different texts they are.

    Raises:
        UnavailableError: There are more than fit into memory, and the disk refused.
    """
    sorter = HashSorter(store.root)
    try:
        for hashes in layout.hashes():
            sorter.add(hashes.data)
        return sorter.finish()
    except OSError as error:
        raise UnavailableError(
            f"`{store.root}` cannot be written: {error.strerror or error}",
            hint="make room on the disk; nothing was recorded",
        ) from error


def certificate(
    plan: Plan,
    layout: Layout,
    stated: Stated,
    files: dict[str, str],
    issuer: Issuer,
    *,
    log: LogState,
    positions: dict[int, int],
    now: dt.datetime,
    supersedes: Superseded | None = None,
) -> Certificate:
    """Return the certificate of files that are written.

    Args:
        plan: What was drawn.
        layout: Its rows.
        stated: What they state.
        files: SHA-256 of each file, by name.
        issuer: Who signs.
        log: The state of the log that the plan was made at.
        positions: Where the log has each version that was drawn from, by the version's id.
        now: The registry's clock.
        supersedes: The certificate whose place this one takes, or None.
    """
    tokens = layout.tokens_by_origin()
    return Certificate(
        manifest=stated.manifest,
        files=files,
        issuer=issuer,
        issued_at=iso_time(to_micros(now)),
        human_fraction=plan.human,
        words=layout.words_by_origin(),
        inputs=tuple(
            Input(
                dataset=str(item.ref.dataset),
                version=item.standing.version.number,
                content_root=item.standing.version.content_root,
                documents=item.documents,
                bytes=item.bytes,
                grade=stated.lowest.get(
                    (str(item.ref.dataset), item.standing.version.number), str(Grade.E0)
                ),
                licenses=item.licenses,
                log_index=positions[item.standing.version.id],
            )
            for item in plan.inputs
        ),
        grades=stated.grades,
        log=log,
        exact_duplicates_left_out=plan.duplicates,
        contested=sum(item.contested for item in plan.inputs),
        builder={
            "firsthand": __version__,
            "pyarrow": pa.__version__,
            "python": platform.python_version(),
        },
        policy=Policy(cutoff=_cutoff(plan.recipe)),
        tokens=None if tokens is None or plan.tokenizer is None else Tokens(plan.tokenizer, tokens),
        evaluations=plan.evaluations.stated()
        if plan.evaluations is not None and plan.evaluations.sets
        else None,
        supersedes=None if supersedes is None else supersedes.certificate,
        reissued=None if supersedes is None else supersedes.reissued,
    )


def _cutoff(recipe: Recipe) -> str | None:
    """Return the time before which a recipe has every document exist, or None."""
    ends = []
    for source in recipe.sources:
        dates = [
            instant_range(text)[0]
            for text in (recipe.where.date_before, source.where.date_before)
            if text is not None
        ]
        if not dates:
            return None
        ends.append(min(dates))
    return iso_time(max(ends))
