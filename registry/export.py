"""Plan → snapshot: Parquet shards, manifest and certificate, in a folder that appears at once.

The data flow, in an order without circles: provenance of every drawn row → record roots per shard
→ manifest and snapshot root → signed shard statements → texts, each re-hashed against what was
registered → shards with their statements in the footers → file digests → certificate → one
transaction in the catalogue → the folder appears. A kill before the transaction leaves nothing; a
kill after it is finished by the next command. To an object store, everything but the certificate is
sent before the transaction, and the certificate after it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.orm import Session

from registry import __version__, destinations, intents, ledger, shards
from registry.blobs import Store, sync_folder, sync_tree
from registry.core.attest import Signer
from registry.core.certificate import (
    Certificate,
    Input,
    Issuer,
    ShardStatement,
    Tokens,
    sign,
)
from registry.core.dataset import ORIGINS_BY_CAUTION, Origin
from registry.core.digest import sha256_hex
from registry.core.entry import EntryKind
from registry.core.evidence import iso_time, to_micros
from registry.core.manifest import Manifest, ShardEntry, Tally, shard_name
from registry.core.merkle import shards_root
from registry.core.recipe import Unit
from registry.db.base import Base
from registry.db.models import (
    DrawnRows,
    IntentKind,
    LogEntry,
    Mixture,
    MixtureExclusion,
    MixtureInput,
    RecipeRow,
    SigningKey,
    Snapshot,
)
from registry.db.session import Database
from registry.errors import ConflictError, InvalidInputError, UnavailableError
from registry.formats import hf_card
from registry.matching import Kind
from registry.places import Place
from registry.query import drawn
from registry.query.again import Again
from registry.query.amounts import counted, units
from registry.query.eligible import still_passes
from registry.query.layout import Group, Layout
from registry.query.plan import Plan, PlannedInput, Rows
from registry.query.standing import Labels, Standing, standing
from registry.query.texts import SourceFailedError, TextSource, reading
from registry.sorted_hashes import HashSorter

Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export.

    Attributes:
        place: The snapshot's folder, or its prefix in an object store.
        snapshot_root: Its identity.
        certificate: SHA-256 of `certificate.json`.
        documents: How many documents it holds.
        files: How many shards.
        existed: The same snapshot was already there, and nothing was written.
    """

    place: Place
    snapshot_root: str
    certificate: str
    documents: int
    files: int
    existed: bool = False

    @property
    def path(self) -> Path:
        """Return the snapshot's folder; one in an object store has none."""
        if not isinstance(self.place, Path):
            raise TypeError(f"{self.place} is no folder")
        return self.place


def snapshot(
    database: Database,
    store: Store,
    plan: Plan,
    out: Place,
    *,
    signer: Signer,
    issuer: Issuer,
    clock: Clock,
    threads: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Exported:
    """Write what a plan draws as a certified snapshot.

    Args:
        database: The catalogue.
        store: The registry's storage.
        plan: What to write; one that does not keep its recipe is refused.
        out: The folder to make, or the prefix to fill; nothing is there, or this very snapshot.
        signer: The certificate key.
        issuer: Who signs.
        clock: The registry's clock.
        threads: With two or more, reading overlaps with writing; the result is the same.
        on_progress: Called with documents written and documents in all.

    Raises:
        GuaranteeError: The plan does not keep its recipe.
        ConflictError: A text is gone or not what was registered, or `out` is taken.
        UnavailableError: The disk, the object store or the database refused.
    """
    plan.require()
    out = destinations.normal(out)
    intents.recover(database, store, now=clock())
    layout = Layout(plan)
    manifest, statements = _manifest(layout, issuer, store)
    total, files_made = manifest.total.documents, len(manifest.shards)
    if existing := destinations.existing(database, out, manifest):
        return Exported(out, manifest.root, existing, total, files_made, existed=True)
    destinations.check(database, out)
    _check_inputs(plan)
    writer = intents.open_intent(database, IntentKind.EXPORT, now=clock(), target=str(out))
    try:
        folder = intents.staged(store, out, writer.uid)
        envelopes = [sign(signer, statement.to_statement()) for statement in statements]
        job = _Job(database, store, layout, folder, writer, clock, threads, on_progress)
        files = job.run(envelopes)
        certificate = _certificate(plan, layout, manifest, files, issuer, clock())
        data = sign(signer, certificate.to_statement())
        _write_sidecars(folder, manifest, certificate, data)
        destinations.send(
            folder, out, on_chunk=lambda: intents.renew(database, writer, now=clock())
        )
        seen = plan.log_size
        while True:
            again = reading(database, store, folder)
            seen = _check_unchanged(database, store, plan, seen, again)
            with database.write() as session:
                if ledger.size(session) != seen and _claims_since(session, seen):
                    continue
                _record(session, store, plan, manifest, data, out=out, signer=signer, now=clock())
                intents.commit_before_move(session, writer)
            break
    except BaseException:
        intents.abandon(database, store, writer)
        raise
    try:
        intents.appear(store, out, writer.uid)
    except BaseException:
        intents.give_up(database, writer.uid)
        raise
    intents.finish(database, writer)
    return Exported(out, manifest.root, sha256_hex(data), total, files_made)


MAX_INPUTS: Final = 400
"""How many inputs and evaluation sets a log entry can name."""

_OF_NO_TEXT: Final = (EntryKind.KEY_CREATED, EntryKind.SNAPSHOT_EXPORTED)


def _check_inputs(plan: Plan) -> None:
    """Refuse, before anything is written, more than a log entry can name."""
    sets = 0 if plan.evaluations is None else len(plan.evaluations.sets)
    if len(plan.inputs) + sets > MAX_INPUTS:
        more = f" and {sets} evaluation sets" if sets else ""
        raise InvalidInputError(
            f"the recipe has {len(plan.inputs)} sources{more}, more than {MAX_INPUTS}",
            hint="register some of them as one dataset",
        )


def _claims_since(session: Session, size: int) -> bool:
    """Return whether the log got an entry that may change what counts for some text."""
    kinds = [str(kind) for kind in _OF_NO_TEXT]
    found = sa.select(LogEntry.position).where(
        LogEntry.position >= size, LogEntry.kind.not_in(kinds)
    )
    return session.execute(found.limit(1)).first() is not None


def _check_unchanged(database: Database, store: Store, plan: Plan, seen: int, again: Again) -> int:
    """Return the size of a log under which the plan's rows still stand as they were planned.

    Writing may take hours, and a correction that came meanwhile must not be exported over, nor
    an evaluation set.

    Raises:
        ConflictError: Something recorded since changes what counts for a drawn document, or
            whether it may be drawn.
    """
    with database.read() as session:
        size = ledger.size(session)
        if not _claims_since(session, seen):
            return size
        for item in plan.inputs:
            now = standing(session, store, item.standing.version)
            if not _same_rows(item, now):
                raise ConflictError(
                    f"claims about `{item.ref.short}` changed while it was exported",
                    hint="nothing was exported; run the command again to plan anew",
                )
        if not still_passes(session, store, plan, again=again):
            raise ConflictError(
                "what the recipe leaves out changed while it was exported: evaluation sets, "
                "protected versions or dates",
                hint="nothing was exported; run the command again to plan anew",
            )
    return size


def _same_rows(item: PlannedInput, now: Standing) -> bool:
    """Return whether everything that an export says about the drawn rows is as it was."""
    was, rows = item.standing, item.rows
    labels = ((was.generators, now.generators), (was.licenses, now.licenses))
    return (
        np.array_equal(was.view.ranks[rows], now.view.ranks[rows])
        and np.array_equal(was.view.human_bytes[rows], now.view.human_bytes[rows])
        and np.array_equal(was.view.contested[rows], now.view.contested[rows])
        and np.array_equal(was.not_before[rows], now.not_before[rows])
        and np.array_equal(was.not_after[rows], now.not_after[rows])
        and all(_same_names(one, two, rows) for one, two in labels)
    )


def _same_names(one: Labels, two: Labels, rows: Rows) -> bool:
    pairs = np.unique(np.stack([one.codes[rows], two.codes[rows]]), axis=1)
    return all(one.names[left] == two.names[right] for left, right in pairs.T.tolist())


def _manifest(
    layout: Layout, issuer: Issuer, store: Store
) -> tuple[Manifest, list[ShardStatement]]:
    """Return the manifest and the shards' statements, before a byte is written."""
    columns = shards.columns()
    entries: list[ShardEntry] = []
    origins: list[dict[str, Tally]] = []
    for index, groups in enumerate(layout.shards):
        tree, sums = shards.RecordTree(), dict[str, Tally]()
        for group in groups:
            rows = layout.provenance(group)
            tree.add(rows)
            _add(sums, shards.tallies(rows, layout.sizes(group)))
        entries.append(ShardEntry(shard_name(index), tree.rows, tree.root().hex()))
        origins.append(_by_caution(sums))
    everything = dict[str, Tally]()
    for sums in origins:
        _add(everything, sums)
    root, distinct = _content(layout, store)
    manifest = Manifest(
        plan=layout.plan.digest,
        content_root=root.hex(),
        record_root=shards_root(bytes.fromhex(entry.record_root) for entry in entries).hex(),
        columns=columns,
        distinct=distinct,
        empty=layout.empty,
        origins=_by_caution(everything),
        shards=tuple(entries),
    )
    statements = [
        ShardStatement(manifest.root, index, entry, columns, sums, issuer)
        for index, (entry, sums) in enumerate(zip(entries, origins, strict=True))
    ]
    return manifest, statements


def _content(layout: Layout, store: Store) -> tuple[bytes, int]:
    """Return the content root of all rows and how many different texts they are.

    Raises:
        UnavailableError: There are more than fit into memory, and the disk refused.
    """
    sorter = HashSorter(store.root)
    try:
        for hashes in layout.hashes():
            sorter.add(hashes)
        return sorter.finish()
    except OSError as error:
        raise UnavailableError(
            f"`{store.root}` cannot be written: {error.strerror or error}",
            hint="make room on the disk; nothing was recorded",
        ) from error


def _add(sums: dict[str, Tally], more: dict[str, Tally]) -> None:
    for name, tally in more.items():
        sums[name] = sums.get(name, Tally()) + tally


def _by_caution(sums: dict[str, Tally]) -> dict[str, Tally]:
    return {str(name): sums[name] for name in ORIGINS_BY_CAUTION if name in sums}


@dataclass(slots=True)
class _Job:
    """Writes the shards of one snapshot into a folder that nobody sees yet."""

    database: Database
    store: Store
    layout: Layout
    folder: Path
    writer: intents.Writer
    clock: Clock
    threads: int
    on_progress: Callable[[int, int], None] | None

    def run(self, envelopes: list[bytes]) -> dict[str, str]:
        """Write all shards and return the SHA-256 of each file.

        A place whose texts are not what was registered is passed over for another one that the
        catalogue knows; only when there is none, the export fails.
        """
        avoid: set[str] = set()
        while True:
            try:
                return self._write(envelopes, avoid)
            except SourceFailedError as error:
                avoid.add(error.uid)
                if not self._has_another_place(error, avoid):
                    raise ConflictError(error.message, hint=error.hint) from error

    def _has_another_place(self, error: SourceFailedError, avoid: set[str]) -> bool:
        return any(place.uid not in avoid for place in self._source(set()).places(error.version))

    def _source(self, avoid: set[str]) -> TextSource:
        return TextSource(
            self.database, self.store, self.folder, avoid=avoid, ahead=self.threads > 1
        )

    def _write(self, envelopes: list[bytes], avoid: set[str]) -> dict[str, str]:
        data = self.folder / "data"
        files: dict[str, str] = {}
        done = 0
        try:
            data.mkdir(parents=True, exist_ok=True)
            texts = self._source(avoid).read(self.layout)
            try:
                for index, groups in enumerate(self.layout.shards):
                    path = self.folder / shard_name(index)
                    with pq.ParquetWriter(
                        path, shards.SCHEMA, **shards.writer_options()
                    ) as parquet:
                        for group in groups:
                            self._write_group(parquet, group, next(texts))
                            done += group.rows
                            intents.renew(self.database, self.writer, now=self.clock())
                            if self.on_progress:
                                self.on_progress(done, self.layout.rows)
                        parquet.add_key_value_metadata({shards.STATEMENT_KEY: envelopes[index]})
                    with path.open("rb") as file:
                        files[shard_name(index)] = hashlib.file_digest(file, "sha256").hexdigest()
            finally:
                texts.close()
        except OSError as error:
            raise UnavailableError(
                f"`{self.folder.parent}` cannot be written: {error.strerror or error}",
                hint="make room on the disk; nothing was recorded",
            ) from error
        return files

    def _write_group(self, parquet: pq.ParquetWriter, group: Group, texts: pa.Array) -> None:
        rows = self.layout.provenance(group)
        table = pa.Table.from_arrays([texts, *rows.columns], schema=shards.SCHEMA)
        parquet.write_table(table, row_group_size=max(1, group.rows))


def _certificate(
    plan: Plan,
    layout: Layout,
    manifest: Manifest,
    files: dict[str, str],
    issuer: Issuer,
    now: dt.datetime,
) -> Certificate:
    tokens = layout.tokens_by_origin()
    return Certificate(
        manifest=manifest,
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
                licenses=item.licenses,
            )
            for item in plan.inputs
        ),
        exact_duplicates_left_out=plan.duplicates,
        contested=sum(item.contested for item in plan.inputs),
        builder={
            "firsthand": __version__,
            "pyarrow": pa.__version__,
            "python": platform.python_version(),
        },
        log_size=plan.log_size,
        tokens=None if tokens is None or plan.tokenizer is None else Tokens(plan.tokenizer, tokens),
        evaluations=plan.evaluations.stated()
        if plan.evaluations is not None and plan.evaluations.sets
        else None,
    )


def _write_sidecars(
    folder: Path, manifest: Manifest, certificate: Certificate, envelope: bytes
) -> None:
    try:
        (folder / "manifest.json").write_bytes(manifest.to_bytes())
        (folder / "certificate.json").write_bytes(envelope)
        (folder / "README.md").write_text(hf_card.card(certificate), "utf-8")
        sync_tree(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise UnavailableError(
            f"`{folder.parent}` cannot be written: {error.strerror or error}",
            hint="make room on the disk; nothing was recorded",
        ) from error


def _record(
    session: Session,
    store: Store,
    plan: Plan,
    manifest: Manifest,
    envelope: bytes,
    *,
    out: Place,
    signer: Signer,
    now: dt.datetime,
) -> None:
    """Write the rows of a snapshot and the log entry that binds them."""
    rows: list[Base] = []
    recipe = session.execute(
        sa.select(RecipeRow).where(RecipeRow.digest == plan.recipe.digest)
    ).scalar_one_or_none()
    if recipe is None:
        recipe = RecipeRow(digest=plan.recipe.digest, body=plan.recipe.to_json(), recorded_at=now)
        session.add(recipe)
        session.flush()
        rows.append(recipe)
    mixture = Mixture(
        recipe_id=recipe.id,
        plan_digest=plan.digest,
        log_size=plan.log_size,
        documents=plan.documents,
        bytes=plan.bytes,
        words=plan.words,
        recorded_at=now,
    )
    session.add(mixture)
    session.flush()
    parts = [
        MixtureInput(
            mixture_id=mixture.id,
            version_id=item.standing.version.id,
            documents=item.documents,
            bytes=item.bytes,
        )
        for item in plan.inputs
    ]
    exclusions = [
        MixtureExclusion(
            mixture_id=mixture.id,
            version_id=it.item.version.id,
            exact=it.documents[Kind.EXACT],
            near=it.documents[Kind.NEAR],
            passages=it.documents[Kind.PASSAGE],
        )
        for it in (plan.evaluations.sets if plan.evaluations is not None else ())
    ]
    session.add_all([*parts, *exclusions])
    session.flush()
    drawn_rows = [
        _drawn_rows(store, plan, item, part) for item, part in zip(plan.inputs, parts, strict=True)
    ]
    session.add_all(drawn_rows)
    made = Snapshot(
        mixture_id=mixture.id,
        key_id=_key_id(session, signer),
        snapshot_root=manifest.root,
        certificate_digest=sha256_hex(envelope),
        path=str(out),
        issued_at=now,
    )
    session.add(made)
    rows += [mixture, *parts, *drawn_rows, *exclusions, made]
    ledger.append(
        session,
        EntryKind.SNAPSHOT_EXPORTED,
        now=now,
        facts={
            "certificate": made.certificate_digest,
            "plan": plan.digest,
            "snapshot_root": manifest.root,
        },
        rows=rows,
    )


def _drawn_rows(store: Store, plan: Plan, item: PlannedInput, part: MixtureInput) -> DrawnRows:
    """Store which rows of an input are drawn, unless all are, and return the row about them."""
    stand, rows = item.standing, item.rows
    digest = None
    if len(rows) != len(stand.hashes):
        data = drawn.encode(rows)
        digest = sha256_hex(data)
        store.put_mixture(digest, data)
    asked = plan.recipe.human
    of = asked.of if asked else Unit.BYTES
    count = asked.count if asked else [Origin.HUMAN]
    return DrawnRows(
        input_id=part.id,
        digest=digest,
        documents=len(rows),
        weight=int(units(stand, of)[rows].sum()),
        human=int(counted(stand, of, count)[rows].sum()),
    )


def _key_id(session: Session, signer: Signer) -> int:
    found = session.execute(
        sa.select(SigningKey.id).where(SigningKey.keyid == signer.public.keyid)
    ).scalar_one_or_none()
    if found is None:
        raise ConflictError(
            "the private key is not a key of this registry",
            hint="restore `keys/issuer.key` from your backup",
        )
    return found
